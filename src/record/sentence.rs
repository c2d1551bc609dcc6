//! One plain sentence for each event: turns, waits, timers and cancelling. Those of locks, channels and the rest are in
//! `sentence_shared.rs`.

use crate::record::event::Event;
use crate::record::names::named_job;
use crate::record::printable::{quoted, span};
use crate::record::state::{LiveTask, TaskPhase};
use crate::record::values::{Actor, Ask, Awaited, Outcome, TextId};
use crate::record::wording::{Wording, capitalized};

impl Wording<'_> {
    /// Returns the sentence for an event at a time.
    pub(crate) fn sentence(&self, time: u64, event: &Event) -> String {
        match *event {
            Event::Spawn { task, by, .. } => {
                let (by, name) = (self.subject_by(by), self.task(task));
                format!("{by} spawns {name}: a new entry in the task map.")
            }
            Event::Schedule { task, at } => self.schedule(task, at),
            Event::Poll { task, turn } => self.poll(task, turn),
            Event::Return { task, outcome } => self.returned(task, outcome),
            Event::Wake { task, by } => self.wake(task, by),
            Event::Wait { task, on } => self.wait(task, on),
            Event::Unwait { task, on } => {
                format!("{} no longer waits for {}.", self.subject(task), self.awaited(on))
            }
            Event::Done { task, outcome, message } => self.done(task, outcome, message),
            Event::Drop { task } => {
                format!("The future of {} is dropped outside of a turn.", self.task(task))
            }
            Event::TimerSet { timer, task, at } => self.timer_set(timer, task, at),
            Event::TimerFire { timer } => {
                format!("{} is due, and leaves the heap.", capitalized(&self.timer(timer)))
            }
            Event::TimerCancel { timer } => {
                format!("{} is cancelled, and leaves the heap.", capitalized(&self.timer(timer)))
            }
            Event::Park { until } => self.park(until),
            Event::Unpark { by } => {
                let what = match by {
                    Actor::Timer(_) | Actor::Remote | Actor::Io(_) => {
                        format!("{} wakes the scheduler", self.by(by))
                    }
                    _ => "the scheduler is awake again".into(),
                };
                format!("It is +{}: {what}.", span(time))
            }
            _ => self.request(event),
        }
    }

    // ----- turns -----

    fn schedule(&self, task: u64, at: Option<u32>) -> String {
        let name = self.subject(task);
        match self.state.task(task) {
            None => return format!("{name} is scheduled, and is not in the task map."),
            Some(known) if known.phase == TaskPhase::Ready => {
                return format!("{name} is scheduled, and is ready already.");
            }
            Some(LiveTask { scope: Some(scope), .. }) => {
                return format!("{name} is ready, in the queue of {}.", self.scope(*scope));
            }
            Some(_) => {}
        }
        let length = self.state.ready.len();
        let index = at.map_or(length, |at| length.min(at as usize));
        let (place, count) = (index + 1, length + 1);
        match index {
            _ if index == length => {
                format!("{name} joins the back of the ready queue, place {place} of {count}.")
            }
            0 => format!("{name} goes to the front of the ready queue, place 1 of {count}."),
            _ => format!("{name} joins the ready queue, place {place} of {count}."),
        }
    }

    fn poll(&self, task: u64, turn: u64) -> String {
        let name = self.task(task);
        let within = match self.state.current() {
            Some(outer) if outer != task => format!(", within the turn of {}", self.task(outer)),
            _ => String::new(),
        };
        match self.state.ready.iter().position(|&ready| ready == task) {
            Some(0) => format!(
                "Turn {turn}: the scheduler takes {name} from the front of the ready queue and polls it{within}."
            ),
            Some(index) => format!(
                "Turn {turn}: the scheduler takes {name} from place {} of the ready queue and polls it{within}.",
                index + 1
            ),
            None => match self.state.task(task) {
                Some(LiveTask { scope: Some(scope), phase: TaskPhase::Ready, .. }) => {
                    let scope = self.scope(*scope);
                    format!(
                        "Turn {turn}: {scope} takes {name} from its queue and polls it{within}."
                    )
                }
                _ => format!("Turn {turn}: {name} is polled{within}."),
            },
        }
    }

    fn returned(&self, task: u64, outcome: Outcome) -> String {
        let name = self.task(task);
        match outcome {
            Outcome::Pending if self.state.task(task).is_some_and(|task| task.is_woken) => {
                format!("The poll returns Pending, but {name} is woken already.")
            }
            Outcome::Pending => {
                let is_alone = self.state.running.iter().all(|&running| running == task);
                let rest = if is_alone { ", and no task is running" } else { "" };
                format!("The poll returns Pending: {name} goes to wait{rest}.")
            }
            Outcome::Ready => format!("The poll returns Ready: {name} has run to its end."),
            Outcome::Panic => format!("The poll ends: {name} has panicked."),
            Outcome::Cancelled => format!("The poll ends: {name} is cancelled."),
        }
    }

    fn wake(&self, task: u64, by: Actor) -> String {
        let name = self.task(task);
        let known = self.state.task(task);
        let why = match known {
            None => "is not in the task map",
            Some(known) if known.phase == TaskPhase::Ready => "is ready already",
            Some(known) if known.is_woken => "was woken already",
            Some(_) => "",
        };
        let effect = match why {
            "" => String::new(),
            why => format!(": {name} {why}, so nothing changes"),
        };
        if by == Actor::Task(task) {
            let is_running = known.is_some_and(|known| known.phase == TaskPhase::Running);
            let effect = match (why, is_running) {
                ("", true) => " during its turn, so it will be polled again",
                _ => &effect,
            };
            return format!("{} wakes itself{effect}.", self.subject(task));
        }
        let by = match by {
            Actor::Timer(timer) if self.timer_task(timer) == Some(task) => format!("Timer {timer}"),
            by => self.subject_by(by),
        };
        format!("{by} wakes {name}{effect}.")
    }

    fn done(&self, task: u64, outcome: Outcome, message: Option<TextId>) -> String {
        let how = match outcome {
            Outcome::Pending | Outcome::Ready => "finished",
            Outcome::Panic => "panicked",
            Outcome::Cancelled => "cancelled",
        };
        let message = message.map(|message| format!(", {}", quoted(self.text(message))));
        let message = message.unwrap_or_default();
        format!("{} is out of the task map: {how}{message}.", self.subject(task))
    }

    // ----- waits -----

    fn wait(&self, task: u64, on: Awaited) -> String {
        let name = self.subject(task);
        match on {
            Awaited::Task(other) => format!(
                "{name} waits for {} to finish, and leaves its waker with it.",
                self.task(other)
            ),
            Awaited::Scope(scope) => {
                format!("{name} waits until all tasks of scope s{scope} have ended.")
            }
            Awaited::Resource(resource) => self.wait_for_resource(task, resource),
            Awaited::Timer(_) | Awaited::Job(_) | Awaited::Io(_) => {
                format!("{name} waits for {}, and leaves its waker with it.", self.awaited(on))
            }
        }
    }

    fn wait_for_resource(&self, task: u64, resource: u64) -> String {
        let known = self.state.resource(resource);
        let owners = known.map_or(&[][..], |known| &known.owners);
        let on = self.resource(resource);
        let holders = match *owners {
            [] => String::new(),
            [(owner, _)] => self.task(owner),
            [(owner, _), (other, _)] => format!("{} and {}", self.task(owner), self.task(other)),
            [(owner, _), .., _] => {
                format!("{} and {} others", self.task(owner), owners.len() - 1)
            }
        };
        let (subject, name) = (self.subject(task), self.task(task));
        match *owners {
            [] => format!("{subject} waits for {on}, and leaves its waker with it."),
            _ if self.has_permits(resource) => {
                let hold = if owners.len() == 1 { "holds" } else { "hold" };
                let some = format!("{holders} {hold} some");
                format!("{subject} waits for permits of {on}: {some}.")
            }
            [(owner, _)] if owner == task => format!(
                "{subject} holds {on} itself: it leaves its waker in the line for it, and waits."
            ),
            _ => {
                let on = capitalized(&on);
                format!(
                    "{on} is held by {holders}: {name} leaves its waker in the line for it, and waits."
                )
            }
        }
    }

    fn timer_set(&self, timer: u64, task: u64, at: u64) -> String {
        let name = self.subject(task);
        let due = match at {
            u64::MAX => "never due".into(),
            at => format!("due at +{}", span(at)),
        };
        match self.state.timers.get(&timer) {
            None => format!("{name} puts timer {timer} into the heap, {due}."),
            Some(known) if known.task == task => format!("{name} sets timer {timer} anew, {due}."),
            Some(_) => format!("{name} takes timer {timer} over, {due}."),
        }
    }

    fn park(&self, until: u64) -> String {
        if until == u64::MAX {
            return "No task is ready, so the scheduler sleeps until something outside wakes a task."
                .into();
        }
        let due = self.state.timers.iter().find(|(_, timer)| timer.at == until);
        let due = due.map(|(&timer, _)| format!(", when {} is due", self.timer(timer)));
        let due = due.unwrap_or_default();
        format!("No task is ready, so the scheduler sleeps until +{}{due}.", span(until))
    }

    // ----- cancelling, scopes and jobs -----

    fn request(&self, event: &Event) -> String {
        match *event {
            Event::Ask(ref ask) => self.ask(ask),
            Event::Abort { task, by } => {
                let (by, task) = (self.subject_by(by), self.task(task));
                format!("{by} aborts {task}, to be dropped at its next turn without a clean-up.")
            }
            Event::Shutdown { has_begun: true } => {
                "A shutdown begins: every task is asked to end.".into()
            }
            Event::Shutdown { has_begun: false } => "The shutdown has ended.".into(),
            Event::Answer(ref ask) => {
                let why = quoted(self.text(ask.why));
                format!("The request {why} to {} is dealt with.", self.task(ask.task))
            }
            Event::Order { ref tasks } => {
                let named: Vec<String> =
                    tasks.iter().take(5).map(|&task| self.task(task)).collect();
                let more = if tasks.len() > 5 { ", …" } else { "" };
                format!("The policy reorders the ready queue: {}{more}.", named.join(", "))
            }
            Event::Catch { task, why } => {
                let why = quoted(self.text(why));
                format!("{} catches the request {why}, and may clean up.", self.subject(task))
            }
            Event::Resume { task, why } => {
                format!("{} passes the request {} on.", self.subject(task), quoted(self.text(why)))
            }
            Event::Cleaned { task } => format!("{} has cleaned up.", self.subject(task)),
            Event::Mask { task, on: true } => {
                let name = self.subject(task);
                format!("{name} puts on a mask: cancel requests wait until it is off.")
            }
            Event::Mask { task, on: false } => self.unmask(task),
            Event::Scope { scope, task, is_open: true } => {
                let name = self.subject(task);
                format!("{name} opens scope s{scope}: it ends when all its tasks have ended.")
            }
            Event::Scope { scope, is_open: false, .. } => {
                let scope = capitalized(&self.scope(scope));
                format!("{scope} ends: all its tasks have ended.")
            }
            Event::Child { scope, task } => {
                format!("{} belongs to {}.", self.subject(task), self.scope(scope))
            }
            Event::Block { job, task, name } => {
                let job = named_job(self.tables, job, name);
                format!("{} hands blocking {job} to another thread.", self.subject(task))
            }
            Event::JobDone { job } => format!("Blocking {} has ended.", self.job(job)),
            _ => self.shared(event),
        }
    }

    fn unmask(&self, task: u64) -> String {
        let (name, known) = (self.subject(task), self.state.task(task));
        if known.is_some_and(|task| task.masks > 1) {
            return format!("{name} takes one of its masks off.");
        }
        let ask = known.and_then(|task| task.requests.first());
        let rest =
            ask.map(|ask| format!(": the request {} may reach it now", quoted(self.text(ask.why))));
        format!("{name} takes its mask off{}.", rest.unwrap_or_default())
    }

    fn ask(&self, ask: &Ask) -> String {
        let task = self.task(ask.task);
        let part = ask.part.map(|part| match self.tables.place(part) {
            Some(place) => format!("the part of {task} at {place}"),
            None => format!("a part of {task}"),
        });
        let is_masked = self.state.task(ask.task).is_some_and(|task| task.masks > 0);
        let mask = if is_masked { ", but a mask holds the request back" } else { "" };
        let (by, why) = (self.subject_by(ask.by), quoted(self.text(ask.why)));
        format!("{by} asks {} to end: {why}{mask}.", part.unwrap_or(task))
    }
}

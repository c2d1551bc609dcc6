//! From the transitions of a scheduler to the events of a recording.
//!
//! A recording has some events for which there is no transition, since they follow from others: the end of a task ends
//! the waits for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use crate::kernel::{Ending, Kernel, Place, TaskId, TaskKey};
use crate::machine::Instant;
use crate::record::event::Event;
use crate::record::numbers::Numbers;
use crate::record::recorder::Recorder;
use crate::record::values::{Actor, Ask, Awaited, EndReason, Outcome};
use crate::report::{
    self, Cause, Detail, Observer, PendingRequest, Report, Transition, TurnResult, id_anywhere,
};
use crate::scheduler::Builder;
use crate::time::Time;
use crate::watch::happened_at;

impl Recorder {
    /// Records the scheduler that this builder builds, as an observer among others.
    ///
    /// A recorder records one scheduler. What happens in another one, even in its own turns, is not recorded: its tasks act
    /// as code outside, and a wait for the end of one of them is none in the recording.
    ///
    /// Times are those of the scheduler's clock. Under a [virtual](Builder::virtual_time) one, two runs of the same
    /// program have the same recording, byte for byte.
    ///
    /// # Panics
    ///
    /// If the recorder, or a clone of it, is attached already.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::{Scheduler, record::{Recorder, Replay}, sleep};
    ///
    /// let recorder = Recorder::new();
    /// let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
    /// scheduler.block_on(sleep(Duration::from_millis(100)));
    ///
    /// let replay = Replay::new(recorder.finish());
    /// let sentences: Vec<String> = replay.steps().map(|step| step.to_string()).collect();
    /// assert!(sentences.contains(&"Timer 1 of main is due, and leaves the heap.".to_owned()));
    /// ```
    #[track_caller]
    pub fn attach(&self, builder: Builder) -> Builder {
        assert!(
            self.set_attached(),
            "this recorder is attached to a scheduler already, and a second one would use the same task \
             ids: create a recorder for each scheduler"
        );
        let recorder = self.clone();
        builder.late_observer(move |kernel| Rc::new(RunObserver::new(recorder, kernel)))
    }
}

/// Records one scheduler.
pub(super) struct RunObserver {
    scheduler: NonZeroU32,
    pub(super) recorder: Recorder,
    time: Rc<Time>,
    pub(super) known: RefCell<Known>,
}

/// What the recording has said so far, as far as later events depend on it.
#[derive(Default)]
pub(super) struct Known {
    pub(super) numbers: Numbers,
    /// The task that waits for the end of a task.
    pub(super) joins: HashMap<u64, u64>,
    /// The scopes of tasks whose `spawn` comes next.
    pub(super) children: HashMap<u64, u64>,
    /// The requests on each task, with their parts, in the order in which they were recorded.
    requests: HashMap<u64, Vec<AskedPart>>,
    /// The timer that fired last.
    pub(super) fired: u64,
    /// The timers of each task that have fired since its last turn, by their places; 0 if several were created there.
    fired_at: HashMap<u64, Vec<(Place, u64)>>,
    /// The task that has panicked and is about to end, and the message.
    pub(super) panic: Option<(u64, Arc<str>)>,
    /// The tasks that take their turns.
    in_turn: Vec<u64>,
    /// The task whose last turn has just ended.
    last_turn_of: Option<u64>,
    /// The thread is awake since then, and what woke it is seen by the next event.
    awake_since: Option<u64>,
}

/// The part that was asked to end, and the reason.
type AskedPart = (Option<Place>, Arc<str>);

impl Known {
    /// A task waits for something of which only one task can wait, or none does; returns the one that did before.
    pub(super) fn set_waiter(&mut self, on: report::Awaited, task: u64) -> u64 {
        let before = match on {
            report::Awaited::Task(target) if task == 0 => self.joins.remove(&target.as_u64()),
            report::Awaited::Task(target) => self.joins.insert(target.as_u64(), task),
            report::Awaited::Job(job) => return self.numbers.set_job_waiter(job, task),
            _ => None,
        };
        before.unwrap_or(0)
    }

    /// The turn of a task has ended; returns whether it was taking one.
    fn leave_turn(&mut self, task: u64) -> bool {
        let at = self.in_turn.iter().rposition(|&other| other == task);
        at.map(|at| self.in_turn.remove(at)).is_some()
    }

    /// A timer that was set at this place has fired.
    pub(super) fn fire(&mut self, timer: u64, task: u64, place: Place) {
        self.fired = timer;
        let fired = self.fired_at.entry(task).or_default();
        match fired.iter_mut().find(|(other, _)| *other == place) {
            Some((_, last)) => *last = 0, // More than one is due: it is not known which of them will ask.
            None => fired.push((place, timer)),
        }
    }
}

pub(super) fn id(task: Option<TaskId>) -> u64 {
    task.map_or(0, TaskId::as_u64)
}

impl RunObserver {
    fn new(recorder: Recorder, kernel: &Kernel) -> Self {
        let time = kernel.part::<Time>().expect("every scheduler has a clock");
        recorder.set_time(&time);
        RunObserver { scheduler: kernel.id, recorder, time, known: RefCell::default() }
    }

    fn now(&self) -> u64 {
        let clock = &self.time.clock;
        let now = match happened_at().filter(|_| !clock.is_virtual()) {
            Some(at) => clock.at(at),
            None => clock.now(),
        };
        now.max(0).unsigned_abs()
    }

    /// Returns a point in time as the recording counts it.
    pub(super) fn at(&self, instant: Option<Instant>) -> u64 {
        let at = instant.map(|instant| self.time.clock.at(instant));
        at.map_or(u64::MAX, |at| at.max(0).unsigned_abs())
    }

    pub(super) fn record(&self, place: Option<Place>, event: Event) {
        self.recorder.record(self.now(), place, event);
    }

    // ----- transitions -----

    fn turn_began(&self, task: u64, turn: u64) {
        self.known.borrow_mut().in_turn.push(task);
        self.record(None, Event::Poll { task, turn });
    }

    fn turn_ended(&self, task: u64, result: TurnResult) {
        {
            let mut known = self.known.borrow_mut();
            known.leave_turn(task);
            known.fired_at.remove(&task);
            known.last_turn_of = matches!(result, TurnResult::Exited(_)).then_some(task);
        }
        let outcome = match result {
            TurnResult::Waiting => Outcome::Pending,
            TurnResult::Yielded => {
                self.record(None, Event::Wake { task, by: Actor::Task(task) });
                Outcome::Pending
            }
            TurnResult::Exited(ending) => outcome(ending),
        };
        self.record(None, Event::Return { task, outcome });
    }

    fn scheduled(&self, task: u64, cause: Cause) {
        let has_yielded = cause_is(cause, task);
        if cause != Cause::Spawn && !has_yielded {
            self.record(None, Event::Wake { task, by: self.actor(cause) });
        }
        self.record(None, Event::Schedule { task, at: None });
    }

    pub(super) fn actor(&self, cause: Cause) -> Actor {
        match cause {
            Cause::Task(task) => Actor::Task(task.as_u64()),
            Cause::Timer => Actor::Timer(self.known.borrow().fired),
            Cause::Mail => Actor::Remote,
            Cause::Spawn | Cause::Outside => Actor::Outside,
        }
    }

    /// The timer of a timeout that was created at this place, and has asked a part of a task to end. If the deadline had
    /// passed from the start, there is no timer, and the task asks itself.
    pub(super) fn deadline(&self, task: u64, place: Place) -> Actor {
        let known = self.known.borrow();
        let mut fired = known.fired_at.get(&task).into_iter().flatten();
        let own = fired.find(|(other, timer)| *other == place && *timer != 0);
        own.map_or(Actor::Task(task), |&(_, timer)| Actor::Timer(timer))
    }

    /// The task whose turn it is; outside of it all, also for code in a turn of another scheduler.
    pub(super) fn current_actor(&self) -> Actor {
        let current = TaskKey::current().filter(|task| task.scheduler == self.scheduler);
        current.map_or(Actor::Outside, |task| Actor::Task(id_anywhere(task).as_u64()))
    }

    fn exited(&self, task: u64, ending: Ending) {
        let (waiter, panic, has_panicked, is_dropped) = {
            let mut known = self.known.borrow_mut();
            // The panic of a root ends its turn and its run, and goes to the caller, which has the message.
            let has_panicked = known.leave_turn(task) && thread::panicking();
            known.requests.remove(&task);
            known.fired_at.remove(&task);
            let panic = known.panic.take().filter(|(panicked, _)| *panicked == task);
            let is_dropped = known.last_turn_of.take() != Some(task) && !has_panicked;
            (known.joins.remove(&task), panic, has_panicked, is_dropped)
        };
        let outcome = if has_panicked { Outcome::Panic } else { outcome(ending) };
        if has_panicked {
            self.record(None, Event::Return { task, outcome });
        }
        if is_dropped {
            self.record(None, Event::Drop { task });
        }
        let message = panic.map(|(_, message)| self.recorder.text(&message));
        self.record(None, Event::Done { task, outcome, message });
        if let Some(waiter) = waiter {
            self.record(None, Event::Unwait { task: waiter, on: Awaited::Task(task) });
        }
        if has_panicked {
            self.record(None, Event::End { why: EndReason::Panic });
        }
    }

    fn spawned(&self, task: u64, name: Option<&str>, by: Actor, place: Place) {
        let name = name.map(|name| self.recorder.text(name));
        self.record(Some(place), Event::Spawn { task, name, by });
        let scope = self.known.borrow_mut().children.remove(&task);
        if let Some(scope) = scope {
            self.record(None, Event::Child { scope, task });
        }
    }

    /// The thread has woken up, and this is what it was woken by.
    pub(super) fn awake(&self, by: Actor) {
        let since = self.known.borrow_mut().awake_since.take();
        if let Some(since) = since {
            self.recorder.record(since, None, Event::Unpark { by });
        }
    }

    pub(super) fn ask(&self, task: u64, part: Option<Place>, reason: &Arc<str>, by: Actor) {
        self.known.borrow_mut().requests.entry(task).or_default().push((part, Arc::clone(reason)));
        let part = part.map(|part| self.recorder.place(part));
        let why = self.recorder.text(reason);
        self.record(None, Event::Ask(Box::new(Ask { task, part, why, by })));
    }

    /// Brings the requests on a task up to date: some have had their effect.
    pub(super) fn requests(&self, task: u64, requests: &[PendingRequest]) {
        let mut left: Vec<AskedPart> =
            requests.iter().map(|request| (request.part, Arc::clone(&request.reason))).collect();
        let before = self.known.borrow_mut().requests.remove(&task).unwrap_or_default();
        let mut kept = Vec::new();
        for request in before {
            if let Some(at) = left.iter().position(|other| *other == request) {
                kept.push(left.remove(at));
            } else {
                let part = request.0.map(|part| self.recorder.place(part));
                let (why, by) = (self.recorder.text(&request.1), Actor::Outside);
                self.record(None, Event::Answer(Box::new(Ask { task, part, why, by })));
            }
        }
        if !kept.is_empty() {
            self.known.borrow_mut().requests.insert(task, kept);
        }
        for (part, reason) in left {
            self.ask(task, part, &reason, Actor::Request);
        }
    }
}

fn cause_is(cause: Cause, task: u64) -> bool {
    matches!(cause, Cause::Task(by) if by.as_u64() == task)
}

fn outcome(ending: Ending) -> Outcome {
    match ending {
        Ending::Returned => Outcome::Ready,
        Ending::Panicked => Outcome::Panic,
        Ending::Aborted | Ending::Cancelled => Outcome::Cancelled,
    }
}

impl Observer for RunObserver {
    fn transition(&self, transition: &Transition) {
        match transition {
            Transition::Detail(Detail::TimerGone { has_fired: true, .. }) => {}
            Transition::Scheduled { cause: Cause::Mail, .. } => self.awake(Actor::Remote),
            _ => self.awake(Actor::Outside),
        }
        match transition {
            Transition::Spawned { task, name, place } => {
                let by = self.current_actor();
                self.spawned(task.as_u64(), name.as_deref(), by, place);
            }
            Transition::Scheduled { task, cause } => self.scheduled(task.as_u64(), *cause),
            Transition::TurnBegan { task, turn } => {
                self.turn_began(task.as_u64(), *turn);
            }
            Transition::TurnEnded { task, result, .. } => self.turn_ended(task.as_u64(), *result),
            Transition::Asked { task, reason } => {
                let by = self.current_actor();
                self.ask(task.as_u64(), None, reason, by);
            }
            Transition::Caught { task, reason, place } => {
                let why = self.recorder.text(reason);
                self.record(Some(place), Event::Catch { task: task.as_u64(), why });
            }
            Transition::Exited { task, ending } => self.exited(task.as_u64(), *ending),
            Transition::Parked { until } => {
                self.record(None, Event::Park { until: self.at(*until) });
            }
            Transition::Unparked => {
                let now = self.now();
                self.known.borrow_mut().awake_since = Some(now);
            }
            Transition::ClockJumped { to } => {
                let until = self.at(Some(*to));
                // The clock shows the new time already. The sleep began when the last event happened, and no event is
                // earlier than the one before it.
                self.recorder.record(0, None, Event::Park { until });
                self.known.borrow_mut().awake_since = Some(until);
            }
            Transition::TimerFired => {}
            Transition::Detail(detail) => self.detail(detail),
        }
    }

    fn reported(&self, report: &Report) {
        if let Report::SlowTurn { task, took, .. } = report {
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.record(None, Event::Slow { task: task.id.as_u64(), took });
        }
    }
}

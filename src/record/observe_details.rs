//! From the details of a scheduler to the events of a recording.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::kernel::Place;
use crate::record::event::Event;
use crate::record::numbers::KnownTimer;
use crate::record::observe::{RunObserver, id};
use crate::record::values::{Actor, Awaited, EndReason};
use crate::report::{self, Cause, Cycle, Detail, Resource, ResourceId, TimerId, WaitsFor};

fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Returns the kind of a resource, as a noun without an article. Reports call the values of a channel by what a task
/// waits for there; the room in a channel is a resource of its own.
fn plain(kind: &'static str) -> &'static str {
    let values = ["a message on ", "a change on ", "an item in ", "the "];
    values.iter().find_map(|values| kind.strip_prefix(values)).unwrap_or(kind)
}

impl RunObserver {
    pub(super) fn detail(&self, detail: &Detail) {
        match detail {
            Detail::WokenAgain { .. }
            | Detail::WaitBegan { .. }
            | Detail::WaitEnded { .. }
            | Detail::Closed { .. }
            | Detail::ResourceGone { .. }
            | Detail::Acquired { .. }
            | Detail::Released { .. }
            | Detail::Sent { .. }
            | Detail::Received { .. }
            | Detail::TimerSet { .. }
            | Detail::TimerGone { .. } => self.waits_and_locks(detail),
            Detail::Panicked { .. }
            | Detail::PartAsked { .. }
            | Detail::Requests { .. }
            | Detail::Resumed { .. }
            | Detail::CleanedUp { .. }
            | Detail::MaskBegan { .. }
            | Detail::MaskEnded { .. }
            | Detail::Aborted { .. }
            | Detail::ShutdownBegan
            | Detail::ShutdownEnded => self.cancelling(detail),
            Detail::JobBegan { .. }
            | Detail::JobEnded { .. }
            | Detail::ScopeOpened { .. }
            | Detail::ChildSpawned { .. }
            | Detail::ScopeEnded { .. }
            | Detail::PassOrdered { .. }
            | Detail::RunEnded { .. }
            | Detail::Said { .. } => self.rare_detail(detail),
        }
    }

    fn waits_and_locks(&self, detail: &Detail) {
        match detail {
            Detail::WokenAgain { task, cause } => {
                let by = self.actor(*cause);
                self.record(None, Event::Wake { task: task.as_u64(), by });
            }
            Detail::WaitBegan { task, on, what, place } => {
                self.wait_began(task.as_u64(), *on, what.as_ref(), *place);
            }
            Detail::WaitEnded { task, on, place } => self.wait_ended(task.as_u64(), *on, *place),
            Detail::Closed { channel } => {
                let resource = self.known.borrow().numbers.known_resource(*channel);
                if let Some(resource) = resource {
                    self.record(None, Event::Close { resource, is_gone: false });
                }
            }
            Detail::ResourceGone { resource } => {
                let gone = self.known.borrow_mut().numbers.remove_resource(*resource);
                if let Some(resource) = gone {
                    self.record(None, Event::Close { resource, is_gone: true });
                }
            }
            Detail::Acquired { task, resource, what, count, place } => {
                let resource = self.resource(*resource, what);
                let (task, count) = (task.as_u64(), *count);
                self.record(Some(place), Event::Acquire { task, resource, count });
            }
            Detail::Released { task, resource, count } => {
                let resource = self.known.borrow().numbers.known_resource(*resource);
                if let Some(resource) = resource {
                    let (task, count) = (task.as_u64(), *count);
                    self.record(None, Event::Release { task, resource, count });
                }
            }
            Detail::Sent { task, channel, what, length, capacity } => {
                let resource = self.resource(*channel, what);
                let (task, length) = (task.as_u64(), short(*length));
                let capacity = capacity.map(short).and_then(NonZeroU32::new);
                self.record(None, Event::Send { task, resource, length, capacity });
            }
            Detail::Received { task, channel, what, length } => {
                let resource = self.resource(*channel, what);
                let (task, length) = (task.as_u64(), short(*length));
                self.record(None, Event::Receive { task, resource, length });
            }
            Detail::TimerSet { timer, task, deadline, place } => {
                self.timer_set(*timer, id(*task), self.at(*deadline), place);
            }
            Detail::TimerGone { timer, has_fired } => self.timer_gone(*timer, *has_fired),
            _ => {} // See `detail`.
        }
    }

    fn cancelling(&self, detail: &Detail) {
        match detail {
            Detail::PartAsked { task, part, reason, cause } => {
                let task = task.as_u64();
                let by = match cause {
                    Cause::Timer => self.deadline(task, part),
                    cause => self.actor(*cause),
                };
                self.ask(task, Some(part), reason, by);
            }
            Detail::Panicked { task, message } => {
                self.known.borrow_mut().panic = Some((task.as_u64(), Arc::clone(message)));
            }
            Detail::Requests { task, requests } => self.requests(task.as_u64(), requests),
            Detail::Resumed { task, reason } => {
                let why = self.recorder.text(reason);
                self.record(None, Event::Resume { task: task.as_u64(), why });
            }
            Detail::CleanedUp { task } => {
                self.record(None, Event::Cleaned { task: task.as_u64() });
            }
            Detail::MaskBegan { task, place } => {
                self.record(Some(place), Event::Mask { task: task.as_u64(), on: true });
            }
            Detail::MaskEnded { task } => {
                self.record(None, Event::Mask { task: task.as_u64(), on: false });
            }
            Detail::Aborted { task, cause } => {
                let by = self.actor(*cause);
                self.record(None, Event::Abort { task: task.as_u64(), by });
            }
            Detail::ShutdownBegan => self.record(None, Event::Shutdown { has_begun: true }),
            Detail::ShutdownEnded => self.record(None, Event::Shutdown { has_begun: false }),
            _ => {} // See `detail`.
        }
    }

    fn rare_detail(&self, detail: &Detail) {
        match detail {
            Detail::ScopeOpened { scope, task, place } => {
                let number = self.known.borrow_mut().numbers.scope(*scope);
                let event = Event::Scope { scope: number, task: id(*task), is_open: true };
                self.record(Some(place), event);
            }
            Detail::ChildSpawned { scope, task } => {
                let known = &mut *self.known.borrow_mut();
                if let Some(scope) = known.numbers.known_scope(*scope) {
                    known.children.insert(task.as_u64(), scope);
                }
            }
            Detail::ScopeEnded { scope } => {
                let scope = self.known.borrow_mut().numbers.remove_scope(*scope);
                if let Some(scope) = scope {
                    self.record(None, Event::Scope { scope, task: 0, is_open: false });
                }
            }
            Detail::JobBegan { job, task, name, place } => {
                let number = self.known.borrow_mut().numbers.job(*job);
                let name = name.as_deref().map(|name| self.recorder.text(name));
                self.record(Some(place), Event::Block { job: number, task: id(*task), name });
            }
            Detail::JobEnded { job } => {
                let job = self.known.borrow_mut().numbers.remove_job(*job);
                if let Some((job, waiter)) = job {
                    self.record(None, Event::JobDone { job });
                    if waiter != 0 {
                        self.record(None, Event::Unwait { task: waiter, on: Awaited::Job(job) });
                    }
                }
            }
            Detail::PassOrdered { tasks } => {
                let tasks = tasks.iter().map(|task| task.as_u64()).collect();
                self.record(None, Event::Order { tasks });
            }
            Detail::RunEnded { deadlock } => self.run_ended(deadlock.as_deref()),
            Detail::Said { task, text, is_note, place } => {
                let (task, text) = (id(*task), self.recorder.text(text));
                let event =
                    if *is_note { Event::Note { task, text } } else { Event::Out { task, text } };
                self.record(Some(place), event);
            }
            _ => {} // See `detail`.
        }
    }

    // ----- waits -----

    /// Returns the number of a resource. The recording is told what it is, if that is new.
    fn resource(&self, resource: ResourceId, what: &Resource) -> u64 {
        let (number, is_new) = self.known.borrow_mut().numbers.resource(resource, what);
        if is_new {
            let name = what.name().map(|name| self.recorder.text(name));
            let kind = self.recorder.text(plain(what.kind()));
            self.record(None, Event::Resource { resource: number, kind, name });
        }
        number
    }

    fn wait_began(
        &self,
        task: u64,
        on: report::Awaited,
        what: Option<&Resource>,
        place: Option<Place>,
    ) {
        if let (report::Awaited::Resource(resource), Some(what)) = (on, what) {
            self.resource(resource, what);
        }
        let before = self.known.borrow_mut().set_waiter(on, task);
        let known = self.known.borrow().numbers.awaited(on);
        let Some(on) = known.filter(|_| before != task) else { return };
        if before != 0 {
            self.record(None, Event::Unwait { task: before, on });
        }
        self.record(place, Event::Wait { task, on });
    }

    fn wait_ended(&self, task: u64, on: report::Awaited, place: Option<Place>) {
        let is_known = match on {
            report::Awaited::Resource(_) => true,
            // If the task or the job has ended, that was said already.
            _ => self.known.borrow_mut().set_waiter(on, 0) != 0,
        };
        let on = self.known.borrow().numbers.awaited(on);
        if let Some(on) = on.filter(|_| is_known) {
            self.record(place, Event::Unwait { task, on });
        }
    }

    fn timer_set(&self, timer: TimerId, task: u64, at: u64, place: Place) {
        let (number, before) = self.known.borrow_mut().numbers.set_timer(timer, task, place);
        let on = Awaited::Timer(number);
        self.record(Some(place), Event::TimerSet { timer: number, task, at });
        if let Some(before) = before.filter(|&before| before != 0 && before != task) {
            self.record(None, Event::Unwait { task: before, on });
        }
        if task != 0 && before.is_none_or(|before| before != task) {
            self.record(Some(place), Event::Wait { task, on });
        }
    }

    fn timer_gone(&self, timer: TimerId, has_fired: bool) {
        let gone = self.known.borrow_mut().numbers.remove_timer(timer);
        let Some(KnownTimer { number: timer, task, place }) = gone else { return };
        if has_fired {
            self.known.borrow_mut().fire(timer, task, place);
            self.awake(Actor::Timer(timer));
            self.record(None, Event::TimerFire { timer });
        } else {
            self.record(None, Event::TimerCancel { timer });
        }
        if task != 0 {
            self.record(None, Event::Unwait { task, on: Awaited::Timer(timer) });
        }
    }

    fn run_ended(&self, deadlock: Option<&[Cycle]>) {
        for cycle in deadlock.into_iter().flatten() {
            if cycle.steps.iter().any(|(task, _)| task.is_elsewhere) {
                continue; // The tasks of other schedulers have no numbers here.
            }
            let steps = cycle.steps.iter().flat_map(|(task, waits)| {
                let task = task.id.as_u64();
                [Some(Awaited::Task(task)), self.step(waits)].into_iter().flatten()
            });
            let cycle = steps.collect();
            self.record(None, Event::Deadlock { cycle });
        }
        let why = if deadlock.is_some() { EndReason::Deadlock } else { EndReason::Done };
        self.record(None, Event::End { why });
    }

    /// What a task of a cycle waits for. A join leads to the next task, which is the next step anyway.
    fn step(&self, waits: &WaitsFor) -> Option<Awaited> {
        let WaitsFor::Resource { resource, .. } = waits else { return None };
        let on = report::Awaited::Resource(resource.number()?);
        self.known.borrow().numbers.awaited(on)
    }
}

//! A job: a closure, then its result, in one allocation that its thread and its handle share.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::blocking::error::{BlockingError, Refusal};
use crate::blocking::record::Record;
use crate::blocking::threads::Threads;
use crate::blocking::work::{Answer, Birth, Callback, Outcome, Work};
use crate::kernel::drop_quietly;

pub(super) struct Job<F, T> {
    /// Its place in the order of all jobs of its pool.
    number: u64,
    record: Arc<Record>,
    /// The queue that it is in.
    threads: Weak<Threads>,
    desk: Mutex<Desk<F, T>>,
}

struct Desk<F, T> {
    stage: Stage<F, T>,
    then: Option<Callback<T>>,
}

/// ```text
/// made ──1──▶ running ──2──▶ over ──3──▶ taken      1 run      2 settle
///   └──────────────4──────────▲                     3 take     4 abort, refuse
/// ```
enum Stage<F, T> {
    Made(F),
    Running,
    Over(Outcome<T>),
    Taken,
}

impl<F, T> Job<F, T> {
    /// A job for these threads, which is in no queue yet.
    pub(super) fn new(threads: &Arc<Threads>, birth: Birth, closure: F) -> Arc<Self> {
        let (name, place) = birth;
        Arc::new(Job {
            record: Record::new(name, place),
            number: threads.next_number(),
            threads: Arc::downgrade(threads),
            desk: Mutex::new(Desk { stage: Stage::Made(closure), then: None }),
        })
    }

    /// Takes the closure, if it is still there; whoever has it sees to the end of the job.
    fn take_closure(&self) -> Option<F> {
        let mut desk = self.lock();
        match mem::replace(&mut desk.stage, Stage::Running) {
            Stage::Made(closure) => Some(closure),
            other => {
                desk.stage = other;
                None
            }
        }
    }

    /// Takes the closure back from a queue that has not taken the job.
    pub(super) fn take_back(&self) -> Option<F> {
        let closure = self.take_closure();
        if closure.is_some() {
            self.settle(Err(BlockingError::refused(&self.record, Refusal::Aborted)));
        }
        closure
    }

    /// Leaves the outcome for the handle, or does with it what was asked for.
    fn settle(&self, outcome: Outcome<T>) {
        let then = {
            let mut desk = self.lock();
            match desk.then.take() {
                None => {
                    desk.stage = Stage::Over(outcome);
                    None
                }
                Some(then) => {
                    desk.stage = Stage::Taken;
                    Some((then, outcome))
                }
            }
        };
        if let Some((then, outcome)) = then {
            call(then, outcome);
        }
        self.record.end();
    }

    fn settle_without(&self, why: Refusal) -> bool {
        let Some(closure) = self.take_closure() else { return false };
        drop_quietly(closure);
        self.settle(Err(BlockingError::refused(&self.record, why)));
        true
    }

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, Desk<F, T>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls a callback. Its panic is printed where it happens, and hurts nobody else.
pub(super) fn call<T>(then: Callback<T>, outcome: Outcome<T>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| then(outcome))) {
        drop_quietly::<Box<dyn Any + Send>>(payload);
    }
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn number(&self) -> u64 {
        self.number
    }

    fn record(&self) -> &Arc<Record> {
        &self.record
    }

    fn run(&self) {
        let Some(closure) = self.take_closure() else { return };
        self.record.begin();
        let outcome = catch_unwind(AssertUnwindSafe(closure));
        self.settle(outcome.map_err(|payload| BlockingError::panicked(&self.record, payload)));
    }

    fn refuse(&self, why: Refusal) {
        self.settle_without(why);
    }
}

impl<F: Send, T: Send> Answer<T> for Job<F, T> {
    fn record(&self) -> &Arc<Record> {
        &self.record
    }

    fn take(&self) -> Option<Outcome<T>> {
        let mut desk = self.lock();
        match mem::replace(&mut desk.stage, Stage::Taken) {
            Stage::Over(outcome) => Some(outcome),
            Stage::Taken => panic!("a `BlockingHandle` was polled after it had been ready"),
            other => {
                desk.stage = other;
                None
            }
        }
    }

    fn then(&self, callback: Callback<T>) -> Option<(Callback<T>, Outcome<T>)> {
        if let Some(outcome) = self.take() {
            return Some((callback, outcome));
        }
        let mut desk = self.lock();
        if matches!(desk.stage, Stage::Over(_)) {
            drop(desk);
            return self.then(callback);
        }
        desk.then = Some(callback);
        None
    }

    fn abort(&self) -> bool {
        let in_time = self.settle_without(Refusal::Aborted);
        if in_time && let Some(threads) = self.threads.upgrade() {
            threads.give_up_place(self.number);
        }
        in_time
    }
}

//! A job: a closure, then its result, in one allocation that its thread and its handle share.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::blocking::error::{BlockingError, JobRefusal};
use crate::blocking::record::JobRecord;
use crate::blocking::threads::Threads;
use crate::blocking::work::{JobCallback, JobLabel, JobOutput, JobResult, Work};
use crate::kernel::{drop_quietly, run_quietly};
use crate::watch::drop_unread;

pub(super) struct PoolJob<F, T> {
    /// Its position in the order of all jobs of its pool.
    number: u64,
    record: Arc<JobRecord>,
    /// The threads whose queue it is in.
    threads: Weak<Threads>,
    cell: Mutex<JobCell<F, T>>,
}

struct JobCell<F, T> {
    stage: JobStage<F, T>,
    then: Option<JobCallback<T>>,
    /// The handle was dropped.
    is_detached: bool,
}

/// ```text
/// created ──1──▶ running ──2──▶ done ──3──▶ taken      1 run      2 settle
///    └────────────────4──────────▲                     3 take     4 abort, refuse
/// ```
enum JobStage<F, T> {
    Created(F),
    Running,
    Done(JobResult<T>),
    Taken,
}

impl<F, T> PoolJob<F, T> {
    /// Creates a job for these threads, which is in no queue yet.
    pub(super) fn new(threads: &Arc<Threads>, label: JobLabel, closure: F) -> Arc<Self> {
        let (name, place) = label;
        Arc::new(PoolJob {
            record: JobRecord::new(name, place),
            number: threads.next_number(),
            threads: Arc::downgrade(threads),
            cell: Mutex::new(JobCell {
                stage: JobStage::Created(closure),
                then: None,
                is_detached: false,
            }),
        })
    }

    /// Takes the closure, if it is still there. The caller must then settle the job.
    fn take_closure(&self) -> Option<F> {
        let mut cell = self.lock();
        match mem::replace(&mut cell.stage, JobStage::Running) {
            JobStage::Created(closure) => Some(closure),
            other => {
                cell.stage = other;
                None
            }
        }
    }

    /// Takes the closure back from a queue that did not accept the job.
    pub(super) fn take_back(&self) -> Option<F> {
        let closure = self.take_closure();
        if closure.is_some() {
            self.settle(Err(BlockingError::refused(&self.record, JobRefusal::Aborted)));
        }
        closure
    }

    /// Stores the outcome for the handle, passes it to the callback, or drops it if there is neither.
    fn settle(&self, outcome: JobResult<T>) {
        let mut cell = self.lock();
        if cell.then.is_none() && !cell.is_detached {
            cell.stage = JobStage::Done(outcome);
            drop(cell);
        } else {
            cell.stage = JobStage::Taken;
            let then = cell.then.take();
            drop(cell);
            match then {
                Some(then) => call(then, outcome),
                None => run_quietly(|| drop_unread(outcome)),
            }
        }
        // Last: a scheduler that counts no more jobs must already have what the result was reported with.
        self.record.end();
    }

    /// Settles the job as refused, unless it has started. Returns whether it did.
    fn refuse_unstarted(&self, why: JobRefusal) -> bool {
        let Some(closure) = self.take_closure() else { return false };
        drop_quietly(closure);
        self.settle(Err(BlockingError::refused(&self.record, why)));
        true
    }

    /// Nothing that runs under the lock can panic half-way through a change, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, JobCell<F, T>> {
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls a callback. Its panic is printed by the panic hook and otherwise ignored.
pub(super) fn call<T>(then: JobCallback<T>, outcome: JobResult<T>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| then(outcome))) {
        drop_quietly::<Box<dyn Any + Send>>(payload);
    }
}

impl<F, T> Work for PoolJob<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn number(&self) -> u64 {
        self.number
    }

    fn record(&self) -> &Arc<JobRecord> {
        &self.record
    }

    fn run(&self) {
        let Some(closure) = self.take_closure() else { return };
        self.record.begin();
        let outcome = catch_unwind(AssertUnwindSafe(closure));
        self.settle(outcome.map_err(|payload| BlockingError::panicked(&self.record, payload)));
    }

    fn refuse(&self, why: JobRefusal) {
        self.refuse_unstarted(why);
    }
}

impl<F: Send, T: Send> JobOutput<T> for PoolJob<F, T> {
    fn record(&self) -> &Arc<JobRecord> {
        &self.record
    }

    fn take(&self) -> Option<JobResult<T>> {
        let mut cell = self.lock();
        match mem::replace(&mut cell.stage, JobStage::Taken) {
            JobStage::Done(outcome) => Some(outcome),
            JobStage::Taken => panic!("a `BlockingHandle` was polled after completion"),
            other => {
                cell.stage = other;
                None
            }
        }
    }

    fn then(&self, callback: JobCallback<T>) -> Option<(JobCallback<T>, JobResult<T>)> {
        if let Some(outcome) = self.take() {
            return Some((callback, outcome));
        }
        let mut cell = self.lock();
        if matches!(cell.stage, JobStage::Done(_)) {
            drop(cell);
            return self.then(callback);
        }
        cell.then = Some(callback);
        None
    }

    fn let_go(&self) {
        let mut cell = self.lock();
        cell.is_detached = true;
        if matches!(cell.stage, JobStage::Done(_)) {
            let outcome = mem::replace(&mut cell.stage, JobStage::Taken);
            drop(cell);
            drop_unread(outcome);
        }
    }

    fn abort(&self) -> bool {
        let in_time = self.refuse_unstarted(JobRefusal::Aborted);
        if in_time && let Some(threads) = self.threads.upgrade() {
            threads.remove_job(self.number);
        }
        in_time
    }
}

//! Blocking jobs as their scheduler sees them: which there are, who waits for each, and what they hold up.
//!
//! A job runs on another thread. As long as it is not over, the scheduler that counts it calls no deadlock, and
//! its virtual clock does not jump, since the end of the job may wake a task before any deadline.
//!
//! ```text
//! queued ──1──▶ running ──2──▶ over      1 Record::begin   2 Record::end: wakes who waits, and counts it out
//!    └───────────────2─────────────▶
//! ```

use std::fmt;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::kernel::Kernel;
use crate::kernel::TaskKey;
use crate::kernel::burn;
use crate::kernel::thread;
use crate::kernel::{Letter, Mailbox};
use crate::report::{Place, WaitsFor};
use crate::time::nanos;

/// A blocking job that is not over, in a [`Snapshot`](crate::Snapshot) or a report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockingJob {
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was handed over.
    pub place: &'static Location<'static>,
    /// Whether it runs; if not it waits for a thread.
    pub has_begun: bool,
    /// How long it has been running, or waiting for a thread, in real time.
    pub took: Duration,
}

impl BlockingJob {
    /// The job by its name, if it has one.
    pub(crate) fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("blocking job {name:?}"),
            None => "a blocking job".to_owned(),
        }
    }
}

impl fmt::Display for BlockingJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = if self.has_begun { "running" } else { "waiting for a thread" };
        write!(f, "{}, {doing} for {:?}, from {}", self.what(), self.took, self.place)
    }
}

/// What is known of a job beside what it does: shared by its thread, its handle, and the scheduler that counts it.
#[derive(Debug)]
pub(crate) struct Record {
    name: Option<Arc<str>>,
    place: Place,
    handed_over: Instant,
    /// How many nanoseconds later it began; 0 before.
    began: AtomicU64,
    wait: Mutex<JobWait>,
}

#[derive(Debug)]
struct JobWait {
    is_over: bool,
    /// The mailbox of the scheduler that counts it; `None` if none does, and when it is over.
    counted_by: Option<Arc<Mailbox>>,
    sleeper: Option<Sleeper>,
}

/// Whoever waits for a job, or for a place in a queue for it.
#[derive(Debug)]
enum Sleeper {
    /// A task of the scheduler that counts it: a letter wakes it, and no waker is in foreign hands.
    Own(TaskKey),
    /// Somebody else, and the task in whose turn the wait began.
    Stranger(Waker, Option<TaskKey>),
}

impl Sleeper {
    fn task(&self) -> Option<TaskKey> {
        match self {
            Sleeper::Own(task) => Some(*task),
            Sleeper::Stranger(_, task) => *task,
        }
    }
}

impl Record {
    /// The record of a new job, which the scheduler that runs on this thread counts, if there is one.
    pub(crate) fn new(name: Option<Arc<str>>, place: Place) -> Arc<Self> {
        let wait = JobWait { is_over: false, counted_by: None, sleeper: None };
        let record = Arc::new(Record {
            name,
            place,
            handed_over: Instant::now(),
            began: AtomicU64::new(0),
            wait: Mutex::new(wait),
        });
        if let Some(kernel) = thread::current() {
            kernel.count_in(&record);
        }
        record
    }

    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// What reports say of it.
    pub(crate) fn job(&self) -> BlockingJob {
        let since = self.handed_over.elapsed();
        // Relaxed: it is a time to be shown, and nothing is read because of it.
        let began = self.began.load(Ordering::Relaxed);
        BlockingJob {
            name: self.name.clone(),
            place: self.place,
            has_begun: began > 0,
            took: since.saturating_sub(Duration::from_nanos(began)),
        }
    }

    /// A wait for it, as reports name it.
    pub(crate) fn describe(&self) -> WaitsFor {
        WaitsFor::Blocking { job: self.job() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Notes that it runs.
    pub(crate) fn begin(&self) {
        self.began.store(nanos(self.handed_over.elapsed()).max(1), Ordering::Relaxed);
    }

    /// Notes that it is over, however it ended: what comes of it must be in its place already.
    pub(crate) fn end(&self) {
        let (counted_by, sleeper) = {
            let mut wait = self.lock();
            wait.is_over = true;
            (wait.counted_by.take(), wait.sleeper.take())
        };
        match (counted_by, sleeper) {
            (Some(mailbox), Some(Sleeper::Own(task))) => {
                mailbox.end_job(Some(Letter::Wake(task.key)));
            }
            (counted_by, sleeper) => {
                // First the wake: who counts no job any more must find what the last one has done.
                wake_stranger(sleeper);
                if let Some(mailbox) = counted_by {
                    mailbox.end_job(None);
                }
            }
        }
    }

    /// Wakes whoever waits, though it is not over: there is a place for it now.
    pub(crate) fn wake(&self) {
        let (counted_by, sleeper) = {
            let mut wait = self.lock();
            (wait.counted_by.clone(), wait.sleeper.take())
        };
        match (counted_by, sleeper) {
            (Some(mailbox), Some(Sleeper::Own(task))) => {
                drop(mailbox.post(Letter::Wake(task.key)));
            }
            (_, sleeper) => wake_stranger(sleeper),
        }
    }

    /// Leaves word whom to wake at its end; `false` if it is over.
    ///
    /// A job that no scheduler counts yet is counted from now on by that of the task which waits here; if it waits
    /// through a waker of somebody else's, by the one that runs here.
    pub(crate) fn wake_me(self: &Arc<Self>, cx: &Context<'_>) -> bool {
        let own = TaskKey::of(cx);
        let counted_by = self.scheduler();
        if counted_by.is_none()
            && let Some(kernel) =
                own.and_then(|task| thread::find(task.scheduler)).or_else(thread::current)
        {
            kernel.count_in(self);
        }
        let sleeper = match own {
            Some(task) if self.scheduler() == Some(task.scheduler) => Sleeper::Own(task),
            // Cloning and dropping a stranger's waker may run any code: both are done outside of the lock.
            _ => Sleeper::Stranger(cx.waker().clone(), thread::current_task()),
        };
        let mut wait = self.lock();
        if wait.is_over {
            drop(wait);
            return false;
        }
        let old = wait.sleeper.replace(sleeper);
        drop(wait);
        drop(old);
        true
    }

    /// Wakes nobody any more. What is a stranger's is let go now.
    pub(crate) fn forget_me(&self) {
        let sleeper = self.lock().sleeper.take();
        drop(sleeper);
    }

    /// The scheduler that counts it.
    fn scheduler(&self) -> Option<NonZeroU32> {
        self.lock().counted_by.as_ref().map(|mailbox| mailbox.scheduler)
    }

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, JobWait> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic there is its owner's, and not that of the thread that has done his job.
fn wake_stranger(sleeper: Option<Sleeper>) {
    if let Some(Sleeper::Stranger(waker, _)) = sleeper
        && let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake()))
    {
        burn(payload);
    }
}

/// Returns whether the scheduler that runs on this thread drops all that it has: then nothing new is begun.
pub(crate) fn is_ending() -> bool {
    thread::current().is_some_and(|kernel| kernel.is_ending.get())
}

// ----- those that a scheduler counts -----

/// The jobs that a scheduler counts. Those that are over are swept out when there are twice as many as were left
/// the last time.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    records: Vec<Arc<Record>>,
    sweep_at: usize,
}

/// So few records are not worth a broom.
const KEPT: usize = 64;

impl Jobs {
    fn add(&mut self, record: Arc<Record>) {
        if self.records.len() >= self.sweep_at.max(KEPT) {
            self.records.retain(|record| !record.is_over());
            self.sweep_at = self.records.len() * 2;
        }
        self.records.push(record);
    }
}

impl Kernel {
    /// Counts a job, unless it is over or counted already.
    fn count_in(self: &Rc<Self>, record: &Arc<Record>) {
        if self.is_ending.get() || self.is_closed.get() {
            return;
        }
        {
            let mut wait = record.lock();
            if wait.is_over || wait.counted_by.is_some() {
                return;
            }
            self.mailbox.add_job();
            wait.counted_by = Some(Arc::clone(&self.mailbox));
        }
        self.jobs.borrow_mut().add(Arc::clone(record));
    }

    /// The jobs that are not over, in the order in which they were handed over.
    pub(crate) fn blocking_jobs(&self) -> Vec<BlockingJob> {
        let jobs = self.jobs.borrow();
        let open = jobs.records.iter().filter(|record| !record.is_over());
        open.map(|record| record.job()).collect()
    }

    /// Who waits for which job.
    pub(crate) fn job_waits(&self) -> Vec<(Option<TaskKey>, WaitsFor)> {
        let jobs = self.jobs.borrow();
        let awaited = jobs.records.iter().filter_map(|record| {
            let task = record.lock().sleeper.as_ref()?.task();
            Some((task, record.describe()))
        });
        awaited.collect()
    }

    /// How many jobs the clock and the verdict wait for: all, unless a shutdown has lost its patience.
    pub(crate) fn jobs_awaited(&self) -> usize {
        let jobs = self.mailbox.jobs();
        if jobs > 0 && self.patience_left() == Some(Duration::ZERO) { 0 } else { jobs }
    }

    /// Returns whether a run goes on for the jobs alone: in a shutdown, until its time is over.
    pub(crate) fn waits_for_jobs(&self) -> bool {
        self.patience.get().is_some() && self.jobs_awaited() > 0
    }

    /// How long a shutdown still waits for the jobs; `None` if that has no limit, or there is no shutdown.
    pub(crate) fn patience_left(&self) -> Option<Duration> {
        let until = self.patience.get()?.until?;
        Some(until.saturating_duration_since(Instant::now()))
    }
}

/// How long a shutdown waits for jobs. It counts in real time, since that is what they take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// `None` if for ever.
    until: Option<Instant>,
}

/// While it exists, a run waits for jobs even if no task is left.
pub(crate) struct Patient<'k> {
    kernel: &'k Kernel,
    before: Option<Patience>,
}

impl<'k> Patient<'k> {
    pub(crate) fn begin(kernel: &'k Kernel, grace: Duration) -> Self {
        let patience = Patience { until: Instant::now().checked_add(grace) };
        Patient { kernel, before: kernel.patience.replace(Some(patience)) }
    }
}

impl Drop for Patient<'_> {
    fn drop(&mut self) {
        self.kernel.patience.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_swept_out() {
        let record = || Record::new(None, Location::caller());
        let mut jobs = Jobs::default();
        for _ in 0..1000 {
            let over = record();
            over.end();
            jobs.add(over);
        }
        assert!(jobs.records.len() <= KEPT);
        let open: Vec<_> = (0..1000).map(|_| record()).collect();
        open.iter().for_each(|record| jobs.add(Arc::clone(record)));
        assert_eq!(jobs.records.iter().filter(|record| !record.is_over()).count(), 1000);
    }

    #[test]
    fn who_comes_after_the_end_is_not_left_waiting() {
        let record = Record::new(None, Location::caller());
        let cx = Context::from_waker(Waker::noop());
        assert!(record.wake_me(&cx));
        assert!(!record.job().has_begun);
        record.begin();
        assert!(record.job().has_begun);
        record.end();
        assert!(!record.wake_me(&cx));
    }
}

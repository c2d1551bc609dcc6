//! Blocking jobs as their scheduler sees them: which there are, who waits for each, and what they hold up.
//!
//! A job runs on another thread. As long as it is not over, the scheduler that counts it calls no deadlock, and
//! its virtual clock does not jump, since the end of the job may wake a task before any deadline.
//!
//! ```text
//! queued ──1──▶ running ──2──▶ over      1 JobRecord::begin   2 JobRecord::end: wakes who waits, and counts it out
//!    └───────────────2─────────────▶
//! ```

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::blocking::count::JobCount;
use crate::kernel::{
    Kernel, Letter, Mailbox, Place, TaskKey, current, current_task, find, run_quietly,
};
use crate::report::{BlockingJob, WaitsFor};
use crate::time::nanos;

/// What is known of a job beside what it does: shared by its thread, its handle, and the scheduler that counts it.
#[derive(Debug)]
pub(crate) struct JobRecord {
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
    /// The count of the scheduler that counts it; `None` if none does, and when it is over.
    counted_by: Option<Arc<JobCount>>,
    sleeper: Option<JobWaiter>,
}

/// Whoever waits for a job, or for a place in a queue for it.
#[derive(Debug)]
enum JobWaiter {
    /// A task of the scheduler that counts it: a letter wakes it, and no waker is in foreign hands.
    Own(TaskKey),
    /// Somebody else, and the task in whose turn the wait began.
    Foreign(Waker, Option<TaskKey>),
}

impl JobWaiter {
    fn task(&self) -> Option<TaskKey> {
        match self {
            JobWaiter::Own(task) => Some(*task),
            JobWaiter::Foreign(_, task) => *task,
        }
    }
}

impl JobRecord {
    /// The record of a new job, which the scheduler that runs on this thread counts, if there is one.
    pub(crate) fn new(name: Option<Arc<str>>, place: Place) -> Arc<Self> {
        let wait = JobWait { is_over: false, counted_by: None, sleeper: None };
        let record = Arc::new(JobRecord {
            name,
            place,
            handed_over: Instant::now(),
            began: AtomicU64::new(0),
            wait: Mutex::new(wait),
        });
        if let Some(kernel) = current() {
            count_in(&kernel, &record);
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
            (Some(count), Some(JobWaiter::Own(task))) => {
                count.end(Some(Letter::Wake(task.key)));
            }
            (counted_by, sleeper) => {
                // First the wake: who counts no job any more must find what the last one has done.
                wake_foreign(sleeper);
                if let Some(count) = counted_by {
                    count.end(None);
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
            (Some(count), Some(JobWaiter::Own(task))) => count.post(Letter::Wake(task.key)),
            (_, sleeper) => wake_foreign(sleeper),
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
            && let Some(kernel) = own.and_then(|task| find(task.scheduler)).or_else(current)
        {
            count_in(&kernel, self);
        }
        let sleeper = match own {
            Some(task) if self.scheduler() == Some(task.scheduler) => JobWaiter::Own(task),
            // Cloning and dropping a foreign waker may run any code: both are done outside of the lock.
            _ => JobWaiter::Foreign(cx.waker().clone(), current_task()),
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

    /// Wakes no task any more. A foreign waker is dropped now.
    pub(crate) fn forget_me(&self) {
        let sleeper = self.lock().sleeper.take();
        drop(sleeper);
    }

    /// The scheduler that counts it.
    fn scheduler(&self) -> Option<NonZeroU32> {
        self.lock().counted_by.as_ref().map(|count| count.scheduler())
    }

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, JobWait> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic there is its owner's, and not that of the thread that has done the job.
fn wake_foreign(sleeper: Option<JobWaiter>) {
    if let Some(JobWaiter::Foreign(waker, _)) = sleeper {
        run_quietly(|| waker.wake());
    }
}

/// Returns whether the scheduler that runs on this thread drops all that it has: then nothing new is begun.
pub(crate) fn is_ending() -> bool {
    current().is_some_and(|kernel| kernel.is_ending.get())
}

// ----- those that a scheduler counts -----

/// The jobs that a scheduler counts.
pub(crate) struct JobRegistry {
    count: Arc<JobCount>,
    records: RefCell<JobRecords>,
    /// How long they are waited for while the scheduler shuts down.
    grace: Cell<Option<Grace>>,
}

/// Those that are over are swept out when there are twice as many as were left the last time.
#[derive(Debug, Default)]
struct JobRecords {
    all: Vec<Arc<JobRecord>>,
    sweep_at: usize,
}

/// So few records are not worth a broom.
const KEPT: usize = 64;

impl JobRecords {
    fn add(&mut self, record: Arc<JobRecord>) {
        if self.all.len() >= self.sweep_at.max(KEPT) {
            self.all.retain(|record| !record.is_over());
            self.sweep_at = self.all.len() * 2;
        }
        self.all.push(record);
    }
}

/// Counts a job, unless it is over or counted already.
fn count_in(kernel: &Kernel, record: &Arc<JobRecord>) {
    if kernel.is_ending.get() || kernel.is_closed.get() {
        return;
    }
    let Some(jobs) = kernel.part::<JobRegistry>() else { return };
    {
        let mut wait = record.lock();
        if wait.is_over || wait.counted_by.is_some() {
            return;
        }
        jobs.count.add();
        wait.counted_by = Some(Arc::clone(&jobs.count));
    }
    jobs.records.borrow_mut().add(Arc::clone(record));
}

impl JobRegistry {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        let count = Arc::new(JobCount::new(mailbox));
        JobRegistry { count, records: RefCell::default(), grace: Cell::new(None) }
    }

    /// The jobs that are not over, in the order in which they were handed over.
    pub(crate) fn open(&self) -> Vec<BlockingJob> {
        let records = self.records.borrow();
        let open = records.all.iter().filter(|record| !record.is_over());
        open.map(|record| record.job()).collect()
    }

    /// Calls `each` for every job that is awaited, with the task that waits.
    pub(crate) fn waits(&self, mut each: impl FnMut(Option<TaskKey>, WaitsFor)) {
        for record in &self.records.borrow().all {
            let task = record.lock().sleeper.as_ref().map(JobWaiter::task);
            if let Some(task) = task {
                each(task, record.describe());
            }
        }
    }

    /// How many jobs the clock and the verdict wait for: all, unless the grace of a shutdown is over. Read this before
    /// checking the mailbox.
    pub(crate) fn awaited(&self) -> usize {
        let jobs = self.count.jobs();
        if jobs > 0 && self.grace_left() == Some(Duration::ZERO) { 0 } else { jobs }
    }

    /// Returns whether a run goes on for the jobs alone: in a shutdown, until its grace is over.
    pub(crate) fn keep_run_going(&self) -> bool {
        self.grace.get().is_some() && self.awaited() > 0
    }

    /// How long a shutdown still waits for the jobs; `None` if that has no limit, or there is no shutdown.
    pub(crate) fn grace_left(&self) -> Option<Duration> {
        let until = self.grace.get()?.until?;
        Some(until.saturating_duration_since(Instant::now()))
    }
}

/// How long a shutdown waits for jobs. It counts in real time, since that is what they take.
#[derive(Clone, Copy, Debug)]
struct Grace {
    /// `None` if forever.
    until: Option<Instant>,
}

/// While it exists, a run waits for jobs even if no task is left.
pub(crate) struct JobGrace {
    jobs: Option<Rc<JobRegistry>>,
    before: Option<Grace>,
}

impl JobGrace {
    pub(crate) fn begin(kernel: &Kernel, grace: Duration) -> Self {
        let grace = Grace { until: Instant::now().checked_add(grace) };
        let jobs = kernel.part::<JobRegistry>();
        let before = jobs.as_ref().and_then(|jobs| jobs.grace.replace(Some(grace)));
        JobGrace { jobs, before }
    }
}

impl Drop for JobGrace {
    fn drop(&mut self) {
        if let Some(jobs) = &self.jobs {
            jobs.grace.set(self.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::Location;

    #[test]
    fn what_is_over_is_swept_out() {
        let record = || JobRecord::new(None, Location::caller());
        let mut jobs = JobRecords::default();
        for _ in 0..1000 {
            let over = record();
            over.end();
            jobs.add(over);
        }
        assert!(jobs.all.len() <= KEPT);
        let open: Vec<_> = (0..1000).map(|_| record()).collect();
        open.iter().for_each(|record| jobs.add(Arc::clone(record)));
        assert_eq!(jobs.all.iter().filter(|record| !record.is_over()).count(), 1000);
    }

    #[test]
    fn who_comes_after_the_end_is_not_left_waiting() {
        let record = JobRecord::new(None, Location::caller());
        let cx = Context::from_waker(Waker::noop());
        assert!(record.wake_me(&cx));
        assert!(!record.job().has_begun);
        record.begin();
        assert!(record.job().has_begun);
        record.end();
        assert!(!record.wake_me(&cx));
    }
}

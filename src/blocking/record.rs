//! Blocking jobs as their scheduler sees them: which exist, which task waits for each, and what they hold back.
//!
//! A job runs on another thread. Until it has ended, the scheduler that counts it reports no deadlock, and its virtual
//! clock does not jump, since the end of the job may wake a task before any deadline.
//!
//! ```text
//! queued ──1──▶ running ──2──▶ over   1 JobRecord::begin   2 JobRecord::end: wakes the waiter, counts the job down
//!    └───────────────2─────────────▶
//! ```

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::blocking::count::JobCount;
use crate::kernel::{
    Kernel, Letter, Mailbox, Place, TaskKey, current, current_task, find, run_quietly,
};
use crate::machine::{Instant, real_time, real_time_since};
use crate::report::{Awaited, BlockingJob, Detail, JobId, WaitsFor, id_anywhere};
use crate::time::nanos;
use crate::watch::{ReportTarget, detail, is_detailed};

/// What is known about a job besides its closure: shared by its thread, its handle, and the scheduler that counts it.
#[derive(Debug)]
pub(crate) struct JobRecord {
    /// Its number, among all jobs of the process.
    number: u64,
    name: Option<Arc<str>>,
    place: Place,
    handed_over: Instant,
    /// Nanoseconds from then to its start; 0 before it starts.
    began: AtomicU64,
    wait: Mutex<JobWait>,
}

#[derive(Debug)]
struct JobWait {
    is_over: bool,
    /// The count of the scheduler that counts it; `None` if none does, and once it has ended.
    counted_by: Option<Arc<JobCount>>,
    sleeper: Option<JobWaiter>,
    /// Where its panic is reported if nothing reads it: by the scheduler that counts it, or has counted it.
    report_to: ReportTarget,
}

/// What waits for a job, or for a slot in a queue for it.
#[derive(Debug)]
enum JobWaiter {
    /// A task of the scheduler that counts the job: a letter wakes it, so no waker is held elsewhere.
    Own(TaskKey),
    /// Any other waiter, and the task in whose turn the wait began, if there was one.
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
    /// Creates the record of a new job. If a scheduler is running on this thread, it counts the job.
    pub(crate) fn new(name: Option<Arc<str>>, place: Place) -> Arc<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let report_to = ReportTarget::Stderr;
        let wait = JobWait { is_over: false, counted_by: None, sleeper: None, report_to };
        let record = Arc::new(JobRecord {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            name,
            place,
            handed_over: real_time(),
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

    /// Describes the job, for reports.
    pub(crate) fn job(&self) -> BlockingJob {
        let since = real_time_since(self.handed_over);
        // Relaxed: the time is only displayed, and no other read depends on it.
        let began = self.began.load(Ordering::Relaxed);
        BlockingJob {
            name: self.name.clone(),
            place: self.place,
            has_begun: began > 0,
            took: since.saturating_sub(Duration::from_nanos(began)),
        }
    }

    /// Describes a wait for the job, for reports.
    pub(crate) fn describe(&self) -> WaitsFor {
        WaitsFor::Blocking { job: self.job() }
    }

    pub(super) fn report_to(&self) -> ReportTarget {
        self.lock().report_to.clone()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Records that the job has started.
    pub(crate) fn begin(&self) {
        let began = nanos(real_time_since(self.handed_over)).max(1).unsigned_abs();
        self.began.store(began, Ordering::Relaxed);
    }

    /// Records that the job has ended, in whatever way. Its result must have been stored already.
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
                // The wake comes first: a scheduler that counts no more jobs must already see the last one's wake.
                wake_foreign(sleeper);
                if let Some(count) = counted_by {
                    count.end(None);
                }
            }
        }
    }

    /// Wakes the waiter although the job has not ended: it has a slot now.
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

    /// Registers what to wake when the job ends; `false` if it has ended already.
    ///
    /// A job that no scheduler counts yet is counted from now on by the scheduler of the waiting task; if the wait uses
    /// a foreign waker, by the scheduler that is running on this thread.
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
            // Cloning and dropping a foreign waker may run arbitrary code, so both happen outside of the lock.
            _ => JobWaiter::Foreign(cx.waker().clone(), current_task()),
        };
        let mut wait = self.lock();
        if wait.is_over {
            drop(wait);
            return false;
        }
        let task = sleeper.task();
        let old = wait.sleeper.replace(sleeper);
        drop(wait);
        if is_detailed() && old.as_ref().and_then(JobWaiter::task) != task {
            self.wait_began(task);
        }
        drop(old);
        true
    }

    /// Unregisters the waiter. A foreign waker is dropped now.
    pub(crate) fn forget_me(&self) {
        let sleeper = self.lock().sleeper.take();
        if is_detailed() {
            self.wait_ended(sleeper.as_ref().and_then(JobWaiter::task));
        }
        drop(sleeper);
    }

    #[cold]
    fn wait_began(&self, task: Option<TaskKey>) {
        let Some(task) = task else { return };
        detail(task.scheduler, || Detail::WaitBegan {
            task: id_anywhere(task),
            on: Awaited::Job(JobId(self.number)),
            what: None,
            place: None,
        });
    }

    #[cold]
    fn wait_ended(&self, task: Option<TaskKey>) {
        let Some(task) = task else { return };
        let on = Awaited::Job(JobId(self.number));
        detail(task.scheduler, || Detail::WaitEnded { task: id_anywhere(task), on, place: None });
    }

    /// Returns the number of the scheduler that counts it.
    fn scheduler(&self) -> Option<NonZeroU32> {
        self.lock().counted_by.as_ref().map(|count| count.scheduler())
    }

    /// Nothing that runs under the lock can panic half-way through a change, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, JobWait> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a foreign waker. Its panic must not unwind into the thread that ran the job.
fn wake_foreign(sleeper: Option<JobWaiter>) {
    if let Some(JobWaiter::Foreign(waker, _)) = sleeper {
        run_quietly(|| waker.wake());
    }
}

/// Returns whether the scheduler on this thread is dropping everything it has: then no new job is started.
pub(crate) fn is_ending() -> bool {
    current().is_some_and(|kernel| kernel.is_ending.get())
}

// ----- the jobs of a scheduler -----

/// The jobs that a scheduler counts.
pub(crate) struct JobRegistry {
    count: Arc<JobCount>,
    records: RefCell<JobRecords>,
    /// The jobs that detailed observers know, and whose end they do not know yet.
    emitted: RefCell<Vec<Arc<JobRecord>>>,
    /// How long a shutdown of the scheduler waits for them.
    grace: Cell<Option<Grace>>,
}

/// Ended jobs are swept out when the list is twice as long as the last sweep left it.
#[derive(Debug, Default)]
struct JobRecords {
    all: Vec<Arc<JobRecord>>,
    sweep_at: usize,
}

/// A list shorter than this is not swept.
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

/// Counts a job, unless it has ended, is counted already, or the scheduler is ending.
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
        wait.report_to = ReportTarget::of(kernel);
    }
    jobs.records.borrow_mut().add(Arc::clone(record));
    if is_detailed() {
        jobs.job_began(kernel, record);
    }
}

impl JobRegistry {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        let count = Arc::new(JobCount::new(mailbox));
        let (records, emitted) = (RefCell::default(), RefCell::default());
        JobRegistry { count, records, emitted, grace: Cell::new(None) }
    }

    #[cold]
    fn job_began(&self, kernel: &Kernel, record: &Arc<JobRecord>) {
        let JobRecord { number, ref name, place, .. } = **record;
        let (job, name) = (JobId(number), name.clone());
        let task = current_task().filter(|task| task.scheduler == kernel.id).map(id_anywhere);
        detail(kernel.id, || Detail::JobBegan { job, task, name, place });
        self.emitted.borrow_mut().push(Arc::clone(record));
    }

    /// Emits the ends of jobs: they come from other threads, so they are noticed between turns.
    #[cold]
    pub(crate) fn emit_ended(&self, kernel: &Kernel) {
        let ended: Vec<Arc<JobRecord>> = {
            let mut emitted = self.emitted.borrow_mut();
            if emitted.len() <= self.count.jobs() {
                return;
            }
            emitted.extract_if(.., |record| record.is_over()).collect()
        };
        for record in ended {
            let job = JobId(record.number);
            detail(kernel.id, || Detail::JobEnded { job });
        }
    }

    /// Returns the unfinished jobs, in the order in which they were counted.
    pub(crate) fn open(&self) -> Vec<BlockingJob> {
        let records = self.records.borrow();
        let open = records.all.iter().filter(|record| !record.is_over());
        open.map(|record| record.job()).collect()
    }

    /// Calls `each` for every job that is awaited, with the waiting task.
    pub(crate) fn waits(&self, mut each: impl FnMut(Option<TaskKey>, WaitsFor)) {
        for record in &self.records.borrow().all {
            let task = record.lock().sleeper.as_ref().map(JobWaiter::task);
            if let Some(task) = task {
                each(task, record.describe());
            }
        }
    }

    /// Returns how many jobs hold back the clock and the verdict: all, unless the grace period of a shutdown has
    /// expired. Read it before checking the mailbox.
    pub(crate) fn awaited(&self) -> usize {
        let jobs = self.count.jobs();
        if jobs > 0 && self.grace_left() == Some(Duration::ZERO) { 0 } else { jobs }
    }

    /// Returns whether a run continues for the jobs alone: in a shutdown, until its grace period has expired.
    pub(crate) fn keep_run_going(&self) -> bool {
        self.grace.get().is_some() && self.awaited() > 0
    }

    /// Returns how long a shutdown still waits for jobs; `None` if there is no limit, or no shutdown.
    pub(crate) fn grace_left(&self) -> Option<Duration> {
        let until = self.grace.get()?.until?;
        Some(until.saturating_duration_since(real_time()))
    }
}

/// How long a shutdown waits for jobs, in real time, since jobs run in real time.
#[derive(Clone, Copy, Debug)]
struct Grace {
    /// `None` means forever.
    until: Option<Instant>,
}

/// While it exists, a run waits for jobs even if no task is left.
pub(crate) struct JobGrace {
    jobs: Option<Rc<JobRegistry>>,
    before: Option<Grace>,
}

impl JobGrace {
    pub(crate) fn begin(kernel: &Kernel, grace: Duration) -> Self {
        let grace = Grace { until: real_time().checked_add(grace) };
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
    fn ended_jobs_are_swept_out() {
        let record = || JobRecord::new(None, Location::caller());
        let mut jobs = JobRecords::default();
        for _ in 0..1000 {
            let ended = record();
            ended.end();
            jobs.add(ended);
        }
        assert!(jobs.all.len() <= KEPT);
        let open: Vec<_> = (0..1000).map(|_| record()).collect();
        open.iter().for_each(|record| jobs.add(Arc::clone(record)));
        assert_eq!(jobs.all.iter().filter(|record| !record.is_over()).count(), 1000);
    }

    #[test]
    fn a_wait_that_begins_after_the_end_is_not_registered() {
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

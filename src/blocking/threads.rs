//! The threads of a pool: starting, serving the queue, and ending.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::blocking::error::JobRefusal;
use crate::blocking::queue::{AdmittedJobs, Call, EnterOutcome, IdleThread, JobQueue};
use crate::blocking::work::Work;
use crate::kernel::drop_quietly;
use crate::machine::{Instant, real_time, real_time_since};
use crate::report::BlockingJob;

/// Starts a thread that runs the closure.
pub(super) type Start =
    dyn Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> + Send + Sync;

/// How threads are started, how many, and how long they stay.
pub(super) struct PoolSettings {
    pub(super) name: Arc<str>,
    pub(super) max_threads: usize,
    pub(super) limit: usize,
    pub(super) keep_alive: Duration,
    pub(super) stack_size: Option<usize>,
    pub(super) start: Option<Box<Start>>,
}

type QueueGuard<'a> = MutexGuard<'a, JobQueue>;

/// What a pool and its threads share.
pub(super) struct Threads {
    pub(super) settings: AssertUnwindSafe<PoolSettings>,
    queue: Mutex<JobQueue>,
    /// Notified when a thread has ended, or starts to wait for the others to end.
    gone: Condvar,
    numbers: AtomicU64,
    started: AtomicUsize,
    /// A shutdown has timed out: the drop of the pool does not wait.
    is_abandoned: AtomicBool,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

/// How long an idle thread spins before it sleeps. A caller that awaits one job after the other submits the next one
/// soon after the last has ended; waking a thread for it would take longer than many jobs do.
const WATCH: Duration = Duration::from_micros(20);

/// Returns whether there is another processor, on which a job could be submitted while this thread spins.
fn watches() -> bool {
    static OTHERS: OnceLock<bool> = OnceLock::new();
    *OTHERS.get_or_init(|| thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}

thread_local! {
    /// The address of the pool that this thread belongs to; 0 if none.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

impl Threads {
    pub(super) fn new(settings: PoolSettings) -> Arc<Self> {
        Arc::new(Threads {
            queue: Mutex::new(JobQueue::new(settings.max_threads, settings.limit)),
            settings: AssertUnwindSafe(settings),
            gone: Condvar::new(),
            numbers: AtomicU64::new(0),
            started: AtomicUsize::new(0),
            is_abandoned: AtomicBool::new(false),
            handles: Mutex::default(),
        })
    }

    /// Returns the number of the next job.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Queues a job and calls a thread for it; if no slot is free, queues it for one if `can_wait`.
    pub(super) fn enter(self: &Arc<Self>, job: Arc<dyn Work>, can_wait: bool) -> EnterOutcome {
        let entered = self.lock().enter(job, can_wait);
        if let EnterOutcome::HasSlot(call) = &entered {
            self.answer(call);
        }
        entered
    }

    /// Removes a job that was aborted from the queue.
    pub(super) fn remove_job(self: &Arc<Self>, number: u64) {
        let (job, admitted) = self.lock().give_up(number);
        drop_quietly(job);
        self.admit(admitted);
    }

    pub(super) fn is_waiting(&self, number: u64) -> bool {
        self.lock().is_waiting(number)
    }

    /// Wakes the waiters of jobs that were given a slot, and calls threads for these jobs.
    fn admit(self: &Arc<Self>, admitted: AdmittedJobs) {
        for (job, call) in admitted {
            self.answer(&call);
            job.record().wake();
        }
    }

    fn answer(self: &Arc<Self>, call: &Call) {
        match call {
            Call::None => {}
            Call::IdleThread(sleeper) => sleeper.call(),
            Call::NewThread => self.start(),
        }
    }

    /// Nothing that runs under the lock can panic half-way through a change, so poisoning is ignored.
    pub(super) fn lock(&self) -> QueueGuard<'_> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the current thread is one of these.
    pub(super) fn is_here(&self) -> bool {
        POOL.get() == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    // ----- starting -----

    /// Starts a thread, which is counted already. If that fails, the jobs are left to the other threads; if there are
    /// none, the jobs are refused.
    fn start(self: &Arc<Self>) {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut builder = thread::Builder::new().name(format!("{}-{number}", self.settings.name));
        if let Some(size) = self.settings.stack_size {
            builder = builder.stack_size(size);
        }
        // Kept here until the thread takes it, so the count stays right if the thread never runs.
        let guard =
            Arc::new(Mutex::new(Some(WorkerGuard { threads: Arc::clone(self), is_counted: true })));
        let fetched = Arc::clone(&guard);
        let serve = move || {
            let guard = fetched.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(guard) = guard {
                guard.serve();
            }
        };
        let started = match &self.settings.start {
            None => builder.spawn(serve),
            Some(start) => {
                let start = AssertUnwindSafe(|| start(builder, Box::new(serve)));
                catch_unwind(start).unwrap_or_else(|payload| {
                    drop_quietly(payload);
                    Err(io::Error::other("the closure of `start_with` panicked"))
                })
            }
        };
        match started {
            Ok(handle) => {
                let mut handles = self.handles();
                handles.retain(|handle| !handle.is_finished());
                handles.push(handle);
            }
            Err(error) => {
                let guard = guard.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(guard) = guard {
                    guard.leave(error);
                }
            }
        }
    }

    fn handles(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a thread could not be started, or ended without serving.
    fn thread_failed(&self, error: io::Error) {
        let (unserved, sleeper) = self.lock().thread_failed();
        self.gone.notify_all();
        if let Some(sleeper) = sleeper {
            sleeper.call();
        }
        let error = Arc::new(error);
        for job in unserved {
            job.refuse(JobRefusal::NoThread(Arc::clone(&error)));
            drop_quietly(job);
        }
    }

    // ----- serving -----

    /// Runs jobs until it is time for the thread to end.
    fn serve(self: &Arc<Self>) {
        POOL.set(self.address());
        let here = IdleThread::here();
        loop {
            let first = self.lock().arrive();
            if let Some((job, call)) = first {
                self.answer(&call);
                self.work(job);
            }
            if !self.rest(&here) {
                self.gone.notify_all();
                return;
            }
        }
    }

    /// Runs this job, and others until none is queued.
    fn work(self: &Arc<Self>, job: Arc<dyn Work>) {
        let mut next = Some(job);
        while let Some(job) = next {
            job.run();
            let number = job.number();
            drop_quietly(job); // This drops the result too, if its handle is gone.
            let admitted;
            (admitted, next) = {
                let mut queue = self.lock();
                (queue.finish(number), queue.next())
            };
            self.admit(admitted);
        }
    }

    /// Sleeps, unless there is a job after all; `false` if the thread must end: then it is no longer counted.
    fn rest(&self, here: &Arc<IdleThread>) -> bool {
        let mut queue = self.lock();
        if queue.queued() > 0 {
            return true;
        }
        if !queue.is_closed {
            queue.add_idle(here);
            drop(queue);
            if self.sleep(here) {
                return true;
            }
            queue = self.lock();
            if !queue.remove_idle(here) {
                // It is just being called. A call that is not consumed now would be mistaken for a later one.
                drop(queue);
                here.await_call();
                return true;
            }
            if queue.queued() > 0 {
                return true;
            }
        }
        queue.threads -= 1;
        false
    }

    /// Sleeps until it is called; `false` if its keep-alive time has elapsed.
    fn sleep(&self, here: &IdleThread) -> bool {
        let since = real_time();
        if watches() && here.watch(since, WATCH.min(self.settings.keep_alive)) {
            return true;
        }
        loop {
            let left = self.settings.keep_alive.saturating_sub(real_time_since(since));
            if left.is_zero() {
                return here.was_called();
            }
            thread::park_timeout(left);
            if here.was_called() {
                return true;
            }
        }
    }

    // ----- ending -----

    /// Accepts no more jobs; those that have a slot still run. Returns how many jobs were refused because they were
    /// waiting for a slot.
    pub(super) fn close(&self) -> usize {
        let (refused, sleepers) = {
            let mut queue = self.lock();
            (queue.close(), queue.call_all())
        };
        sleepers.iter().for_each(|sleeper| sleeper.call());
        refuse_all(refused)
    }

    /// Waits until all threads have ended, or until `until`; returns whether they have. In a job of this pool it waits
    /// for the other threads only, and not for those that wait here too.
    pub(super) fn wait_until(&self, until: Option<Instant>) -> bool {
        let is_here = self.is_here();
        let mut queue = self.lock();
        if is_here {
            queue.leaving += 1;
            self.gone.notify_all();
        }
        let is_over = |queue: &JobQueue| queue.threads <= if is_here { queue.leaving } else { 0 };
        while !is_over(&queue) {
            let gone = match until {
                None => self.gone.wait(queue).map_err(PoisonError::into_inner),
                Some(until) if until <= real_time() => break,
                Some(until) => {
                    let left = until.saturating_duration_since(real_time());
                    let waited = self.gone.wait_timeout(queue, left);
                    waited.map(|(queue, _)| queue).map_err(|poisoned| poisoned.into_inner().0)
                }
            };
            queue = gone.unwrap_or_else(|queue| queue);
        }
        let is_over = is_over(&queue);
        if is_here {
            queue.leaving -= 1;
        }
        drop(queue);
        // A join also waits for the thread's destructors, which may take long: not with a deadline. And not in a job:
        // the other threads may be waiting here too, in jobs of their own, so they are not about to end.
        if is_over && !is_here && until.is_none() {
            self.join();
        }
        is_over
    }

    /// Waits for the destructors of threads that have left the pool.
    fn join(&self) {
        let handles: Vec<_> = self.handles().drain(..).collect();
        for handle in handles {
            if handle.thread().id() != thread::current().id() {
                drop_quietly(handle.join());
            }
        }
    }

    /// Stops waiting for the threads, even when the pool is dropped.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Refuses all jobs that are not running; returns how many those were, and the running ones.
    pub(super) fn give_up(&self) -> (usize, Vec<BlockingJob>) {
        let (refused, running) = {
            let mut queue = self.lock();
            let running: Vec<_> = queue.running().map(Arc::clone).collect();
            (queue.clear(), running)
        };
        (refuse_all(refused), running.iter().map(|record| record.job()).collect())
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.lock();
        let mut pool = f.debug_struct("ThreadPool");
        pool.field("name", &self.settings.name).field("threads", &queue.threads);
        pool.field("idle", &queue.idle()).field("running", &queue.running().len());
        pool.field("queued", &queue.queued()).field("waiting", &queue.waiting());
        pool.field("is_closed", &queue.is_closed).finish_non_exhaustive()
    }
}

/// Refuses jobs, and returns how many.
fn refuse_all(jobs: Vec<Arc<dyn Work>>) -> usize {
    let count = jobs.len();
    for job in jobs {
        job.refuse(JobRefusal::Closed);
        drop_quietly(job);
    }
    count
}

/// Stands for a thread in the pool's count. If it is dropped before the thread has served, the count is corrected, so
/// that jobs are not left to a thread that never arrives.
struct WorkerGuard {
    threads: Arc<Threads>,
    is_counted: bool,
}

impl WorkerGuard {
    fn serve(mut self) {
        self.threads.serve();
        self.is_counted = false; // `rest` has counted it down already, under the lock.
    }

    fn leave(mut self, error: io::Error) {
        self.is_counted = false;
        self.threads.thread_failed(error);
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if self.is_counted {
            self.threads
                .thread_failed(io::Error::other("the thread's closure was dropped uncalled"));
        }
    }
}

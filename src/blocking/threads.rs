//! The threads of a pool: how one is started, what it does, and how it ends.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::blocking::error::JobRefusal;
use crate::blocking::queue::{Admission, Admitted, Call, IdleThread, JobQueue};
use crate::blocking::work::Work;
use crate::kernel::drop_quietly;
use crate::report::BlockingJob;

/// Starts a thread that runs the closure.
pub(super) type Start =
    dyn Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> + Send + Sync;

/// How threads are started, and how long they stay.
pub(super) struct PoolSettings {
    pub(super) name: Arc<str>,
    pub(super) most: usize,
    pub(super) limit: usize,
    pub(super) keep_alive: Duration,
    pub(super) stack_size: Option<usize>,
    pub(super) start: Option<Box<Start>>,
}

type QueueGuard<'a> = MutexGuard<'a, JobQueue>;

/// What the threads of a pool share, with the pool.
pub(super) struct Threads {
    pub(super) settings: AssertUnwindSafe<PoolSettings>,
    queue: Mutex<JobQueue>,
    /// Rung when a thread has gone, or waits for the others to go.
    gone: Condvar,
    numbers: AtomicU64,
    started: AtomicUsize,
    /// Nobody waits for them any more.
    is_abandoned: AtomicBool,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

/// How long a thread that has nothing to do keeps awake. Who awaits one job after the other hands over the next one soon
/// after the last one's end; to wake a thread for it would take longer than many jobs do.
const WATCH: Duration = Duration::from_micros(20);

/// Returns whether there is another processor, on which a job could be handed over meanwhile.
fn watches() -> bool {
    static OTHERS: OnceLock<bool> = OnceLock::new();
    *OTHERS.get_or_init(|| thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}

thread_local! {
    /// The address of the pool whose thread this is; 0 if it is nobody's.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

impl Threads {
    pub(super) fn new(settings: PoolSettings) -> Arc<Self> {
        Arc::new(Threads {
            queue: Mutex::new(JobQueue::new(settings.most, settings.limit)),
            settings: AssertUnwindSafe(settings),
            gone: Condvar::new(),
            numbers: AtomicU64::new(0),
            started: AtomicUsize::new(0),
            is_abandoned: AtomicBool::new(false),
            handles: Mutex::default(),
        })
    }

    /// The number of the next job.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts a job in the queue and calls a thread for it; or lets it wait for a place, if it can.
    pub(super) fn enter(self: &Arc<Self>, job: Arc<dyn Work>, can_wait: bool) -> Admission {
        let entered = self.lock().enter(job, can_wait);
        if let Admission::Placed(call) = &entered {
            self.answer(call);
        }
        entered
    }

    /// Takes a job out of the queue that was given up.
    pub(super) fn give_up_place(self: &Arc<Self>, number: u64) {
        let (job, admitted) = self.lock().give_up(number);
        drop_quietly(job);
        self.admit(admitted);
    }

    pub(super) fn is_waiting(&self, number: u64) -> bool {
        self.lock().is_waiting(number)
    }

    /// Tells those who have got a place, and calls threads for them.
    fn admit(self: &Arc<Self>, admitted: Admitted) {
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

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    pub(super) fn lock(&self) -> QueueGuard<'_> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether this is one of its threads.
    pub(super) fn is_here(&self) -> bool {
        POOL.get() == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    // ----- starting -----

    /// Starts a thread, which is counted already. If that fails its jobs are left to the others; if there are no
    /// others, whoever waits for them is told.
    fn start(self: &Arc<Self>) {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut builder = thread::Builder::new().name(format!("{}-{number}", self.settings.name));
        if let Some(size) = self.settings.stack_size {
            builder = builder.stack_size(size);
        }
        // It is here until the thread has come for it, so it is not lost if that never does.
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
                    Err(io::Error::other("what was to start it has panicked"))
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

    /// Notes that a thread is not there any more.
    fn lose_thread(&self, error: io::Error) {
        let (unserved, sleeper) = self.lock().lose_thread();
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

    /// Runs jobs until there is nothing to do any more.
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

    /// Runs this job, and others until there is none.
    fn work(self: &Arc<Self>, job: Arc<dyn Work>) {
        let mut next = Some(job);
        while let Some(job) = next {
            job.run();
            let number = job.number();
            drop_quietly(job); // And with it the result, if its handle is gone.
            let admitted;
            (admitted, next) = {
                let mut queue = self.lock();
                (queue.finish(number), queue.next())
            };
            self.admit(admitted);
        }
    }

    /// Sleeps, unless there is a job after all; `false` if it is time to go: then it is not counted any more.
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
                // It is being called this very moment. The call must not be left lying for the next time.
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

    /// Sleeps until it is called; `false` if it has slept long enough.
    fn sleep(&self, here: &IdleThread) -> bool {
        let since = Instant::now();
        if watches() && here.watch(since, WATCH.min(self.settings.keep_alive)) {
            return true;
        }
        loop {
            let left = self.settings.keep_alive.saturating_sub(since.elapsed());
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

    /// Takes nothing any more; what has a place is still run. Returns how many were refused, since they were waiting for
    /// a place.
    pub(super) fn close(&self) -> usize {
        let (refused, sleepers) = {
            let mut queue = self.lock();
            (queue.close(), queue.call_all())
        };
        sleepers.iter().for_each(|sleeper| sleeper.call());
        refuse_all(refused)
    }

    /// Waits until all threads have gone, or until then; `true` if they have. A job of the pool's own waits for
    /// the others only, and not for those that wait likewise.
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
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
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
        // The last lines of a thread are its destructors', which may take their time; and a thread here that waits in
        // a job, as this one does, has more to do than that.
        if is_over && !is_here && until.is_none() {
            self.join();
        }
        is_over
    }

    /// Waits for the last lines of threads that have done everything.
    fn join(&self) {
        let handles: Vec<_> = self.handles().drain(..).collect();
        for handle in handles {
            if handle.thread().id() != thread::current().id() {
                drop_quietly(handle.join());
            }
        }
    }

    /// Waits for the threads no more, also when the pool is dropped.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Refuses all that nobody runs; returns how many those were, and what is running.
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

/// Refuses jobs, and returns how many those were.
fn refuse_all(jobs: Vec<Arc<dyn Work>>) -> usize {
    let count = jobs.len();
    for job in jobs {
        job.refuse(JobRefusal::Closed);
        drop_quietly(job);
    }
    count
}

/// Counts a thread of the pool. The last owner gives the place back, so that jobs are not left to a thread that never
/// came.
struct WorkerGuard {
    threads: Arc<Threads>,
    is_counted: bool,
}

impl WorkerGuard {
    fn serve(mut self) {
        self.threads.serve();
        self.is_counted = false; // That was done when it was decided, under the lock.
    }

    fn leave(mut self, error: io::Error) {
        self.is_counted = false;
        self.threads.lose_thread(error);
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if self.is_counted {
            self.threads.lose_thread(io::Error::other("what was to start it did not"));
        }
    }
}

//! The pool: a limited number of threads, and a queue of jobs for them.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::blocking::error::{JobRefusal, TrySubmitError};
use crate::blocking::handle::BlockingHandle;
use crate::blocking::job::PoolJob;
use crate::blocking::pool_builder::PoolBuilder;
use crate::blocking::queue::EnterOutcome;
use crate::blocking::submit::Submitting;
use crate::blocking::threads::Threads;
use crate::blocking::work::{JobLabel, Work};
use crate::kernel::current;
use crate::machine::real_time;
use crate::report::BlockingJob;
use crate::wait_here::wait_here;

/// A pool of threads that run blocking jobs from one FIFO queue.
///
/// Threads are started on demand, up to a maximum, and end after an [idle time](PoolBuilder::keep_alive). All methods
/// take `&self`: any number of threads and schedulers can share a pool.
///
/// Dropping the pool [shuts it down](ThreadPool::shutdown), which waits for all accepted jobs.
///
/// # Example
///
/// ```
/// use turnwise::ThreadPool;
///
/// let pool = ThreadPool::new(3);
/// let handles: Vec<_> = (1..=5).map(|n| pool.submit(move || n * n)).collect();
/// // Outside of async code:
/// let squares: Result<Vec<i32>, _> = handles.into_iter().map(|handle| handle.wait()).collect();
/// assert_eq!(squares?, [1, 4, 9, 16, 25]);
/// // In a task:
/// assert_eq!(turnwise::block_on(pool.submit(|| "awaited"))?, "awaited");
/// # Ok::<(), turnwise::blocking::BlockingError>(())
/// ```
#[doc(alias = "ThreadPoolExecutor")]
#[doc(alias = "max_workers")]
pub struct ThreadPool {
    threads: Arc<Threads>,
}

impl PoolBuilder {
    /// Builds the pool. No thread is started yet.
    ///
    /// # Panics
    ///
    /// If the maximum number of threads is 0, or if the name contains a NUL byte, which no thread name can.
    #[track_caller]
    pub fn build(self) -> ThreadPool {
        ThreadPool { threads: Threads::new(self.into_settings()) }
    }
}

impl ThreadPool {
    /// Creates a pool of at most `threads` threads, with an unbounded queue.
    ///
    /// # Panics
    ///
    /// If `threads` is 0.
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        ThreadPool::builder().threads(threads).build()
    }

    /// Returns a builder, to configure a pool.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// Submits a closure, to be called on one of the pool's threads.
    ///
    /// If the queue is [bounded](PoolBuilder::queue_limit) and full, this blocks until there is room. While a
    /// scheduler is running on this thread, and in a job of this pool, it never blocks: the handle returns an error
    /// immediately, for which [`is_full`](crate::blocking::BlockingError::is_full) is true. Use
    /// [`submit_async`](ThreadPool::submit_async) or [`try_submit`](ThreadPool::try_submit) there. The handle also
    /// returns an error immediately if the pool was shut down, or if it has no thread and none can be started.
    #[track_caller]
    pub fn submit<F, T>(&self, job: F) -> BlockingHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_labeled((None, Location::caller()), job)
    }

    pub(super) fn submit_labeled<F, T>(&self, label: JobLabel, job: F) -> BlockingHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = PoolJob::new(&self.threads, label, job);
        let handle = BlockingHandle::new(Arc::clone(&job));
        let can_wait = current().is_none() && !self.threads.is_here();
        match self.threads.enter(Arc::clone(&job) as Arc<dyn Work>, can_wait) {
            EnterOutcome::HasSlot(_) => handle,
            EnterOutcome::Waits => {
                wait_here(Submitting::<F, T>::in_line(&self.threads, job.number(), handle))
            }
            EnterOutcome::Full => refused(&*job, JobRefusal::Full, handle),
            EnterOutcome::Closed => refused(&*job, JobRefusal::Closed, handle),
        }
    }

    /// Submits a closure if there is room for it.
    ///
    /// # Errors
    ///
    /// [`TrySubmitError`], with the closure, if the queue is full or the pool was shut down. If the pool has no thread
    /// and none can be started, it is the handle that returns an error, immediately.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use turnwise::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).queue_limit(1).build();
    /// let (go, wait) = mpsc::channel::<()>();
    /// let running = pool.submit(move || wait.recv());
    /// let queued = pool.submit(|| "queued");
    /// let error = pool.try_submit(|| "one too many").unwrap_err();
    /// assert!(error.is_full());
    /// go.send(()).unwrap();
    /// assert!(running.wait().is_ok());
    /// assert_eq!(queued.wait()?, "queued");
    /// assert_eq!(pool.submit(error.into_job()).wait()?, "one too many");
    /// # Ok::<(), turnwise::blocking::BlockingError>(())
    /// ```
    #[track_caller]
    pub fn try_submit<F, T>(&self, job: F) -> Result<BlockingHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = PoolJob::new(&self.threads, (None, Location::caller()), job);
        let handle = BlockingHandle::new(Arc::clone(&job));
        let error = match self.threads.enter(Arc::clone(&job) as Arc<dyn Work>, false) {
            EnterOutcome::Full | EnterOutcome::Waits => TrySubmitError::Full,
            EnterOutcome::Closed => TrySubmitError::Closed,
            EnterOutcome::HasSlot(_) => return Ok(handle),
        };
        let closure = job.take_back();
        closure.map_or(Ok(handle), |closure| Err(error(closure)))
    }

    /// Waits until there is room for a closure, submits it, and returns its handle.
    ///
    /// Nothing happens before the first poll. Waiting submissions are accepted in FIFO order. The handle returns an
    /// error immediately if the pool was shut down, or if it has no thread and none can be started.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the closure and gives up its place in line. If the job was accepted
    /// and started just before, it continues.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{ThreadPool, block_on};
    ///
    /// let pool = ThreadPool::builder().threads(2).queue_limit(0).build();
    /// block_on(async {
    ///     for n in 0..10 {
    ///         let handle = pool.submit_async(move || n).await; // waits while both threads are busy
    ///         handle.on_done(move |result| assert_eq!(result.unwrap(), n));
    ///     }
    /// });
    /// ```
    #[track_caller]
    pub fn submit_async<F, T>(&self, job: F) -> Submitting<'_, F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Submitting::new(&self.threads, Location::caller(), job)
    }

    /// Creates a job that is in no queue yet.
    pub(super) fn job<F, T>(&self, label: JobLabel, closure: F) -> Arc<PoolJob<F, T>> {
        PoolJob::new(&self.threads, label, closure)
    }

    /// Closes the pool to new jobs, and waits until all accepted jobs and all threads have ended.
    ///
    /// Submissions that are waiting for room, and all later ones, get an error immediately. In a job of this pool, this
    /// waits for the other threads only. A second call waits too.
    ///
    /// # Example
    ///
    /// ```
    /// let pool = turnwise::ThreadPool::new(1);
    /// let handle = pool.submit(|| "done");
    /// pool.shutdown();
    /// assert!(handle.is_finished());
    /// ```
    #[doc(alias = "close")]
    pub fn shutdown(&self) {
        self.threads.close();
        self.threads.wait_until(None);
    }

    /// Like [`shutdown`](ThreadPool::shutdown), but waits no longer than `timeout`. Returns what was left.
    ///
    /// Jobs that have not started by then are dropped, and their handles return an error. Running jobs cannot be
    /// stopped: they continue, and their threads end after them. Dropping the pool no longer waits for them.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use turnwise::ThreadPool;
    ///
    /// let (go, wait) = mpsc::channel::<()>();
    /// let pool = ThreadPool::new(1);
    /// let stuck = pool.submit(move || wait.recv());
    /// let queued = pool.submit(|| ());
    /// let report = pool.shutdown_timeout(Duration::from_millis(10));
    /// assert_eq!((report.still_running.len(), report.refused), (1, 1));
    /// assert!(queued.wait().unwrap_err().is_closed());
    /// # go.send(()).unwrap();
    /// # assert!(stuck.wait().is_ok());
    /// ```
    pub fn shutdown_timeout(&self, timeout: Duration) -> PoolReport {
        let waiting = self.threads.close();
        if self.threads.wait_until(real_time().checked_add(timeout)) {
            return PoolReport { refused: waiting, ..PoolReport::default() };
        }
        let (queued, still_running) = self.threads.give_up();
        self.threads.abandon();
        PoolReport { still_running, refused: waiting + queued }
    }

    /// Returns whether the pool was shut down: it accepts no more jobs.
    pub fn is_closed(&self) -> bool {
        self.threads.lock().is_closed
    }

    /// Returns the current number of threads.
    pub fn threads(&self) -> usize {
        self.threads.lock().threads
    }

    /// Returns the number of jobs that wait for a thread.
    pub fn queued(&self) -> usize {
        self.threads.lock().queued()
    }

    /// Returns the jobs that are running.
    pub fn running(&self) -> Vec<BlockingJob> {
        let records: Vec<_> = self.threads.lock().running().map(Arc::clone).collect();
        records.iter().map(|record| record.job()).collect()
    }
}

/// Refuses a job; its handle returns the reason.
fn refused<T>(job: &dyn Work, why: JobRefusal, handle: BlockingHandle<T>) -> BlockingHandle<T> {
    job.refuse(why);
    handle
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if !self.threads.is_abandoned() {
            self.shutdown();
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.threads.fmt(f)
    }
}

/// The jobs that a [`ThreadPool::shutdown_timeout`] could not wait for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PoolReport {
    /// Jobs that are still running.
    pub still_running: Vec<BlockingJob>,
    /// How many jobs were dropped before they started.
    pub refused: usize,
}

impl PoolReport {
    /// Returns whether all jobs have ended and none was dropped.
    pub fn is_clean(&self) -> bool {
        self.still_running.is_empty() && self.refused == 0
    }
}

impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} still running, {} never started", self.still_running.len(), self.refused)?;
        self.still_running.iter().try_for_each(|job| write!(f, "\n  {job}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn dropping_a_pool_joins_its_threads() {
        let (done, received) = mpsc::channel();
        let pool = ThreadPool::new(1);
        let threads = Arc::clone(&pool.threads);
        drop(pool.submit(move || {
            // Waits until the drop has closed the pool.
            while !threads.lock().is_closed {
                thread::yield_now();
            }
            done.send(()).expect("the test waits for it");
        }));
        drop(pool);
        assert_eq!(received.try_recv(), Ok(()));
    }
}

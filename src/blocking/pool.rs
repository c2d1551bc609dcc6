//! The pool: so many threads, and a queue of jobs for them.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::blocking::error::{JobRefusal, TrySubmitError};
use crate::blocking::handle::BlockingHandle;
use crate::blocking::job::PoolJob;
use crate::blocking::pool_builder::PoolBuilder;
use crate::blocking::queue::Admission;
use crate::blocking::submit::Submitting;
use crate::blocking::threads::Threads;
use crate::blocking::work::{JobLabel, Work};
use crate::kernel::current;
use crate::report::BlockingJob;
use crate::wait_here::wait_here;

/// So many threads, and a queue of blocking jobs for them, first in, first out.
///
/// A thread is started when there is a job and all threads are busy, until there are as many as there may be; one
/// that has had nothing to do for a while ends. It is used by reference, from any thread and by any number of
/// schedulers.
///
/// Dropping it [shuts it down](ThreadPool::shutdown): waits for all jobs that have a place.
///
/// # Example
///
/// ```
/// use turnwise::ThreadPool;
///
/// let pool = ThreadPool::new(3);
/// let handles: Vec<_> = (1..=5).map(|n| pool.submit(move || n * n)).collect();
/// // Where nothing can be awaited:
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
    /// Makes the pool. No thread is started yet.
    ///
    /// # Panics
    ///
    /// If it is to have no threads, or if its name has a zero byte, which no thread's name may have.
    #[track_caller]
    pub fn build(self) -> ThreadPool {
        ThreadPool { threads: Threads::new(self.into_settings()) }
    }
}

impl ThreadPool {
    /// Makes a pool of at most so many threads, and a queue without limit.
    ///
    /// # Panics
    ///
    /// If it is to have no threads.
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        ThreadPool::builder().threads(threads).build()
    }

    /// Returns a builder, for everything that is not the default.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// Hands a closure over, to be called on one of the threads.
    ///
    /// If the queue [is limited](PoolBuilder::queue_limit) and full, this blocks until there is a place. Where a
    /// scheduler runs on this thread, or in a job of this pool, it never blocks: then the handle gives an error at
    /// once, for which [`is_full`](crate::blocking::BlockingError::is_full) is true. Use
    /// [`submit_async`](ThreadPool::submit_async) or [`try_submit`](ThreadPool::try_submit) there. Once the pool was
    /// shut down, or if no thread can be started and there is none, the handle gives an error at once as well.
    #[track_caller]
    pub fn submit<F, T>(&self, job: F) -> BlockingHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit_born((None, Location::caller()), job)
    }

    pub(super) fn submit_born<F, T>(&self, label: JobLabel, job: F) -> BlockingHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = PoolJob::new(&self.threads, label, job);
        let handle = BlockingHandle::new(Arc::clone(&job));
        let can_wait = current().is_none() && !self.threads.is_here();
        match self.threads.enter(Arc::clone(&job) as Arc<dyn Work>, can_wait) {
            Admission::Placed(_) => handle,
            Admission::Waits => {
                wait_here(Submitting::<F, T>::in_line(&self.threads, job.number(), handle))
            }
            Admission::Full => refused(&*job, JobRefusal::Full, handle),
            Admission::Closed => refused(&*job, JobRefusal::Closed, handle),
        }
    }

    /// Hands a closure over, if there is a place for it.
    ///
    /// # Errors
    ///
    /// [`TrySubmitError`] with the closure, if the queue is full or the pool was shut down. If no thread can be
    /// started and there is none, the handle gives an error at once.
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
            Admission::Full | Admission::Waits => TrySubmitError::Full,
            Admission::Closed => TrySubmitError::Closed,
            Admission::Placed(_) => return Ok(handle),
        };
        let closure = job.take_back();
        closure.map_or(Ok(handle), |closure| Err(error(closure)))
    }

    /// Hands a closure over when there is a place for it, and waits for that: it is awaited for the handle.
    ///
    /// Nothing happens before the first poll. The handle gives an error at once if the pool was shut down, or no
    /// thread can be started and there is none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the closure, unless that was given a place and begun just
    /// before; then it goes on. Whoever waits keeps his place in the order of all who do.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{ThreadPool, block_on};
    ///
    /// let pool = ThreadPool::builder().threads(2).queue_limit(0).build();
    /// block_on(async {
    ///     for n in 0..10 {
    ///         let handle = pool.submit_async(move || n).await; // waits while two are busy
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

    /// Makes a job, which is in no queue yet.
    pub(super) fn job<F, T>(&self, label: JobLabel, closure: F) -> Arc<PoolJob<F, T>> {
        PoolJob::new(&self.threads, label, closure)
    }

    /// Takes no more jobs, and waits until all that have a place are over and all threads have ended.
    ///
    /// Whoever waits for a place, or asks for one from now on, gets an error at once. Called by a job of this pool
    /// it waits for the other threads only. A second call waits as well.
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

    /// Does the same, but waits no longer than this; says what is still running then.
    ///
    /// Jobs that have not begun by then are dropped, and whoever waits for one gets an error. Nobody can end those
    /// that run: they go on, and their threads end after them. The pool can be dropped then, without waiting.
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
        if self.threads.wait_until(Instant::now().checked_add(timeout)) {
            return PoolReport { refused: waiting, ..PoolReport::default() };
        }
        let (queued, still_running) = self.threads.give_up();
        self.threads.abandon();
        PoolReport { still_running, refused: waiting + queued }
    }

    /// Returns whether it was shut down: it takes no more jobs.
    pub fn is_closed(&self) -> bool {
        self.threads.lock().is_closed
    }

    /// Returns how many threads there are now.
    pub fn threads(&self) -> usize {
        self.threads.lock().threads
    }

    /// Returns how many jobs wait for a thread.
    pub fn queued(&self) -> usize {
        self.threads.lock().queued()
    }

    /// Returns the jobs that are running.
    pub fn running(&self) -> Vec<BlockingJob> {
        let records: Vec<_> = self.threads.lock().running().map(Arc::clone).collect();
        records.iter().map(|record| record.job()).collect()
    }
}

/// Refuses a job; its handle tells why.
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

/// What a pool that was shut down in a limited time has left; made by [`ThreadPool::shutdown_timeout`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PoolReport {
    /// Jobs that are still running.
    pub still_running: Vec<BlockingJob>,
    /// How many jobs were dropped that had not begun.
    pub refused: usize,
}

impl PoolReport {
    /// Returns whether all jobs are over and none was dropped.
    pub fn is_clean(&self) -> bool {
        self.still_running.is_empty() && self.refused == 0
    }
}

impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} still running, {} never begun", self.still_running.len(), self.refused)?;
        self.still_running.iter().try_for_each(|job| write!(f, "\n  {job}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn the_drop_of_a_pool_joins_its_threads() {
        let (done, told) = mpsc::channel();
        let pool = ThreadPool::new(1);
        let threads = Arc::clone(&pool.threads);
        drop(pool.submit(move || {
            // Not before the drop is under way.
            while !threads.lock().is_closed {
                thread::yield_now();
            }
            done.send(()).expect("somebody waits for it");
        }));
        drop(pool);
        assert_eq!(told.try_recv(), Ok(()));
    }
}

//! The builder of pools: the number of threads, their names, and the bound of the queue.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::blocking::threads::{PoolSettings, Start};

/// Configures and builds a [`ThreadPool`](crate::ThreadPool).
///
/// # Example
///
/// ```
/// use std::{thread, time::Duration};
/// use turnwise::ThreadPool;
///
/// let pool = ThreadPool::builder()
///     .threads(4)
///     .name("database")
///     .queue_limit(100)
///     .keep_alive(Duration::from_secs(60))
///     .build();
/// let name = pool.submit(|| thread::current().name().map(str::to_owned)).wait()?;
/// assert_eq!(name.as_deref(), Some("database-0"));
/// # Ok::<(), turnwise::blocking::BlockingError>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct PoolBuilder {
    threads: usize,
    name: Arc<str>,
    queue_limit: usize,
    keep_alive: Duration,
    stack_size: Option<usize>,
    start: Option<Box<Start>>,
}

impl PoolBuilder {
    /// Creates a builder with the defaults: as many threads as there are processors, an unbounded queue, and threads
    /// that end after ten idle seconds.
    pub fn new() -> Self {
        PoolBuilder {
            threads: thread::available_parallelism().map_or(1, usize::from),
            name: Arc::from("blocking"),
            queue_limit: usize::MAX,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
            start: None,
        }
    }

    /// Sets the maximum number of threads.
    #[doc(alias = "max_workers")]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the threads' name, to which a hyphen and a number from 0 are appended. The default is "blocking".
    #[doc(alias = "thread_name_prefix")]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Bounds the queue: at most this many jobs wait for a thread. With 0, a job is accepted only if a thread is free
    /// or can be started.
    ///
    /// Submissions beyond that wait or are refused: see
    /// [`ThreadPool::submit`](crate::ThreadPool::submit), [`ThreadPool::submit_async`](crate::ThreadPool::submit_async)
    /// and [`ThreadPool::try_submit`](crate::ThreadPool::try_submit).
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.queue_limit = jobs;
        self
    }

    /// Sets how long an idle thread stays before it ends; with [`Duration::MAX`], forever.
    ///
    /// If there is more than one processor, the thread spins for the first 20 µs, so that a job that is submitted soon
    /// need not wake it.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets the stack size of each thread, in bytes. The default is that of [`std::thread`].
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets how a thread is started, for example to pin it to a processor, to count threads, or in tests.
    ///
    /// `start` receives a builder with the name and stack size set, and the closure that the thread must run; it
    /// should call [`std::thread::Builder::spawn`]. If it returns an error, or if the closure is dropped without having
    /// been called, the job is left to the other threads of the pool; if there are none, its handle returns an error.
    ///
    /// # Example
    ///
    /// ```
    /// use std::io;
    /// use turnwise::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().start_with(|_, _| Err(io::Error::other("no more"))).build();
    /// let error = pool.submit(|| ()).wait().unwrap_err();
    /// assert_eq!(error.thread_error().unwrap().to_string(), "no more");
    /// ```
    pub fn start_with<S>(mut self, start: S) -> Self
    where
        S: Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<thread::JoinHandle<()>>
            + Send
            + Sync
            + 'static,
    {
        self.start = Some(Box::new(start));
        self
    }

    /// Checks the settings and returns them.
    #[track_caller]
    pub(super) fn into_settings(self) -> PoolSettings {
        assert!(self.threads > 0, "a pool needs at least one thread: use `ThreadPool::new(1)`");
        assert!(!self.name.contains('\0'), "a thread name cannot contain NUL: {:?}", self.name);
        PoolSettings {
            name: self.name,
            max_threads: self.threads,
            limit: self.queue_limit,
            keep_alive: self.keep_alive,
            stack_size: self.stack_size,
            start: self.start,
        }
    }
}

impl Default for PoolBuilder {
    fn default() -> Self {
        PoolBuilder::new()
    }
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut builder = f.debug_struct("PoolBuilder");
        builder.field("threads", &self.threads).field("name", &self.name);
        builder.field("queue_limit", &self.queue_limit).field("keep_alive", &self.keep_alive);
        builder.field("stack_size", &self.stack_size).finish_non_exhaustive()
    }
}

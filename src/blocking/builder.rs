//! The builder of named jobs.

use std::panic::Location;
use std::sync::Arc;

use crate::blocking::handle::BlockingHandle;
use crate::blocking::pool::ThreadPool;
use crate::blocking::shared::spawn_labeled;

/// Configures a blocking job, before it is submitted.
///
/// # Example
///
/// ```
/// use turnwise::{ThreadPool, block_on, blocking};
///
/// block_on(async {
///     let handle = blocking::Builder::new().name("sum").spawn(|| 1 + 2);
///     assert_eq!(handle.name().as_deref(), Some("sum"));
///     assert_eq!(handle.await?, 3);
///     let pool = ThreadPool::new(1);
///     assert_eq!(blocking::Builder::new().name("product").spawn_on(&pool, || 2 * 3).await?, 6);
///     Ok::<(), blocking::BlockingError>(())
/// })?;
/// # Ok::<(), blocking::BlockingError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct Builder {
    name: Option<Arc<str>>,
}

impl Builder {
    /// Creates a builder for a job without a name.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Names the job, for reports, snapshots and errors. Names need not be unique.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Submits the closure; see [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn<F, T>(self, job: F) -> BlockingHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_labeled((self.name, Location::caller()), job)
    }

    /// Submits the closure to `pool`; see [`ThreadPool::submit`].
    #[track_caller]
    pub fn spawn_on<F, T>(self, pool: &ThreadPool, job: F) -> BlockingHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        pool.submit_labeled((self.name, Location::caller()), job)
    }
}

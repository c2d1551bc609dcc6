//! Spawning tasks.

use std::fmt;
use std::panic::Location;

use crate::kernel::{SpawnMeta, current};
use crate::task::fallible::Fallible;
use crate::task::{AbortHandle, JoinHandle, JoinSet};

/// Spawns a new task on the scheduler that is running on this thread.
///
/// The future is not polled by this call: the task is added to the end of the ready queue, and takes its first turn
/// when it reaches the front. It runs whether or not its handle is awaited; dropping the handle detaches it. The future
/// need not be `Send`.
///
/// # Panics
///
/// Outside of a running scheduler. [`Scheduler::spawn`](crate::Scheduler::spawn) works there.
///
/// # Example
///
/// ```
/// turnwise::block_on(async {
///     let handle = turnwise::spawn(async { 6 * 7 });
///     assert_eq!(handle.await?, 42);
///     Ok::<(), turnwise::JoinError>(())
/// })?;
/// # Ok::<(), turnwise::JoinError>(())
/// ```
#[track_caller]
#[doc(alias = "create_task")]
#[doc(alias = "ensure_future")]
#[doc(alias = "spawn_local")]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    let kernel = current().expect(
        "`spawn` needs a running scheduler: call it inside `block_on`, or use `Scheduler::spawn`",
    );
    JoinHandle::spawn(kernel, future, SpawnMeta::at(Location::caller()), None)
}

/// Spawns a task that may fail: if its `Err` is never read, that is reported.
///
/// Otherwise like [`spawn`]. When the handle is dropped, a plain task's output is dropped silently, but an `Err` of
/// this task counts as a failure, as a panic does. See [`Builder::on_failure`](crate::scheduler::Builder::on_failure).
///
/// # Panics
///
/// Outside of a running scheduler. [`Scheduler::try_spawn`](crate::Scheduler::try_spawn) works there.
///
/// # Example
///
/// ```
/// use turnwise::task;
///
/// let sum = turnwise::block_on(async {
///     let parse = |text: &'static str| task::try_spawn(async move { text.parse::<i32>() });
///     let (one, two) = (parse("1"), parse("two"));
///     assert!(two.await.unwrap().is_err()); // it was read, so it is not reported
///     one.await.unwrap()
/// });
/// assert_eq!(sum, Ok(1));
/// ```
#[track_caller]
pub fn try_spawn<F, T, E>(future: F) -> JoinHandle<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: fmt::Debug + 'static,
{
    let kernel = current().expect(
        "`try_spawn` needs a running scheduler: call it inside `block_on`, or use `Scheduler::try_spawn`",
    );
    JoinHandle::spawn(kernel, Fallible::new(future), SpawnMeta::at(Location::caller()), None)
}

impl<T: 'static, E: fmt::Debug + 'static> JoinSet<Result<T, E>> {
    /// Spawns a task that may fail into the set: if its `Err` is not joined, that is reported; see
    /// [`try_spawn`](crate::task::try_spawn).
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, task::JoinSet};
    ///
    /// block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.try_spawn(async { "seven".parse::<u32>() });
    ///     assert!(set.join_next().await.unwrap().unwrap().is_err()); // read, so not reported
    /// });
    /// ```
    #[track_caller]
    pub fn try_spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = Result<T, E>> + 'static,
    {
        let kernel = current()
            .expect("`JoinSet::try_spawn` needs a running scheduler: call it inside `block_on`");
        self.spawn_in(kernel, Fallible::new(future), Location::caller())
    }
}

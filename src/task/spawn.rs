//! Spawning: a future becomes a task.

use std::fmt;
use std::panic::Location;

use crate::kernel::{SpawnMeta, current};
use crate::task::JoinHandle;
use crate::task::fallible::Fallible;

/// Makes a task of a future, on the scheduler that runs on this thread.
///
/// Nothing of it runs yet: it is put at the end of the ready queue, and has its first turn when its turn
/// comes. It goes on whether or not its handle is awaited; dropping the handle detaches it. The future
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

/// Makes a task of a future that may fail: if its `Err` goes unread, that is reported.
///
/// As [`spawn`], whose handle may be dropped too; but what a plain task returns is its own affair, while an
/// `Err` that was to tell somebody of a failure, and nobody is left to hear it, is not lost in silence. See
/// [`Builder::on_failure`](crate::scheduler::Builder::on_failure).
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

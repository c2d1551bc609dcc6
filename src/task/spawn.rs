//! Spawning: a future becomes a task.

use std::panic::Location;

use crate::kernel::{Birth, Scheduler, current};
use crate::task::JoinHandle;

/// Makes a task of a future, on the scheduler that runs on this thread.
///
/// Nothing of it runs yet: it is put at the end of the ready queue, and has its first turn when its turn
/// comes. It goes on whether or not its handle is awaited; dropping the handle detaches it. The future
/// need not be `Send`.
///
/// # Panics
///
/// Outside of a running scheduler. [`Scheduler::spawn`] works there.
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
    JoinHandle::spawn(kernel, future, Birth::at(Location::caller()), None)
}

impl Scheduler {
    /// Makes a task of a future. The slides' `new`.
    ///
    /// Works whether this scheduler runs or not; nothing of the future runs yet. See also
    /// [`spawn`](crate::spawn), for use inside of tasks, and [`task::Builder`](crate::task::Builder).
    ///
    /// # Example
    ///
    /// ```
    /// let scheduler = turnwise::Scheduler::new();
    /// let handle = scheduler.spawn(async { "done" });
    /// assert_eq!(scheduler.block_on(handle)?, "done");
    /// # Ok::<(), turnwise::JoinError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "create_task")]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let kernel = self.kernel();
        JoinHandle::spawn(kernel, future, Birth::at(Location::caller()), None)
    }
}

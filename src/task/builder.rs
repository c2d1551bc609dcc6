//! The task builder: a name, a priority.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::kernel::{SpawnMeta, current};
use crate::task::JoinHandle;
use crate::task::fallible::Fallible;

/// Configures a task before it is spawned: its name and its priority.
///
/// # Example
///
/// ```
/// use turnwise::task;
///
/// turnwise::block_on(async {
///     let handle = task::Builder::new().name("poller").priority(3).spawn(async { task::name() });
///     assert_eq!(handle.name().as_deref(), Some("poller"));
///     assert_eq!(handle.await.unwrap().as_deref(), Some("poller"));
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct Builder {
    name: Option<Arc<str>>,
    priority: i8,
}

impl Builder {
    /// Creates a builder for a task without a name, of priority 0.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Sets the name of the task, for reports and snapshots. Names need not be unique.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the priority. Under [`Policy::Priority`](crate::Policy::Priority), tasks of higher priority run first; the
    /// other policies ignore it.
    pub fn priority(mut self, priority: i8) -> Self {
        self.priority = priority;
        self
    }

    /// Returns what the kernel needs to spawn the task.
    pub(crate) fn into_meta(
        self,
        place: &'static Location<'static>,
    ) -> (SpawnMeta, Option<Arc<str>>) {
        (SpawnMeta { priority: self.priority, ..SpawnMeta::at(place) }, self.name)
    }

    /// Spawns the task on the scheduler that is running on this thread; see [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler. [`spawn_on`](Builder::spawn_on) works there.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let kernel = current().expect(
            "`spawn` needs a running scheduler: call it inside `block_on`, or use `Builder::spawn_on`",
        );
        let (meta, name) = self.into_meta(Location::caller());
        JoinHandle::spawn(kernel, future, meta, name)
    }

    /// Spawns a task that may fail; see [`try_spawn`](crate::task::try_spawn).
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler. [`try_spawn_on`](Builder::try_spawn_on) works there.
    #[track_caller]
    pub fn try_spawn<F, T, E>(self, future: F) -> JoinHandle<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: fmt::Debug + 'static,
    {
        self.try_spawn_at(future, Location::caller())
    }

    /// Does the same; reports show `place` as the location of the spawn.
    #[track_caller]
    pub(crate) fn try_spawn_at<F, T, E>(
        self,
        future: F,
        place: &'static Location<'static>,
    ) -> JoinHandle<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: fmt::Debug + 'static,
    {
        let kernel = current().expect(
            "`try_spawn` needs a running scheduler: call it inside `block_on`, or use `Builder::try_spawn_on`",
        );
        let (meta, name) = self.into_meta(place);
        JoinHandle::spawn(kernel, Fallible::new(future), meta, name)
    }
}

//! The builder of tasks: a name, a priority.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::kernel::{SpawnMeta, current};
use crate::task::JoinHandle;
use crate::task::fallible::Fallible;

/// Makes a task that has a name or a priority.
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
    /// A task without a name, of priority 0.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Names the task, for reports, snapshots and whoever reads them. Names need not be unique.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the priority: under [`Policy::Priority`](crate::Policy::Priority) higher ones go first. The
    /// other policies do not look at it.
    pub fn priority(mut self, priority: i8) -> Self {
        self.priority = priority;
        self
    }

    /// What the kernel is told of the task.
    pub(crate) fn into_meta(
        self,
        place: &'static Location<'static>,
    ) -> (SpawnMeta, Option<Arc<str>>) {
        (SpawnMeta { priority: self.priority, ..SpawnMeta::at(place) }, self.name)
    }

    /// Makes the task on the scheduler that runs on this thread; see [`spawn`](crate::spawn).
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

    /// Makes a task of a future that may fail; see [`try_spawn`](crate::task::try_spawn).
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

    /// The same; reports say that the task was spawned at `place`.
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

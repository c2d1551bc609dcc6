//! Spawning on a scheduler, whether or not it is running.

use std::fmt;
use std::panic::Location;

use crate::kernel::SpawnMeta;
use crate::scheduler::scheduler::Scheduler;
use crate::task::{AbortHandle, Builder, Fallible, JoinHandle, JoinSet, Remote};

impl Scheduler {
    /// Spawns a future as a task.
    ///
    /// Works whether or not this scheduler is running; the future is not polled yet. Inside tasks,
    /// [`spawn`](crate::spawn) spawns on the running scheduler; [`task::Builder`](crate::task::Builder) sets names and
    /// priorities.
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
        JoinHandle::spawn(kernel, future, SpawnMeta::at(Location::caller()), None)
    }

    /// Spawns a future that may fail; see [`task::try_spawn`](crate::task::try_spawn).
    #[track_caller]
    pub fn try_spawn<F, T, E>(&self, future: F) -> JoinHandle<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: fmt::Debug + 'static,
    {
        let kernel = self.kernel();
        JoinHandle::spawn(kernel, Fallible::new(future), SpawnMeta::at(Location::caller()), None)
    }

    /// Returns a handle that spawns tasks onto this scheduler from other threads.
    ///
    /// # Example
    ///
    /// ```
    /// let scheduler = turnwise::Scheduler::new();
    /// let remote = scheduler.remote();
    /// let asker = std::thread::spawn(move || remote.spawn(|| async { "from afar" }));
    /// let answer = asker.join().unwrap();
    /// assert_eq!(scheduler.block_on(answer)?, "from afar");
    /// # Ok::<(), turnwise::task::RemoteError>(())
    /// ```
    pub fn remote(&self) -> Remote {
        Remote::new(&self.kernel)
    }
}

impl Builder {
    /// Spawns a future that may fail on this scheduler, whether or not it is running; see
    /// [`try_spawn`](crate::task::try_spawn).
    #[track_caller]
    pub fn try_spawn_on<F, T, E>(self, scheduler: &Scheduler, future: F) -> JoinHandle<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: fmt::Debug + 'static,
    {
        self.spawn_on(scheduler, Fallible::new(future))
    }

    /// Spawns the task on this scheduler, whether or not it is running.
    #[track_caller]
    pub fn spawn_on<F>(self, scheduler: &Scheduler, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let kernel = scheduler.kernel();
        let (meta, name) = self.into_meta(Location::caller());
        JoinHandle::spawn(kernel, future, meta, name)
    }
}

impl<T> JoinSet<T> {
    /// Spawns a future on this scheduler, whether or not it is running, and adds the task to the set.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, scheduler: &Scheduler, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.spawn_in(scheduler.kernel(), future, Location::caller())
    }
}

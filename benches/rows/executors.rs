//! What the rows need from an executor, and turnwise's implementation.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use turnwise::{Scheduler, task};

/// An executor with one thread.
pub(crate) trait Executor: Sized + 'static {
    type Error: Debug;
    type Handle<T: 'static>: Future<Output = Result<T, Self::Error>>;

    fn new() -> Self;

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output>;

    /// Spawns a detached task.
    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        drop(Self::spawn(future));
    }

    /// Spawns a task with a name, if this executor supports names.
    fn spawn_named<F: Future<Output: 'static> + 'static>(
        _name: &Arc<str>,
        future: F,
    ) -> Self::Handle<F::Output> {
        Self::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static;
}

/// An executor with a clock.
pub(crate) trait Sleeps: Executor {
    type Elapsed: Debug;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static;

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>>;
}

/// Turnwise with a real clock.
pub(crate) type Turnwise = Clocked<false>;

/// Turnwise with a virtual clock: sleeping takes no time.
pub(crate) type Virtual = Clocked<true>;

pub(crate) struct Clocked<const IS_VIRTUAL: bool>(Scheduler);

impl<const IS_VIRTUAL: bool> Executor for Clocked<IS_VIRTUAL> {
    type Error = turnwise::JoinError;
    type Handle<T: 'static> = turnwise::JoinHandle<T>;

    fn new() -> Self {
        let builder = Scheduler::builder();
        Clocked(if IS_VIRTUAL { builder.virtual_time().build() } else { builder.build() })
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn_named<F: Future<Output: 'static> + 'static>(
        name: &Arc<str>,
        future: F,
    ) -> Self::Handle<F::Output> {
        task::Builder::new().name(Arc::clone(name)).spawn(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        turnwise::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        turnwise::yield_now()
    }
}

impl<const IS_VIRTUAL: bool> Sleeps for Clocked<IS_VIRTUAL> {
    type Elapsed = turnwise::time::Elapsed;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        turnwise::sleep(duration)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        turnwise::timeout(limit, future)
    }
}

//! What the rows need of an executor, and turnwise as one.

use std::fmt::Debug;
use std::time::Duration;

use turnwise::Scheduler;

/// An executor with one thread.
pub(crate) trait Executor: Sized + 'static {
    type Error: Debug;
    type Handle<T: 'static>: Future<Output = Result<T, Self::Error>>;

    fn new() -> Self;

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output>;

    /// Spawns a task that nobody waits for.
    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        drop(Self::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + 'static;
}

/// An executor with a clock.
pub(crate) trait Sleeps: Executor {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static;
}

/// Turnwise with a real clock.
pub(crate) struct Turnwise(Scheduler);

/// Turnwise with a virtual clock: sleeping takes no time.
pub(crate) struct Virtual(Scheduler);

impl Executor for Turnwise {
    type Error = turnwise::JoinError;
    type Handle<T: 'static> = turnwise::JoinHandle<T>;

    fn new() -> Self {
        Turnwise(Scheduler::new())
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        turnwise::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        turnwise::yield_now()
    }
}

impl Sleeps for Turnwise {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        turnwise::sleep(duration)
    }
}

impl Executor for Virtual {
    type Error = turnwise::JoinError;
    type Handle<T: 'static> = turnwise::JoinHandle<T>;

    fn new() -> Self {
        Virtual(Scheduler::builder().virtual_time().build())
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        turnwise::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        turnwise::yield_now()
    }
}

impl Sleeps for Virtual {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        turnwise::sleep(duration)
    }
}

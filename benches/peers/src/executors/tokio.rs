//! Tokio with what its users get from `enable_all`: a clock, and an I/O driver in which it parks.

use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime, Runtime};
use tokio::task::{JoinError, JoinHandle, LocalSet};
use tokio::time::error::Elapsed;

use crate::rows::blocking::Blocks;
use crate::rows::{Executor, Sleeps};

const NO_DRIVER: &str = "tokio could not create its driver";

/// A `current_thread` runtime with a `LocalSet`.
pub(crate) struct InLocalSet {
    runtime: Runtime,
    local: LocalSet,
}

impl Executor for InLocalSet {
    type Error = JoinError;
    type Handle<T: 'static> = JoinHandle<T>;

    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect(NO_DRIVER);
        InLocalSet { runtime, local: LocalSet::new() }
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.local.block_on(&self.runtime, future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        tokio::task::yield_now()
    }
}

impl Sleeps for InLocalSet {
    type Elapsed = Elapsed;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(duration)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        tokio::time::timeout(limit, future)
    }
}

/// A `LocalRuntime`.
pub(crate) struct InLocalRuntime(LocalRuntime);

impl Executor for InLocalRuntime {
    type Error = JoinError;
    type Handle<T: 'static> = JoinHandle<T>;

    fn new() -> Self {
        let options = LocalOptions::default();
        let runtime = Builder::new_current_thread().enable_all().build_local(options);
        InLocalRuntime(runtime.expect(NO_DRIVER))
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        tokio::task::yield_now()
    }
}

impl Sleeps for InLocalRuntime {
    type Elapsed = Elapsed;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(duration)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        tokio::time::timeout(limit, future)
    }
}

impl Blocks for InLocalSet {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let handle = tokio::task::spawn_blocking(job);
        async { handle.await.expect("nothing panics") }
    }
}

impl Blocks for InLocalRuntime {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let handle = tokio::task::spawn_blocking(job);
        async { handle.await.expect("nothing panics") }
    }
}

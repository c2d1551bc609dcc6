//! Tokio with what its users get from `enable_all`: a clock, and an I/O driver in which it parks. And with a clock alone.

use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime, Runtime};
use tokio::task::{JoinError, JoinHandle, LocalSet};
use tokio::time::error::Elapsed;

use crate::rows::blocking::Blocks;
use crate::rows::{Executor, Sleeps};

const NO_DRIVER: &str = "tokio could not create its driver";

/// A `current_thread` runtime with a `LocalSet`, and with or without an I/O driver.
pub(crate) struct OnLocalSet<const HAS_IO: bool> {
    runtime: Runtime,
    local: LocalSet,
}

pub(crate) type InLocalSet = OnLocalSet<true>;
pub(crate) type WithTimeOnly = OnLocalSet<false>;

impl<const HAS_IO: bool> Executor for OnLocalSet<HAS_IO> {
    type Error = JoinError;
    type Handle<T: 'static> = JoinHandle<T>;

    fn new() -> Self {
        let mut builder = Builder::new_current_thread();
        if HAS_IO {
            builder.enable_all();
        } else {
            builder.enable_time();
        }
        OnLocalSet { runtime: builder.build().expect(NO_DRIVER), local: LocalSet::new() }
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

impl<const HAS_IO: bool> Sleeps for OnLocalSet<HAS_IO> {
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

impl<const HAS_IO: bool> Blocks for OnLocalSet<HAS_IO> {
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

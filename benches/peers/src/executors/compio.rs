//! Compio's runtime, on `io_uring`.

use std::time::Duration;

use compio_runtime::{JoinError, JoinHandle, Runtime};

use crate::rows::blocking::Blocks;
use crate::rows::{Executor, Sleeps};

pub(crate) struct InCompio(Runtime);

impl Executor for InCompio {
    type Error = JoinError;
    type Handle<T: 'static> = JoinHandle<T>;

    fn new() -> Self {
        InCompio(Runtime::new().expect("creating one was tried before"))
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        compio_runtime::spawn(future)
    }

    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        compio_runtime::spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        // Compio has none of its own.
        futures_lite::future::yield_now()
    }
}

impl Sleeps for InCompio {
    type Elapsed = compio_runtime::time::Elapsed;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        compio_runtime::time::sleep(duration)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        compio_runtime::time::timeout(limit, future)
    }
}

impl Blocks for InCompio {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let handle = compio_runtime::spawn_blocking(job);
        async { handle.await.expect("nothing panics") }
    }
}

//! Glommio, with rings that fit in the memory that any user may lock.

use std::convert::Infallible;
use std::time::Duration;

use glommio::{GlommioError, LocalExecutor, LocalExecutorBuilder, Placement, Task};

use super::Certain;
use crate::rows::blocking::Blocks;
use crate::rows::{Executor, Sleeps};

/// The size of its ring buffers. The default is 10 MiB, and machines often let a user lock only 8.
const IO_MEMORY: usize = 1 << 20;

pub(crate) struct InGlommio(LocalExecutor);

pub(crate) fn build() -> glommio::Result<LocalExecutor, ()> {
    LocalExecutorBuilder::new(Placement::Unbound).io_memory(IO_MEMORY).make()
}

impl Executor for InGlommio {
    type Error = Infallible;
    type Handle<T: 'static> = Certain<Task<T>>;

    fn new() -> Self {
        InGlommio(build().expect("creating one was tried before"))
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.run(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        Certain(glommio::spawn_local(future))
    }

    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        glommio::spawn_local(future).detach();
    }

    async fn yield_now() {
        glommio::executor().yield_now().await;
    }
}

impl Sleeps for InGlommio {
    type Elapsed = GlommioError<()>;

    async fn sleep(duration: Duration) {
        glommio::timer::sleep(duration).await;
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        // It accepts only futures that return its own error.
        glommio::timer::timeout(limit, async { Ok(future.await) })
    }
}

impl Blocks for InGlommio {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        glommio::executor().spawn_blocking(job)
    }
}

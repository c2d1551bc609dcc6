//! Smol: a `LocalExecutor` of `async-executor`, driven by the reactor of `async-io`, which has the timers.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::{LocalExecutor, Task, Timer};

use super::Certain;
use super::async_executor::Current;
use crate::rows::blocking::Blocks;
use crate::rows::{Executor, Sleeps};

thread_local! {
    static CURRENT: Current<Rc<LocalExecutor<'static>>> = const { Current::none() };
}

pub(crate) struct InSmol(Rc<LocalExecutor<'static>>);

impl Executor for InSmol {
    type Error = Infallible;
    type Handle<T: 'static> = Certain<Task<T>>;

    fn new() -> Self {
        InSmol(Rc::new(LocalExecutor::new()))
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        CURRENT.with(|current| current.with(&self.0, || smol::block_on(self.0.run(future))))
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        Certain(CURRENT.with(|current| current.get(|executor| executor.spawn(future))))
    }

    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        Self::spawn(future).0.detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        smol::future::yield_now()
    }
}

impl Sleeps for InSmol {
    type Elapsed = Instant;

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        // Smol has none of its own.
        smol::future::or(async { Ok(future.await) }, async move { Err(Timer::after(limit).await) })
    }
}

impl Blocks for InSmol {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        smol::unblock(job)
    }
}

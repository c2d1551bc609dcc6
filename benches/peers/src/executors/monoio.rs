//! Monoio with a clock, on each of its two drivers: epoll and `io_uring`.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use monoio::task::JoinHandle;
use monoio::time::TimeDriver;
use monoio::{Driver, IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};

use super::Certain;
use crate::rows::{Executor, Sleeps};

pub(crate) type OnEpoll = TimeDriver<LegacyDriver>;
pub(crate) type OnUring = TimeDriver<IoUringDriver>;

pub(crate) struct InMonoio<D>(RefCell<Runtime<D>>);

/// One of its drivers.
pub(crate) trait Make: Driver + Sized + 'static {
    fn make() -> io::Result<Runtime<Self>>;
}

impl Make for OnEpoll {
    fn make() -> io::Result<Runtime<Self>> {
        RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()
    }
}

impl Make for OnUring {
    fn make() -> io::Result<Runtime<Self>> {
        RuntimeBuilder::<IoUringDriver>::new().enable_timer().build()
    }
}

impl<D: Make> Executor for InMonoio<D> {
    type Error = Infallible;
    type Handle<T: 'static> = Certain<JoinHandle<T>>;

    fn new() -> Self {
        InMonoio(RefCell::new(D::make().expect("creating one was tried before")))
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.0.borrow_mut().block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        Certain(monoio::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        // Monoio has none of its own.
        futures_lite::future::yield_now()
    }
}

impl<D: Make> Sleeps for InMonoio<D> {
    type Elapsed = monoio::time::error::Elapsed;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        monoio::time::sleep(duration)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        monoio::time::timeout(limit, future)
    }
}

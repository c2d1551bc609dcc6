//! Other executors, for tests that a future is executor-agnostic.
#![allow(dead_code, reason = "each test program uses only a part of it")]

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A minimal executor: polls, and parks the thread until it is woken, as those of pollster and futures do.
pub(crate) fn on_a_bare_thread<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs a future on tokio, on this thread.
pub(crate) fn on_tokio<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// The outputs of a future on this crate's scheduler, on a bare thread, and on tokio.
pub(crate) fn everywhere<F: Future>(make: impl Fn() -> F) -> [F::Output; 3] {
    [turnwise::block_on(make()), on_a_bare_thread(make()), on_tokio(make())]
}

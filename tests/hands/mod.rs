//! Futures that are polled by hand, in any order, with wakers that record which future they wake; and other
//! executors.
#![allow(dead_code, reason = "each test program uses only a part of it")]

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Futures by number, and the numbers of those that were woken, in order.
pub(crate) struct Hands<F> {
    futures: Vec<Option<Pin<Box<F>>>>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl<F: Future> Hands<F> {
    pub(crate) fn new() -> Self {
        Hands { futures: Vec::new(), woken: Arc::default() }
    }

    /// Adds a future, under the next number.
    pub(crate) fn add(&mut self, future: F) {
        self.futures.push(Some(Box::pin(future)));
    }

    /// Polls a future, each time with a new waker of the same number. A future that is ready is dropped.
    pub(crate) fn poll(&mut self, number: usize) -> Poll<F::Output> {
        let waker = Waker::from(Arc::new(Recorder(number, Arc::clone(&self.woken))));
        let future = self.future(number);
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        if poll.is_ready() {
            self.drop(number);
        }
        poll
    }

    pub(crate) fn future(&mut self, number: usize) -> &mut Pin<Box<F>> {
        self.futures[number].as_mut().expect("it is still there")
    }

    pub(crate) fn drop(&mut self, number: usize) {
        drop(self.futures[number].take());
    }

    /// The numbers that were woken since the last call, in order.
    pub(crate) fn woken(&self) -> Vec<usize> {
        std::mem::take(&mut self.woken.lock().expect("no holder panics"))
    }
}

/// Records its number when it is woken.
struct Recorder(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Recorder {
    fn wake(self: Arc<Self>) {
        self.1.lock().expect("no holder panics").push(self.0);
    }
}

/// Runs a program on our scheduler, on tokio's, and on a bare thread.
pub(crate) fn everywhere(program: impl AsyncFn()) {
    turnwise::block_on(program());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    runtime.block_on(program());
    park_on(program());
}

/// The smallest executor: the thread sleeps until it is woken.
fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

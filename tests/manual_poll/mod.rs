//! Futures that a test polls manually, in any order, with wakers that record which future was woken; and other
//! executors.
#![allow(dead_code, reason = "each test program uses only a part of it")]

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Numbered futures, and the numbers of those that were woken, in order.
pub(crate) struct ManualPoll<F> {
    futures: Vec<Option<Pin<Box<F>>>>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl<F: Future> ManualPoll<F> {
    pub(crate) fn new() -> Self {
        ManualPoll { futures: Vec::new(), woken: Arc::default() }
    }

    /// Adds a future with the next number.
    pub(crate) fn add(&mut self, future: F) {
        self.futures.push(Some(Box::pin(future)));
    }

    /// Polls a future, with a new waker each time. A future that is ready is dropped.
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
        self.futures[number].as_mut().expect("the future was not dropped")
    }

    pub(crate) fn drop(&mut self, number: usize) {
        drop(self.futures[number].take());
    }

    /// The numbers of the futures woken since the last call, in order.
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

/// Runs a program on this crate's scheduler, on tokio, and on a bare thread.
pub(crate) fn on_every_executor(program: impl AsyncFn()) {
    turnwise::block_on(program());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    runtime.block_on(program());
    park_on(program());
}

/// A minimal executor: polls, and parks the thread until it is woken.
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

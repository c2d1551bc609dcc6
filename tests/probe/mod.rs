//! Helpers for the tests of wakers, panics and drops: counters, a task that exposes its waker, foreign wakers, and a
//! log of what happened in which order.
#![allow(dead_code, reason = "each test program uses only a part of it")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turnwise::{Scheduler, Transition};

// ----- counting -----

/// How often something happened; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Rc<Cell<usize>>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.get()
    }

    /// A value whose drop is counted here.
    pub(crate) fn token(&self) -> Token {
        Token(self.clone())
    }
}

/// Counts its own drop.
#[derive(Debug)]
pub(crate) struct Token(Count);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Runs a closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

// ----- logging the order -----

/// What happened, in order; clones write to the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// A value whose drop is noted here.
    pub(crate) fn on_drop(&self, what: &str) -> OnDrop<impl FnMut() + use<>> {
        let (log, what) = (self.clone(), what.to_owned());
        OnDrop(move || log.note(what.clone()))
    }

    /// Everything since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// A scheduler with a virtual clock, and the log of its transitions.
pub(crate) fn traced() -> (Scheduler, Log) {
    let log = Log::default();
    let seen = log.clone();
    let observer = move |transition: &Transition| seen.note(transition.to_string());
    (Scheduler::builder().virtual_time().observer(observer).build(), log)
}

/// A scheduler with a virtual clock.
pub(crate) fn virtual_time() -> Scheduler {
    Scheduler::builder().virtual_time().build()
}

/// A scheduler for tests with threads: if a wake is lost it panics instead of sleeping forever.
pub(crate) fn guarded() -> Scheduler {
    let panic = |report: &turnwise::DeadlockReport| panic!("a wake was lost: {report}");
    Scheduler::builder().on_stall(Duration::from_secs(30), panic).build()
}

// ----- a task that shows its waker -----

/// Where a task leaves its waker at each turn, and waits until it may end.
#[derive(Clone, Default)]
pub(crate) struct Spot(Rc<Inside>);

#[derive(Default)]
struct Inside {
    waker: RefCell<Option<Waker>>,
    turns: Count,
    is_open: Cell<bool>,
}

impl Spot {
    /// Waits here until [`Spot::open`].
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + use<> {
        let spot = self.clone();
        poll_fn(move |cx| {
            spot.0.turns.add();
            if spot.0.is_open.get() {
                return Poll::Ready(());
            }
            let old = spot.0.waker.replace(Some(cx.waker().clone()));
            drop(old);
            Poll::Pending
        })
    }

    /// A clone of the waker that was left here last.
    pub(crate) fn waker(&self) -> Waker {
        self.0.waker.borrow().clone().expect("the task has taken a turn")
    }

    /// The waker that was left here last; none is left here afterwards.
    pub(crate) fn take_waker(&self) -> Waker {
        self.0.waker.take().expect("the task has taken a turn")
    }

    /// How many turns the task has taken.
    pub(crate) fn turns(&self) -> usize {
        self.0.turns.get()
    }

    /// Lets the task end at its next turn, and wakes it.
    pub(crate) fn open(&self) {
        self.0.is_open.set(true);
        let waker = self.0.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Polls once, by hand.
pub(crate) fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A future that several tasks may poll, one at a time, with nothing borrowed during the poll.
pub(crate) struct Shared<F>(Rc<RefCell<Option<F>>>);

impl<F> Clone for Shared<F> {
    fn clone(&self) -> Self {
        Shared(Rc::clone(&self.0))
    }
}

impl<F: Future + Unpin> Shared<F> {
    pub(crate) fn new(future: F) -> Self {
        Shared(Rc::new(RefCell::new(Some(future))))
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut future = self.0.take().expect("it is not being polled");
        let poll = Pin::new(&mut future).poll(cx);
        self.0.replace(Some(future));
        poll
    }

    pub(crate) fn take(&self) -> F {
        self.0.take().expect("it is not being polled")
    }
}

// ----- foreign wakers -----

/// A waker that counts how often it was woken. Its strong count shows whether it is still held.
#[derive(Debug, Default)]
pub(crate) struct Rings(AtomicUsize);

impl Rings {
    pub(crate) fn new() -> (Arc<Rings>, Waker) {
        let rings = Arc::new(Rings::default());
        (Arc::clone(&rings), Waker::from(rings))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that does something when it is woken, and something when its last clone is dropped.
///
/// Wakers are `Send`, so what they do is in plain functions, which find what they need in thread-locals.
pub(crate) struct Acting {
    pub(crate) when_woken: fn(),
    pub(crate) when_dropped: fn(),
}

impl Acting {
    pub(crate) fn waker(when_woken: fn(), when_dropped: fn()) -> Waker {
        Waker::from(Arc::new(Acting { when_woken, when_dropped }))
    }
}

impl Wake for Acting {
    fn wake(self: Arc<Self>) {
        (self.when_woken)();
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        (self.when_dropped)();
    }
}

// ----- panics -----

/// Panics when it is dropped, and counts that.
pub(crate) struct Bomb(pub(crate) Count);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.add();
        panic!("the bomb went off");
    }
}

/// The text of a panic.
pub(crate) fn text(payload: &(dyn Any + Send)) -> String {
    match payload.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => payload.downcast_ref::<String>().expect("the payload is a text").clone(),
    }
}

// ----- threads -----

/// Runs a closure on a thread with a stack of this size.
pub(crate) fn on_stack<R: Send + 'static>(
    bytes: usize,
    run: impl FnOnce() -> R + Send + 'static,
) -> R {
    let thread = thread::Builder::new().stack_size(bytes).spawn(run).expect("a thread can start");
    thread.join().expect("the thread does not panic")
}

/// Checks again and again, because there is nothing to wait on for what another thread does.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "the condition never became true");
        thread::yield_now();
    }
}

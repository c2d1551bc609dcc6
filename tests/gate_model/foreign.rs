//! Adverse conditions for the primitives that count permits: foreign combinators and executors, and wakers that panic
//! or re-enter.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::future::{FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};

use super::{Asked, Pass, Subject};
use crate::probe::{Acting, Rings, poll_with};

/// Yields once, on any executor.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits for all permits are served in FIFO order inside foreign combinators.
async fn in_combinators(subject: &dyn Subject, all: u32) {
    let order = RefCell::new(Vec::new());
    let enter = async |number: usize| {
        let pass = subject.ask(all).await;
        order.borrow_mut().push(number);
        yield_once().await;
        drop(pass);
    };

    let first = subject.try_ask(all).expect("all permits are free");
    let mut together = pin!(join_all((0..40).map(enter)));
    assert!(futures::poll!(&mut together).is_pending());
    drop(first);
    together.await;
    assert_eq!(order.take(), (0..40).collect::<Vec<_>>(), "join_all");

    let first = subject.try_ask(all).expect("all permits are free");
    let mut together: FuturesUnordered<_> = (0..40).map(enter).collect();
    assert!(futures::poll!(together.next()).is_pending());
    assert!(order.borrow().is_empty());
    drop(first);
    while together.next().await.is_some() {}
    drop(together);
    let mut seen = order.take();
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>(), "FuturesUnordered");

    let first = subject.try_ask(all).expect("all permits are free");
    futures::select! {
        _ = subject.ask(all).fuse() => panic!("all permits are taken"),
        () = yield_once().fuse() => {}
    }
    drop(first);
    futures::select_biased! {
        pass = subject.ask(all).fuse() => assert!(pass.is_some()),
        () = yield_once().fuse() => panic!("all permits were free"),
    }
    assert!(subject.try_ask(all).is_some(), "the losing branches of select hold no permits");
}

/// Runs in foreign combinators on a scheduler of this crate, and on foreign executors.
pub(crate) fn works_in_foreign_combinators_and_executors(subject: &dyn Subject, all: u32) {
    turnwise::block_on(in_combinators(subject, all));
    futures::executor::block_on(in_combinators(subject, all));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    runtime.block_on(in_combinators(subject, all));
}

/// Polls with a foreign waker and drops it, so that the queue holds the only clone.
fn poll_and_give_away(asked: &mut Asked<'_>, foreign: Waker) {
    assert!(poll_with(asked, &foreign).is_pending());
    drop(foreign);
}

fn pass<'a>(asked: &mut Asked<'a>) -> Box<dyn Pass + 'a> {
    match poll_with(asked, Waker::noop()) {
        Poll::Ready(Some(pass)) => pass,
        _ => panic!("the permits were handed over"),
    }
}

/// Three waits, the second with a foreign waker; each is served although the foreign waker misbehaves.
fn serve_three(subject: &dyn Subject, all: u32, foreign: &dyn Fn() -> Waker, is_dropped: bool) {
    let first = subject.try_ask(all).expect("all permits are free");
    let mut waits = [(); 3].map(|()| subject.ask(all));
    let (rings, waker) = Rings::new();
    assert!(poll_with(&mut waits[0], &waker).is_pending());
    poll_and_give_away(&mut waits[1], foreign());
    poll_and_give_away(&mut waits[1], foreign()); // Replaces the previous one.
    assert!(poll_with(&mut waits[2], &waker).is_pending());
    drop(first);
    assert_eq!(rings.get(), 1);
    let [mut one, mut two, mut three] = waits;
    if is_dropped {
        drop(two); // While it waits.
        drop(pass(&mut one));
    } else {
        drop(pass(&mut one));
        drop(pass(&mut two));
    }
    assert_eq!(rings.get(), 2);
    drop(pass(&mut three));
    assert!(subject.try_ask(all).is_some(), "all permits were returned");
}

/// A foreign waker that panics affects no other wait.
pub(crate) fn foreign_wakers_that_panic_affect_nothing_else(subject: &dyn Subject, all: u32) {
    fn nothing() {}
    fn explode() {
        panic!("a foreign waker");
    }
    for (when_woken, when_dropped) in [(explode as fn(), nothing as fn()), (nothing, explode)] {
        for is_dropped in [false, true] {
            serve_three(subject, all, &|| Acting::waker(when_woken, when_dropped), is_dropped);
        }
    }
}

thread_local! {
    static CALLED_BACK: RefCell<Option<Rc<dyn Subject>>> = const { RefCell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Calls every method of the subject.
fn call_back() {
    let subject = CALLED_BACK.with_borrow(Option::clone).expect("a subject was set");
    CALLS.set(CALLS.get() + 1);
    drop(subject.try_ask(1));
    let mut asked = subject.ask(1);
    drop(poll_with(&mut asked, Waker::noop()));
    assert!(!subject.show().is_empty());
    drop(asked);
    drop(subject.ask(1));
}

/// Wakers may call back when they are woken and when they are dropped: nothing is borrowed then.
pub(crate) fn foreign_wakers_may_call_back(subject: &Rc<dyn Subject>, all: u32) {
    CALLED_BACK.set(Some(Rc::clone(subject)));
    for is_dropped in [false, true] {
        CALLS.set(0);
        serve_three(&**subject, all, &|| Acting::waker(call_back, call_back), is_dropped);
        assert!(CALLS.get() >= 2);
    }
    CALLED_BACK.set(None);
}

/// A wait may be polled inside its own wake, during the call that releases the permits: the state is consistent then.
///
/// The first party holds all permits until `release` is called; the other waits for `wanted` permits.
pub(crate) fn a_foreign_waker_may_poll_its_wait(
    subject: impl Subject + 'static,
    (all, wanted): (u32, u32),
    release: impl FnOnce(Box<dyn Pass>) -> Option<Box<dyn Pass>>,
) {
    thread_local! {
        static WAIT: RefCell<Option<Asked<'static>>> = const { RefCell::new(None) };
        static PASS: RefCell<Option<Box<dyn Pass>>> = const { RefCell::new(None) };
    }
    fn poll_it() {
        let mut asked = WAIT.take().expect("it is woken once");
        PASS.set(Some(pass(&mut asked)));
    }
    fn nothing() {}
    // The wait is kept in a thread-local, so it must borrow for `'static`: a small leak, once.
    let subject: &'static dyn Subject = Box::leak(Box::new(subject));
    let first = subject.try_ask(all).expect("all permits are free");
    let mut asked = subject.ask(wanted);
    poll_and_give_away(&mut asked, Acting::waker(poll_it, nothing));
    WAIT.set(Some(asked));
    let kept = release(first);
    assert!(PASS.take().is_some(), "the wait was polled in its wake, and was ready");
    drop(kept);
    assert!(subject.try_ask(all).is_some(), "all permits were returned");
}

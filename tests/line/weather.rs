//! Bad weather for everything that counts permits: other people's combinators and executors, and wakers that
//! panic or call back.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::future::{FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};

use super::{Asked, Pass, Subject};
use crate::probe::{Acting, Rings, poll_with};

/// Gives way once, on any executor.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Whoever asks for everything gets it in turn, inside other people's combinators.
async fn in_combinators(subject: &dyn Subject, all: u32) {
    let order = RefCell::new(Vec::new());
    let enter = async |number: usize| {
        let pass = subject.ask(all).await;
        order.borrow_mut().push(number);
        give_way().await;
        drop(pass);
    };

    let first = subject.try_ask(all).expect("nobody has it");
    let mut together = pin!(join_all((0..40).map(enter)));
    assert!(futures::poll!(&mut together).is_pending());
    drop(first);
    together.await;
    assert_eq!(order.take(), (0..40).collect::<Vec<_>>(), "join_all");

    let first = subject.try_ask(all).expect("nobody has it");
    let mut together: FuturesUnordered<_> = (0..40).map(enter).collect();
    assert!(futures::poll!(together.next()).is_pending());
    let asked_first = order.take();
    assert!(asked_first.is_empty());
    drop(first);
    while together.next().await.is_some() {}
    drop(together);
    let mut seen = order.take();
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>(), "FuturesUnordered");

    let first = subject.try_ask(all).expect("nobody has it");
    futures::select! {
        _ = subject.ask(all).fuse() => panic!("somebody has it"),
        () = give_way().fuse() => {}
    }
    drop(first);
    futures::select_biased! {
        pass = subject.ask(all).fuse() => assert!(pass.is_some()),
        () = give_way().fuse() => panic!("nobody had it"),
    }
    assert!(subject.try_ask(all).is_some(), "the branches of select that lost left nothing behind");
}

/// The same on our scheduler, and on executors that know nothing of us.
pub(crate) fn works_in_other_peoples_combinators_and_executors(subject: &dyn Subject, all: u32) {
    turnwise::block_on(in_combinators(subject, all));
    futures::executor::block_on(in_combinators(subject, all));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("without I/O");
    runtime.block_on(in_combinators(subject, all));
}

/// Polls in the name of a stranger, whose only waker is in the list then.
fn poll_for_stranger(asked: &mut Asked<'_>, stranger: Waker) {
    assert!(poll_with(asked, &stranger).is_pending());
    drop(stranger);
}

fn pass<'a>(asked: &mut Asked<'a>) -> Box<dyn Pass + 'a> {
    match poll_with(asked, Waker::noop()) {
        Poll::Ready(Some(pass)) => pass,
        _ => panic!("it was handed over"),
    }
}

/// Three wait, the second of them a stranger; each is served although the stranger misbehaves.
fn serve_three(subject: &dyn Subject, all: u32, stranger: &dyn Fn() -> Waker, is_dropped: bool) {
    let first = subject.try_ask(all).expect("nobody has it");
    let mut waits = [(); 3].map(|()| subject.ask(all));
    let (rings, waker) = Rings::new();
    assert!(poll_with(&mut waits[0], &waker).is_pending());
    poll_for_stranger(&mut waits[1], stranger());
    poll_for_stranger(&mut waits[1], stranger()); // The one before is replaced.
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
    assert!(subject.try_ask(all).is_some(), "all was given back");
}

/// A waker's panic is its owner's, and harms nobody else: the line goes on.
pub(crate) fn strangers_that_panic_harm_nobody_else(subject: &dyn Subject, all: u32) {
    fn nothing() {}
    fn explode() {
        panic!("the stranger");
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

/// Does to the subject whatever can be done to it.
fn call_back() {
    let subject = CALLED_BACK.with_borrow(Option::clone).expect("it was put there");
    CALLS.set(CALLS.get() + 1);
    drop(subject.try_ask(1));
    let mut asked = subject.ask(1);
    drop(poll_with(&mut asked, Waker::noop()));
    assert!(!subject.show().is_empty());
    drop(asked);
    drop(subject.ask(1));
}

/// Wakers may call back when they are woken and when they are dropped: nothing is borrowed then.
pub(crate) fn strangers_may_call_back(subject: &Rc<dyn Subject>, all: u32) {
    CALLED_BACK.set(Some(Rc::clone(subject)));
    for is_dropped in [false, true] {
        CALLS.set(0);
        serve_three(&**subject, all, &|| Acting::waker(call_back, call_back), is_dropped);
        assert!(CALLS.get() >= 2);
    }
    CALLED_BACK.set(None);
}

/// Whoever is woken may be polled right there, inside the call that lets go: nothing is half done then.
///
/// The first one has everything and lets go, as the caller says; the other wants so much.
pub(crate) fn a_stranger_may_poll_in_its_wake(
    subject: impl Subject + 'static,
    (all, wanted): (u32, u32),
    let_go: impl FnOnce(Box<dyn Pass>) -> Option<Box<dyn Pass>>,
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
    // The wait lies in a thread-local, so what it borrows must live as long: a small leak, once.
    let subject: &'static dyn Subject = Box::leak(Box::new(subject));
    let first = subject.try_ask(all).expect("nobody has it");
    let mut asked = subject.ask(wanted);
    poll_for_stranger(&mut asked, Acting::waker(poll_it, nothing));
    WAIT.set(Some(asked));
    let kept = let_go(first);
    assert!(PASS.take().is_some(), "it was polled in its wake, and was ready");
    drop(kept);
    assert!(subject.try_ask(all).is_some(), "all was given back");
}

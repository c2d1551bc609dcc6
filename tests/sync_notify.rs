//! Notifications: which waits they reach, and that none is lost.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod manual_poll;
mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::future::{Either, FutureExt, join, join_all, select};
use futures::poll;
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};

use manual_poll::{ManualPoll, on_every_executor};
use probe::{Acting, Log, Rings, poll_with};
use turnwise::sync::{Notified, Notify};
use turnwise::{RunError, Scheduler, spawn, task, yield_now};

/// Polls once, with a no-op waker.
fn is_ready(notified: &mut Notified<'_>) -> bool {
    poll_with(notified, Waker::noop()).is_ready()
}

#[test]
fn one_permit_is_kept_however_often_it_was_given() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(is_ready(&mut notify.notified()));
    assert!(!is_ready(&mut notify.notified()));
}

#[test]
fn the_longest_wait_is_notified_first() {
    let (scheduler, log, notify) = (Scheduler::new(), Log::default(), Rc::new(Notify::new()));
    for name in ["a", "b", "c"] {
        let (notify, log) = (Rc::clone(&notify), log.clone());
        scheduler.spawn(async move {
            notify.notified().await;
            log.note(name);
        });
    }
    scheduler.run_until_stalled();
    for name in ["a", "b", "c"] {
        notify.notify_one();
        scheduler.run_until_stalled();
        assert_eq!(log.take(), [name]);
    }
}

#[test]
fn notify_waiters_reaches_all_waits_created_before_polled_or_not_and_none_created_after() {
    let notify = Notify::new();
    let (mut new, mut polled) = (notify.notified(), notify.notified());
    assert!(!is_ready(&mut polled));
    notify.notify_waiters();
    let mut late = notify.notified();
    assert!(!is_ready(&mut late));
    assert!(is_ready(&mut new) && is_ready(&mut polled) && !is_ready(&mut late));
    assert!(is_ready(&mut new), "it stays notified");
    assert!(!is_ready(&mut notify.notified()), "and no permit is kept");
}

#[test]
fn an_enabled_wait_is_queued_without_a_poll() {
    let notify = Notify::new();
    let mut notified = pin!(notify.notified());
    assert!(!notified.as_mut().enable());
    notify.notify_one();
    assert!(!is_ready(&mut notify.notified()), "the permit belongs to the enabled one");
    assert!(notified.enable());
    assert!(is_ready(&mut notified));
}

// tokio#4618: a permit was lost with the `Notified` that it had reached.
#[test]
fn a_permit_that_reached_a_dropped_wait_goes_to_the_next_or_is_kept() {
    let notify = Notify::new();
    let (mut first, mut second) = (notify.notified(), notify.notified());
    assert!(!is_ready(&mut first) && !is_ready(&mut second));
    notify.notify_one();
    drop(first);
    assert!(is_ready(&mut second), "it goes to the next");

    let mut third = notify.notified();
    assert!(!is_ready(&mut third));
    notify.notify_one();
    drop(third);
    assert!(is_ready(&mut notify.notified()), "it is kept");
    assert!(!is_ready(&mut notify.notified()), "once");
}

// tokio#3652: a permit was lost with an earlier wait, which `notify_waiters` had already ended.
#[test]
fn a_permit_outlives_a_wait_that_was_notified_with_all_others() {
    let notify = Notify::new();
    let mut a = notify.notified();
    assert!(!is_ready(&mut a));
    notify.notify_waiters();
    notify.notify_one();
    drop(a);
    assert!(is_ready(&mut notify.notified()));
}

#[test]
fn a_wait_that_was_notified_with_all_others_passes_nothing_on() {
    let notify = Notify::new();
    let mut a = notify.notified();
    assert!(!is_ready(&mut a));
    notify.notify_waiters();
    let mut b = notify.notified();
    assert!(!is_ready(&mut b));
    drop(a);
    assert!(!is_ready(&mut b));
    drop(b);
    assert!(!is_ready(&mut notify.notified()));
}

// tokio#7965, tokio#7996: a wait that was notified with all others also used up a permit.
#[test]
fn a_wait_that_is_notified_with_all_others_leaves_the_permit() {
    let notify = Notify::new();
    let mut first = notify.notified();
    notify.notify_waiters();
    notify.notify_one();
    assert!(is_ready(&mut first));
    assert!(is_ready(&mut notify.notified()));
}

// tokio#5396, tokio#5404: one call notified a wait, and the next wait of the same task too.
#[test]
fn a_task_that_waits_again_while_all_are_notified_waits_for_the_next_call() {
    let (scheduler, notify) = (Scheduler::new(), Rc::new(Notify::new()));
    let count = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (notify, count) = (Rc::clone(&notify), Rc::clone(&count));
        scheduler.spawn(async move {
            loop {
                notify.notified().await;
                count.set(count.get() + 1);
            }
        });
    }
    scheduler.run_until_stalled();
    for calls in 1..=3 {
        notify.notify_waiters();
        scheduler.run_until_stalled();
        assert_eq!(count.get(), 3 * calls);
    }
}

thread_local! {
    static WAITS: RefCell<Vec<Notified<'static>>> = const { RefCell::new(Vec::new()) };
    /// Leaked, so that waits on it may be kept in a thread-local.
    static NOTIFY: &'static Notify = Box::leak(Box::new(Notify::new()));
}

// tokio#7996, tokio#5458: all are notified at one moment, whatever the wakers do.
#[test]
fn a_waker_of_a_forgotten_notify_may_notify_wait_and_drop_while_all_are_notified() {
    fn interfere() {
        let notify = NOTIFY.with(|notify| *notify);
        let mut mine = notify.notified();
        assert!(!is_ready(&mut mine), "it was created too late");
        notify.notify_one();
        assert!(is_ready(&mut mine), "it is the first: the others are notified already");
        let last = WAITS.with_borrow_mut(Vec::pop);
        drop(last);
        notify.notify_waiters();
        notify.notify_one(); // This permit is kept.
    }
    let notify = NOTIFY.with(|notify| *notify);
    let (rings, waker) = Rings::new();
    for waker in [&Acting::waker(interfere, || ()), &waker, &waker, &waker] {
        let mut wait = notify.notified();
        assert!(poll_with(&mut wait, waker).is_pending());
        WAITS.with_borrow_mut(|waits| waits.push(wait));
    }
    notify.notify_waiters();
    assert_eq!(rings.get(), 2, "the last one was dropped before it was woken");
    assert!(WAITS.take().iter_mut().all(is_ready));
    assert!(is_ready(&mut notify.notified()), "one permit is left");
    assert!(!is_ready(&mut notify.notified()), "and no more");
}

// tokio#3689, tokio#4055: a waker that panicked kept the others from being woken.
#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_woken() {
    let explode = || panic!("a foreign waker");
    let notify = Notify::new();
    let (rings, waker) = Rings::new();
    let mut waits = [(); 4].map(|()| notify.notified());
    assert!(poll_with(&mut waits[0], &Acting::waker(explode, || ())).is_pending());
    assert!(poll_with(&mut waits[1], &waker).is_pending());
    assert!(poll_with(&mut waits[2], &Acting::waker(|| (), explode)).is_pending());
    assert!(poll_with(&mut waits[3], &waker).is_pending());
    notify.notify_one();
    notify.notify_waiters();
    assert_eq!(rings.get(), 2);
    assert!(waits.iter_mut().all(is_ready));
}

#[test]
fn a_wait_dropped_by_select_passes_its_permit_on() {
    let (scheduler, notify) = (Scheduler::new(), Rc::new(Notify::new()));
    let second = scheduler.block_on(async {
        let theirs = Rc::clone(&notify);
        let first = spawn(async move {
            let (end, wait) = (pin!(yield_now()), pin!(theirs.notified()));
            matches!(select(end, wait).await, Either::Left(_))
        });
        let theirs = Rc::clone(&notify);
        let second = spawn(async move { theirs.notified().await });
        yield_now().await;
        notify.notify_one(); // For the first task, which is about to choose the other branch.
        assert!(first.await.unwrap());
        second.await
    });
    second.unwrap();
}

#[test]
fn a_lost_notification_is_named_in_the_report() {
    let notify = Rc::new(Notify::new().named("refill"));
    let error = Scheduler::new().try_block_on(async {
        notify.notify_waiters(); // Too early: there is no waiter.
        let inside = Rc::clone(&notify);
        let waits = async move { inside.notified().await }; // [wait]
        let barman = task::Builder::new().name("barman").spawn(waits); // [spawned]
        barman.await.unwrap();
    });
    let Err(RunError::Deadlock(report)) = error else { panic!("a deadlock, not {error:?}") };
    let text = trace::with_marks(&report.to_string(), file!(), include_str!("sync_notify.rs"));
    let expected = "  #2 \"barman\"  waits for notify \"refill\" at [wait], since turn 2";
    assert!(text.contains(expected), "{text}");
    assert!(report.certain);
    assert_eq!(format!("{notify:?}"), r#"Notify { has_permit: false, name: "refill" }"#);
}

#[test]
fn foreign_executors_and_combinators_can_wait_for_it() {
    on_every_executor(async || {
        let notify = Notify::new();
        let mut waits: FuturesUnordered<_> = (0..3).map(|_| notify.notified()).collect();
        assert!(poll!(waits.next()).is_pending());
        notify.notify_one();
        assert!(waits.next().await.is_some());
        assert!(poll!(waits.next()).is_pending());
        notify.notify_one();
        drop(waits); // Including a wait that has a permit.
        notify.notified().await;

        let all = async { notify.notify_waiters() };
        join(join_all((0..50).map(|_| notify.notified())), all).await;

        let (first, second) = (pin!(notify.notified()), pin!(async { notify.notify_one() }));
        let Either::Right(((), first)) = select(first, second).await else {
            panic!("it was not notified before");
        };
        first.await;
        assert!(notify.notified().now_or_never().is_none());
    });
}

// ----- any order -----

#[derive(Clone, Debug)]
enum Op {
    Make,
    Poll(usize),
    Enable(usize),
    Drop(usize),
    One,
    All,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Make),
        6 => (0_usize..16).prop_map(Op::Poll),
        1 => (0_usize..16).prop_map(Op::Enable),
        3 => (0_usize..16).prop_map(Op::Drop),
        2 => Just(Op::One),
        1 => Just(Op::All),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// With the number of calls of `notify_waiters` before it.
    New(usize),
    /// Whether it was polled with a waker, not just enabled.
    Waiting(bool),
    WokenByOne,
    WokenByAll,
    Gone,
}

#[derive(Default)]
struct Model {
    states: Vec<State>,
    queue: VecDeque<usize>,
    has_permit: bool,
    calls: usize,
    woken: Vec<usize>,
}

impl Model {
    fn poll(&mut self, at: usize, can_be_woken: bool) -> bool {
        match self.states[at] {
            State::New(calls) if calls == self.calls && !mem::take(&mut self.has_permit) => {
                self.queue.push_back(at);
                self.states[at] = State::Waiting(can_be_woken);
            }
            State::Waiting(_) => self.states[at] = State::Waiting(can_be_woken),
            _ => self.states[at] = State::Gone,
        }
        self.states[at] == State::Gone
    }

    fn wake(&mut self, at: usize, into: State) {
        if mem::replace(&mut self.states[at], into) == State::Waiting(true) {
            self.woken.push(at);
        }
    }

    fn one(&mut self) {
        match self.queue.pop_front() {
            Some(first) => self.wake(first, State::WokenByOne),
            None => self.has_permit = true,
        }
    }

    fn all(&mut self) {
        self.calls += 1;
        for at in mem::take(&mut self.queue) {
            self.wake(at, State::WokenByAll);
        }
    }

    fn drop(&mut self, at: usize) {
        self.queue.retain(|&waiting| waiting != at);
        if mem::replace(&mut self.states[at], State::Gone) == State::WokenByOne {
            self.one();
        }
    }

    fn alive(&self, which: usize) -> Option<usize> {
        let alive = (0..self.states.len()).filter(|&at| self.states[at] != State::Gone);
        let alive: Vec<usize> = alive.collect();
        (!alive.is_empty()).then(|| alive[which % alive.len()])
    }
}

proptest! {
    #[test]
    fn any_order_of_calls_does_what_the_model_does(ops in prop::collection::vec(op(), 0..120)) {
        let notify = Notify::new();
        let (mut manual, mut model) = (ManualPoll::new(), Model::default());
        for op in ops {
            match op {
                Op::Make => {
                    manual.add(notify.notified());
                    model.states.push(State::New(model.calls));
                }
                Op::Poll(which) => if let Some(at) = model.alive(which) {
                    prop_assert_eq!(manual.poll(at) == Poll::Ready(()), model.poll(at, true));
                },
                Op::Enable(which) => if let Some(at) = model.alive(which) {
                    let is_ready = manual.future(at).enable();
                    prop_assert_eq!(is_ready, model.poll(at, false));
                    if is_ready {
                        manual.drop(at);
                    }
                },
                Op::Drop(which) => if let Some(at) = model.alive(which) {
                    manual.drop(at);
                    model.drop(at);
                },
                Op::One => {
                    notify.notify_one();
                    model.one();
                }
                Op::All => {
                    notify.notify_waiters();
                    model.all();
                }
            }
            prop_assert_eq!(manual.woken(), mem::take(&mut model.woken));
        }
        // No permit is lost: there is one exactly if the model has one.
        drop(manual);
        for at in 0..model.states.len() {
            model.drop(at);
        }
        prop_assert_eq!(notify.notified().now_or_never().is_some(), model.has_permit);
    }
}

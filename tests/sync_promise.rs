//! The promise: settled once, awaited by many tasks, with callbacks on a later turn.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod manual_poll;
mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::mem;
use std::num::ParseIntError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::future::{Either, join, join_all, select};
use futures::poll;
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};

use manual_poll::{ManualPoll, on_every_executor};
use probe::{Acting, Count, Log, Rings, Token, poll_with, text, virtual_time};
use turnwise::sync::{AlreadySet, Promise, PromiseError, PromiseFuture};
use turnwise::time::now;
use turnwise::{RunError, Scheduler, block_on, sleep, spawn, task, yield_now};

fn say_end<T: std::fmt::Display>(outcome: Result<T, PromiseError>) -> String {
    match outcome {
        Ok(value) => format!("got {value}"),
        Err(error) if error.is_cancelled() => "sees a cancelled future".into(),
        Err(error) => format!("got error {error}"),
    }
}

// tests/slides/24_future_awaited_many_times.out
#[test]
fn it_prints_what_asyncio_prints() {
    let (log, scheduler) = (Log::default(), virtual_time());
    scheduler.block_on(async {
        let start = now();
        let say = {
            let log = log.clone();
            move |what: String| log.note(format!("[{}] {what}", (now() - start).as_millis()))
        };
        let waiter = |name: String, promise: &Promise<&'static str>| {
            let (say, promise) = (say.clone(), promise.get());
            async move { say(format!("{name} {}", say_end(promise.await))) }
        };
        for end in ["result", "error", "cancel"] {
            let promise = Promise::new();
            let tasks = [0, 1, 2].map(|number| spawn(waiter(format!("{end}-{number}"), &promise)));
            sleep(Duration::from_secs(1)).await;
            assert!(!promise.is_done());
            match end {
                "result" => {
                    promise.set("the answer").unwrap();
                    if promise.set("another") == Err(AlreadySet("another")) {
                        say("second set refused".into());
                    }
                }
                "error" => promise.fail("the reason").unwrap(),
                _ => assert!(promise.cancel()),
            }
            assert!(promise.is_done());
            join_all(tasks).await;
            waiter(format!("{end}-late"), &promise).await;
        }
    });
    let expected = [
        "[1000] second set refused",
        "[1000] result-0 got the answer",
        "[1000] result-1 got the answer",
        "[1000] result-2 got the answer",
        "[1000] result-late got the answer",
        "[2000] error-0 got error the reason",
        "[2000] error-1 got error the reason",
        "[2000] error-2 got error the reason",
        "[2000] error-late got error the reason",
        "[3000] cancel-0 sees a cancelled future",
        "[3000] cancel-1 sees a cancelled future",
        "[3000] cancel-2 sees a cancelled future",
        "[3000] cancel-late sees a cancelled future",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn it_is_settled_once_and_hands_back_later_values() {
    let promise = Promise::new();
    assert!(promise.try_get().is_none());
    promise.set(1).unwrap();
    let refused = promise.set(2).unwrap_err();
    assert_eq!(refused.to_string(), "the promise is already settled");
    assert_eq!(format!("{refused:?}"), "AlreadySet(..)");
    assert_eq!(refused.0, 2);
    assert_eq!(promise.fail("late").unwrap_err().0.to_string(), "late");
    assert!(!promise.cancel());
    assert_eq!(promise.try_get().unwrap().unwrap(), 1);
}

#[test]
fn an_error_is_the_same_for_all_and_can_cross_threads() {
    let promise = Promise::<()>::new();
    promise.fail("x".parse::<i32>().unwrap_err()).unwrap();
    let (first, second) = block_on(async { ((&promise).await, promise.await) });
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    let address = |error: &PromiseError| {
        std::ptr::from_ref(error.downcast_ref::<ParseIntError>().unwrap()).addr()
    };
    assert_eq!(address(&first), address(&second));
    assert!(!first.is_cancelled() && !first.is_abandoned());
    let error: Box<dyn Error + Send + Sync> = first.into();
    assert_eq!(error.to_string(), "invalid digit found in string");
    assert!(second.error().is_some() && second.downcast_ref::<std::fmt::Error>().is_none());
}

#[test]
fn it_may_be_settled_outside_a_scheduler_before_and_between_runs() {
    let scheduler = Scheduler::new();
    let promise = Promise::new();
    let handle = scheduler.spawn(promise.get());
    scheduler.run_until_stalled();
    promise.set(5).unwrap();
    assert!(!handle.is_finished());
    assert_eq!(scheduler.block_on(handle).unwrap().unwrap(), 5);
    assert_eq!(scheduler.block_on(promise.get()).unwrap(), 5);
}

// ----- callbacks -----

#[test]
fn callbacks_run_on_a_later_turn_in_order_with_awaiting_tasks() {
    let log = Log::default();
    block_on(async {
        let promise = Promise::new();
        let awaits = |name: &'static str| {
            let (promise, log) = (promise.get(), log.clone());
            spawn(async move { log.note(format!("{name} {}", promise.await.unwrap())) })
        };
        let calls = |name: &'static str| {
            let log = log.clone();
            promise.on_done(move |outcome| log.note(format!("{name} {}", outcome.unwrap())));
        };
        calls("callback 1");
        let first = awaits("task 1");
        yield_now().await;
        calls("callback 2");
        calls("callback 3");
        let second = awaits("task 2");
        yield_now().await;
        calls("callback 4");
        promise.set(5).unwrap();
        log.note("after set");
        first.await.unwrap();
        second.await.unwrap();
        log.note("awaited");
        calls("callback 5");
        log.note("after on_done");
        yield_now().await;
    });
    let expected = [
        "after set",
        "callback 1 5",
        "task 1 5",
        "callback 2 5",
        "callback 3 5",
        "task 2 5",
        "callback 4 5",
        "awaited",
        "after on_done",
        "callback 5 5",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_callback_receives_errors_cancellation_and_abandonment() {
    let log = Log::default();
    block_on(async {
        let promises = [(); 3].map(|()| Promise::<i32>::new());
        for promise in &promises {
            let log = log.clone();
            promise.on_done(move |outcome| log.note(outcome.unwrap_err().to_string()));
        }
        promises[0].fail("no").unwrap();
        promises[1].cancel();
        drop(promises);
        yield_now().await;
    });
    let expected = [
        "no",
        "the promise was cancelled",
        "the promise was abandoned: every handle was dropped before it was settled",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_callback_outside_a_scheduler_panics_and_says_what_to_use() {
    let promise = Promise::<i32>::new();
    let panic = catch_unwind(AssertUnwindSafe(|| promise.on_done(drop))).unwrap_err();
    let text = text(&*panic);
    assert!(text.contains("`Promise::on_done` needs a running scheduler"), "{text}");
}

#[test]
fn a_callback_runs_on_the_scheduler_it_was_registered_on_wherever_the_promise_is_settled() {
    let (ours, other) = (Scheduler::new(), Scheduler::new());
    let (promise, ran) = (Promise::new(), Count::default());
    let (asks, seen) = (promise.clone(), ran.clone());
    ours.block_on(async move {
        asks.on_done(move |outcome| {
            assert_eq!(outcome.unwrap(), 5);
            seen.add();
        });
    });
    let sets = promise.clone();
    other.block_on(async move { sets.set(5).unwrap() });
    other.run().unwrap();
    assert_eq!(ran.get(), 0);
    ours.run().unwrap();
    assert_eq!(ran.get(), 1);
}

#[test]
fn a_callback_whose_scheduler_is_gone_is_dropped() {
    let (promise, dropped) = (Promise::new(), Count::default());
    let token = dropped.token();
    let asks = promise.clone();
    block_on(async move {
        asks.on_done(move |_| {
            let _token = token;
            panic!("it is not called");
        });
    });
    assert_eq!(dropped.get(), 0);
    promise.set(5).unwrap();
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_callback_that_panics_is_a_task_that_panics() {
    let ran = Count::default();
    block_on(async {
        let promise = Promise::new();
        let seen = ran.clone();
        promise.on_done(|_: Result<i32, PromiseError>| panic!("in the callback"));
        promise.on_done(move |_| seen.add());
        promise.set(1).unwrap();
        yield_now().await;
        assert_eq!(promise.await.unwrap(), 1);
    });
    assert_eq!(ran.get(), 1);
}

#[test]
fn a_callback_may_use_the_promise() {
    let log = Log::default();
    block_on(async {
        let promise = Promise::new();
        let (inside, inner_log) = (promise.clone(), log.clone());
        promise.on_done(move |_| {
            assert!(inside.set(2).is_err());
            inner_log.note("first");
            inside.on_done(move |outcome| inner_log.note(format!("second {}", outcome.unwrap())));
        });
        promise.set(1).unwrap();
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(log.take(), ["first", "second 1"]);
}

#[test]
fn a_pending_callback_does_not_keep_a_run_from_ending() {
    let scheduler = Scheduler::new();
    let promise = Promise::<i32>::new();
    let asks = promise.clone();
    scheduler.block_on(async move { asks.on_done(drop) });
    scheduler.run().unwrap();
    drop(promise); // It is abandoned, and its callback is called with that.
    assert_eq!(scheduler.metrics().ready, 1);
    scheduler.run().unwrap();
}

// ----- abandoned -----

#[test]
fn awaiting_a_promise_without_handles_is_an_error() {
    block_on(async {
        let promise = Promise::<i32>::new();
        let waits = spawn(promise.get());
        yield_now().await;
        let other = promise.clone();
        drop(promise);
        yield_now().await;
        assert!(!waits.is_finished(), "there is another handle");
        drop(other);
        let error = waits.await.unwrap().unwrap_err();
        assert!(error.is_abandoned());

        let error = Promise::<i32>::new().await.unwrap_err();
        assert!(error.is_abandoned(), "awaiting consumes the handle");
    });
}

#[test]
fn a_promise_that_only_its_waiters_could_settle_is_named_in_the_report() {
    let scheduler = Scheduler::new();
    let promise = Promise::<i32>::new().named("answer");
    let handle = promise.clone();
    let waits = async move { drop((&handle).await) }; // [wait]
    task::Builder::new().name("alice").spawn_on(&scheduler, waits);
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("expected a deadlock") };
    let source = include_str!("sync_promise.rs");
    let text = trace::with_marks(&report.to_string(), file!(), source);
    let expected = "  #1 \"alice\"  waits for promise \"answer\" at [wait], since turn 1";
    assert!(text.contains(expected), "{text}");
    assert!(report.certain);
    let text = trace::with_marks(&format!("{promise:?}"), file!(), source);
    let expected = "Promise { outcome: <pending>, name: \"answer\", \
                    waiters: [#1 \"alice\" at [wait]], .. }";
    assert_eq!(text, expected);
    promise.cancel();
    assert!(format!("{promise:?}").contains("outcome: the promise was cancelled"));
    scheduler.run().unwrap();
}

// ----- foreign executors and wakers -----

#[test]
fn foreign_executors_and_combinators_can_wait_for_it() {
    on_every_executor(async || {
        let promise = Promise::new();
        let mut waits: FuturesUnordered<_> = (0..3).map(|_| promise.get()).collect();
        assert!(poll!(waits.next()).is_pending());
        promise.set(5).unwrap();
        let values: Vec<i32> = waits.map(Result::unwrap).collect().await;
        assert_eq!(values, [5; 3]);

        let promise = Promise::new();
        let set = async { promise.set(6).unwrap() };
        let (values, ()) = join(join_all((0..50).map(|_| promise.get())), set).await;
        assert!(values.into_iter().all(|value| value.unwrap() == 6));

        let promise = Promise::new();
        let (wait, set) = (pin!(promise.get()), pin!(async { promise.set(7).unwrap() }));
        let Either::Right(((), wait)) = select(wait, set).await else {
            panic!("it was not set before");
        };
        assert_eq!(wait.await.unwrap(), 7);
    });
}

#[test]
fn a_future_can_be_cloned_and_polled_again_after_it_was_ready() {
    let promise = Promise::new();
    let mut first = promise.get();
    assert!(poll_with(&mut first, Waker::noop()).is_pending());
    let mut second = first.clone();
    promise.set(5).unwrap();
    drop(promise);
    for _ in 0..2 {
        for future in [&mut first, &mut second] {
            let Poll::Ready(Ok(5)) = poll_with(future, Waker::noop()) else { panic!("it is 5") };
        }
    }
}

thread_local! {
    static PROMISE: RefCell<Option<Promise<i32>>> = const { RefCell::new(None) };
    static WAITS: RefCell<Vec<PromiseFuture<i32>>> = const { RefCell::new(Vec::new()) };
}

// tokio#3689, tokio#4055, tokio#5471: a waker that panicked or called back broke what was waking it.
#[test]
fn a_waker_may_panic_or_use_the_promise_and_its_waits_while_it_is_settled() {
    fn interfere() {
        let promise = PROMISE.with_borrow(|promise| promise.clone().unwrap());
        assert!(promise.set(2).is_err() && !promise.cancel());
        assert!(matches!(poll_with(&mut promise.get(), Waker::noop()), Poll::Ready(Ok(1))));
        let last = WAITS.with_borrow_mut(Vec::pop);
        drop(last);
        let mut second = WAITS.with_borrow_mut(|waits| waits.remove(1));
        assert!(matches!(poll_with(&mut second, Waker::noop()), Poll::Ready(Ok(1))));
        let last_handle = PROMISE.take();
        drop(last_handle);
    }
    let explode = || panic!("a foreign waker");
    let (promise, (rings, waker)) = (Promise::new(), Rings::new());
    let wakers = [
        Acting::waker(interfere, || ()),
        waker.clone(),
        Acting::waker(explode, || ()),
        Acting::waker(|| (), explode),
        waker.clone(),
        waker.clone(),
    ];
    for foreign in wakers {
        let mut wait = promise.get();
        assert!(poll_with(&mut wait, &foreign).is_pending());
        WAITS.with_borrow_mut(|waits| waits.push(wait));
    }
    PROMISE.set(Some(promise.clone()));
    promise.set(1).unwrap();
    assert_eq!(rings.get(), 1, "the second was polled before, and the last had been dropped");
    let waits = WAITS.take();
    assert_eq!(waits.len(), 4);
    for mut wait in waits {
        assert!(matches!(poll_with(&mut wait, &waker), Poll::Ready(Ok(1))));
    }
}

/// A value whose clone tries to settle the promises, and drops them.
struct Meddler(Rc<RefCell<Vec<Promise<Meddler>>>>);

impl Clone for Meddler {
    fn clone(&self) -> Self {
        let promises = self.0.take();
        for promise in &promises {
            assert!(promise.is_done() && !promise.cancel());
        }
        drop(promises);
        Meddler(Rc::clone(&self.0))
    }
}

#[test]
fn the_clone_of_a_value_may_drop_the_last_handle() {
    let (promise, promises) = (Promise::new(), Rc::default());
    let mut wait = promise.get();
    assert!(promise.set(Meddler(Rc::clone(&promises))).is_ok());
    promises.borrow_mut().push(promise);
    assert!(matches!(poll_with(&mut wait, Waker::noop()), Poll::Ready(Ok(_))));
}

#[test]
fn a_borrowed_value_may_be_promised() {
    let text = String::from("borrowed");
    let promise = Promise::<&str>::new();
    promise.set(&text).unwrap();
    assert_eq!(block_on(promise.get()).unwrap(), "borrowed");
}

// ----- any order -----

#[derive(Clone, Debug)]
enum Op {
    Get,
    Again(usize),
    Poll(usize),
    Drop(usize),
    CloneHandle,
    DropHandle,
    Set,
    Fail,
    Cancel,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => Just(Op::Get),
        4 => (0_usize..16).prop_map(Op::Again),
        20 => (0_usize..16).prop_map(Op::Poll),
        8 => (0_usize..16).prop_map(Op::Drop),
        2 => Just(Op::CloneHandle),
        2 => Just(Op::DropHandle),
        1 => Just(Op::Set),
        1 => Just(Op::Fail),
        1 => Just(Op::Cancel),
    ]
}

/// A value that counts how many clones of it were made and dropped.
#[derive(Debug)]
struct Value(Rc<Cell<usize>>, Count, #[allow(dead_code, reason = "it counts its drop")] Token);

impl Value {
    fn new(made: &Rc<Cell<usize>>, dropped: &Count) -> Self {
        made.set(made.get() + 1);
        Value(Rc::clone(made), dropped.clone(), dropped.token())
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Value::new(&self.0, &self.1)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    Waiting,
    Gone,
}

fn name<T>(outcome: &Result<T, PromiseError>) -> &'static str {
    match outcome {
        Ok(_) => "set",
        Err(error) if error.is_cancelled() => "cancelled",
        Err(error) if error.is_abandoned() => "abandoned",
        Err(_) => "failed",
    }
}

proptest! {
    #[test]
    fn any_order_of_calls_does_what_the_model_does(ops in prop::collection::vec(op(), 0..120)) {
        let (made, dropped) = (Rc::default(), Count::default());
        let mut handles = vec![Promise::new()];
        let mut manual: ManualPoll<PromiseFuture<Value>> = ManualPoll::new();
        let (mut states, mut line): (Vec<State>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut outcome = None;
        for op in ops {
            let alive = |states: &[State], which: usize| {
                let alive = (0..states.len()).filter(|&at| states[at] != State::Gone);
                let alive: Vec<usize> = alive.collect();
                (!alive.is_empty()).then(|| alive[which % alive.len()])
            };
            let mut settled = None;
            match (op, handles.last()) {
                (Op::Get, Some(promise)) => {
                    manual.add(promise.get());
                    states.push(State::New);
                }
                (Op::Again(which), _) => if let Some(at) = alive(&states, which) {
                    let again = (**manual.future(at)).clone();
                    manual.add(again);
                    states.push(State::New);
                },
                (Op::Poll(which), _) => if let Some(at) = alive(&states, which) {
                    match manual.poll(at) {
                        Poll::Ready(end) => {
                            prop_assert_eq!(Some(name(&end)), outcome);
                            states[at] = State::Gone;
                        }
                        Poll::Pending => {
                            prop_assert_eq!(outcome, None);
                            if mem::replace(&mut states[at], State::Waiting) == State::New {
                                line.push(at);
                            }
                        }
                    }
                },
                (Op::Drop(which), _) => if let Some(at) = alive(&states, which) {
                    manual.drop(at);
                    line.retain(|&waiting| waiting != at);
                    states[at] = State::Gone;
                },
                (Op::CloneHandle, Some(promise)) => {
                    let clone = promise.clone();
                    handles.push(clone);
                }
                (Op::DropHandle, _) => {
                    handles.pop();
                    if handles.is_empty() {
                        settled = Some("abandoned");
                    }
                }
                (Op::Set, Some(promise)) => {
                    let refused = promise.set(Value::new(&made, &dropped)).is_err();
                    prop_assert_eq!(refused, outcome.is_some());
                    settled = Some("set");
                }
                (Op::Fail, Some(promise)) => {
                    prop_assert_eq!(promise.fail("no").is_err(), outcome.is_some());
                    settled = Some("failed");
                }
                (Op::Cancel, Some(promise)) => {
                    prop_assert_eq!(promise.cancel(), outcome.is_none());
                    settled = Some("cancelled");
                }
                (_, None) => {}
            }
            let woken = match (outcome, settled) {
                (None, Some(_)) => mem::take(&mut line),
                _ => Vec::new(),
            };
            outcome = outcome.or(settled);
            prop_assert_eq!(manual.woken(), woken);
            if let Some(promise) = handles.last() {
                prop_assert_eq!(promise.try_get().as_ref().map(name), outcome);
            }
        }
        drop((handles, manual));
        prop_assert_eq!(dropped.get(), made.get(), "each clone is dropped once");
    }
}

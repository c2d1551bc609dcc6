//! The event: which waits return when it is set, and which wait again when it is cleared.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod manual_poll;
mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, join, join_all, select};
use futures::poll;
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};

use manual_poll::{ManualPoll, on_every_executor};
use probe::{Acting, Log, poll_with, virtual_time};
use turnwise::sync::{Event, EventWait};
use turnwise::time::now;
use turnwise::{RunError, Scheduler, sleep, spawn, task, yield_now};

// tests/slides/26_event.out
#[test]
fn it_prints_what_asyncio_prints() {
    let (log, scheduler) = (Log::default(), virtual_time());
    scheduler.block_on(async {
        let (event, start) = (Rc::new(Event::new()), now());
        let say = {
            let log = log.clone();
            move |what: String| log.note(format!("[{}] {what}", (now() - start).as_millis()))
        };
        let waiter = |name: &'static str| {
            let (event, say) = (Rc::clone(&event), say.clone());
            async move {
                say(format!("{name} waits"));
                event.wait().await;
                say(format!("{name} goes on"));
            }
        };
        let tasks = ["a", "b", "c"].map(|name| spawn(waiter(name)));
        sleep(Duration::from_secs(1)).await;
        event.set();
        say("set".into());
        join_all(tasks).await;
        waiter("late").await;
        event.clear();
        let task = spawn(waiter("after clear"));
        sleep(Duration::from_secs(1)).await;
        say(format!("still waiting: {}", !task.is_finished()));
        event.set();
        task.await.unwrap();
    });
    let expected = [
        "[0] a waits",
        "[0] b waits",
        "[0] c waits",
        "[1000] set",
        "[1000] a goes on",
        "[1000] b goes on",
        "[1000] c goes on",
        "[1000] late waits",
        "[1000] late goes on",
        "[1000] after clear waits",
        "[2000] still waiting: true",
        "[2000] after clear goes on",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_wait_returns_when_the_event_is_set_though_it_is_cleared_immediately() {
    let (scheduler, event) = (Scheduler::new(), Rc::new(Event::new()));
    let wait = || {
        let event = Rc::clone(&event);
        scheduler.spawn(async move { event.wait().await })
    };
    let before = [wait(), wait()];
    scheduler.run_until_stalled();
    event.set();
    event.clear();
    let after = wait();
    scheduler.run_until_stalled();
    assert!(before.iter().all(turnwise::JoinHandle::is_finished));
    assert!(!after.is_finished() && !event.is_set());
    event.set();
    scheduler.run().unwrap();
}

#[test]
fn a_million_waiters_take_one_turn_each() {
    const MANY: usize = 1_000_000;
    let (scheduler, event, count) = (Scheduler::new(), Event::new(), Rc::new(Cell::new(0)));
    let event = Rc::new(event);
    for _ in 0..MANY {
        let (event, count) = (Rc::clone(&event), Rc::clone(&count));
        scheduler.spawn(async move {
            event.wait().await;
            count.set(count.get() + 1);
        });
    }
    assert_eq!(scheduler.run_until_stalled(), MANY);
    event.set();
    assert_eq!(scheduler.run_until_stalled(), MANY);
    assert_eq!(count.get(), MANY);
}

#[test]
fn an_event_that_is_never_set_is_named_in_the_report() {
    let event = Rc::new(Event::new().named("go"));
    let error = Scheduler::new().try_block_on(async {
        let inside = Rc::clone(&event);
        let waits = async move { inside.wait().await }; // [wait]
        let alice = task::Builder::new().name("alice").spawn(waits); // [spawned]
        alice.await.unwrap();
    });
    let Err(RunError::Deadlock(report)) = error else { panic!("a deadlock, not {error:?}") };
    let text = trace::with_marks(&report.to_string(), file!(), include_str!("sync_event.rs"));
    let expected = "  #2 \"alice\"  waits for event \"go\" at [wait], since turn 2";
    assert!(text.contains(expected), "{text}");
    assert!(report.certain);
}

#[test]
fn debug_output_shows_the_waiters() {
    let (scheduler, event) = (Scheduler::new(), Rc::new(Event::new().named("go")));
    let inside = Rc::clone(&event);
    let waits = async move { inside.wait().await }; // [wait]
    let handle = task::Builder::new().name("alice").spawn_on(&scheduler, waits);
    scheduler.run_until_stalled();
    let text = trace::with_marks(&format!("{event:?}"), file!(), include_str!("sync_event.rs"));
    assert_eq!(text, r#"Event { is_set: false, name: "go", waiters: [#1 "alice" at [wait]] }"#);
    handle.abort();
    scheduler.run().unwrap();
    event.set();
    assert_eq!(format!("{event:?}"), r#"Event { is_set: true, name: "go" }"#);
}

#[test]
fn foreign_executors_and_combinators_can_wait_for_it() {
    on_every_executor(async || {
        let event = Event::new();
        let mut waits: FuturesUnordered<_> = (0..3).map(|_| event.wait()).collect();
        assert!(poll!(waits.next()).is_pending());
        event.set();
        assert_eq!(waits.count().await, 3);

        event.clear();
        let set = async { event.set() };
        join(join_all((0..50).map(|_| event.wait())), set).await;

        event.clear();
        let (first, second) = (pin!(event.wait()), pin!(async { event.set() }));
        let Either::Right(((), first)) = select(first, second).await else {
            panic!("it was not set before");
        };
        event.clear();
        first.await;
    });
}

// tokio#3689, tokio#4055: a waker that panicked kept the others from being woken.
#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_woken() {
    let event = Event::new();
    let (mut first, mut second) = (event.wait(), event.wait());
    let explode = || panic!("a foreign waker");
    assert!(poll_with(&mut first, &Acting::waker(explode, || ())).is_pending());
    let mut third = event.wait();
    let (rings, waker) = probe::Rings::new();
    assert!(poll_with(&mut second, &waker).is_pending());
    assert!(poll_with(&mut third, &Acting::waker(|| (), explode)).is_pending());
    drop(third); // Its waker panics, and that is caught.
    event.set();
    assert_eq!(rings.get(), 1);
    assert!(poll_with(&mut first, &waker).is_ready());
    assert!(poll_with(&mut second, &waker).is_ready());
}

thread_local! {
    /// Waits by their numbers; each may be dropped by the wake of another.
    static WAITS: RefCell<Vec<Option<EventWait<'static>>>> = const { RefCell::new(Vec::new()) };
}

// tokio#5471, tokio#5458: a waker was woken under a lock, or while a list was being traversed.
#[test]
fn a_waker_may_set_clear_wait_and_drop_waits_while_a_forgotten_event_is_set() {
    /// An event that is never freed, so that waits on it may be kept in a thread-local.
    fn event() -> &'static Event {
        thread_local!(static LEAKED: &'static Event = Box::leak(Box::new(Event::new())));
        LEAKED.with(|event| *event)
    }
    fn interfere() {
        let last = WAITS.with_borrow_mut(|waits| waits.last_mut().and_then(Option::take));
        drop(last);
        event().clear();
        let mut wait = event().wait();
        assert!(poll_with(&mut wait, std::task::Waker::noop()).is_pending());
        drop(wait);
        event().set();
        event().clear();
    }
    let (rings, waker) = probe::Rings::new();
    let add = |waker: &std::task::Waker| {
        let mut wait = event().wait();
        assert!(poll_with(&mut wait, waker).is_pending());
        WAITS.with_borrow_mut(|waits| waits.push(Some(wait)));
    };
    add(&Acting::waker(interfere, || ()));
    add(&waker);
    add(&waker);
    event().set();
    assert!(!event().is_set(), "the waker cleared it");
    assert_eq!(rings.get(), 1, "the second was woken, the third had been dropped");
    let waits = WAITS.take();
    let ready = waits.into_iter().flatten().map(|mut wait| poll_with(&mut wait, &waker).is_ready());
    assert_eq!(ready.collect::<Vec<_>>(), [true, true]);
}

#[test]
#[allow(clippy::await_holding_refcell_ref, reason = "`poll!` never waits")]
fn a_wait_may_move_from_one_task_to_another() {
    let scheduler = Scheduler::new();
    let event = Rc::new(Event::new());
    // Owns the event, so that two tasks can poll it.
    let wait = Rc::new(RefCell::new(Box::pin({
        let event = Rc::clone(&event);
        async move { event.wait().await }
    })));
    let first = {
        let wait = Rc::clone(&wait);
        scheduler.spawn(async move {
            assert!(poll!(&mut *wait.borrow_mut()).is_pending());
            yield_now().await;
        })
    };
    scheduler.block_on(first).unwrap();
    let second =
        scheduler.spawn(std::future::poll_fn(move |cx| wait.borrow_mut().as_mut().poll(cx)));
    scheduler.run_until_stalled();
    event.set();
    scheduler.run().unwrap();
    assert!(second.is_finished());
}

// ----- any order -----

#[derive(Clone, Debug)]
enum Op {
    Wait,
    Poll(usize),
    Drop(usize),
    Set,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Wait),
        6 => (0_usize..16).prop_map(Op::Poll),
        2 => (0_usize..16).prop_map(Op::Drop),
        1 => Just(Op::Set),
        1 => Just(Op::Clear),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    Waiting,
    Woken,
    Gone,
}

proptest! {
    #[test]
    fn any_order_of_calls_does_what_the_model_does(ops in prop::collection::vec(op(), 0..120)) {
        let event = Event::new();
        let mut manual = ManualPoll::new();
        let (mut states, mut queue, mut is_set) = (Vec::new(), Vec::new(), false);
        for op in ops {
            let alive = |states: &[State], which: usize| {
                let alive: Vec<usize> =
                    (0..states.len()).filter(|&at| states[at] != State::Gone).collect();
                (!alive.is_empty()).then(|| alive[which % alive.len()])
            };
            let mut woken = Vec::new();
            match op {
                Op::Wait => {
                    manual.add(event.wait());
                    states.push(State::New);
                }
                Op::Poll(which) => if let Some(at) = alive(&states, which) {
                    states[at] = match states[at] {
                        State::New if !is_set => {
                            queue.push(at);
                            State::Waiting
                        }
                        State::Waiting => State::Waiting,
                        _ => State::Gone,
                    };
                    let expected = states[at] == State::Gone;
                    prop_assert_eq!(manual.poll(at) == Poll::Ready(()), expected);
                },
                Op::Drop(which) => if let Some(at) = alive(&states, which) {
                    manual.drop(at);
                    queue.retain(|&waiting| waiting != at);
                    states[at] = State::Gone;
                },
                Op::Set => {
                    event.set();
                    is_set = true;
                    queue.iter().for_each(|&at| states[at] = State::Woken);
                    woken = std::mem::take(&mut queue);
                }
                Op::Clear => {
                    event.clear();
                    is_set = false;
                }
            }
            prop_assert_eq!(manual.woken(), woken);
            prop_assert_eq!(event.is_set(), is_set);
        }
    }
}

//! The barrier: which waits are released together, which one leads, and what breaks it.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod manual_poll;
mod probe;
mod trace;

use std::cell::RefCell;
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};

use manual_poll::{ManualPoll, on_every_executor};
use probe::{Acting, Log, Rings, poll_with, virtual_time};
use turnwise::sync::{Barrier, BarrierWait, BarrierWaitResult, BrokenBarrier};
use turnwise::time::now;
use turnwise::{RunError, Scheduler, sleep, spawn, task, yield_now};

type Arrival = Poll<Result<BarrierWaitResult, BrokenBarrier>>;

/// Polls once, with a no-op waker.
fn poll(wait: &mut BarrierWait<'_>) -> Arrival {
    poll_with(wait, Waker::noop())
}

/// The index of a wait that was released, and whether it is the leader.
fn released(poll: Arrival) -> (usize, bool) {
    let Poll::Ready(Ok(result)) = poll else { panic!("expected a rendezvous, not {poll:?}") };
    (result.index(), result.is_leader())
}

// tests/slides/29_barrier.out
#[test]
fn it_prints_what_asyncio_prints() {
    let (log, scheduler) = (Log::default(), virtual_time());
    scheduler.block_on(async {
        let (barrier, start) = (Rc::new(Barrier::new(3)), now());
        let passed = Rc::new(RefCell::new(Vec::new()));
        let say = {
            let log = log.clone();
            move |what: String| log.note(format!("[{}] {what}", (now() - start).as_millis()))
        };
        let runner = |(name, seconds): (&'static str, u64)| {
            let (barrier, passed, say) = (Rc::clone(&barrier), Rc::clone(&passed), say.clone());
            spawn(async move {
                for lap in [1, 2] {
                    sleep(Duration::from_secs(seconds)).await;
                    say(format!("{name} arrives, lap {lap}"));
                    let index = barrier.wait().await.unwrap().index();
                    passed.borrow_mut().push((lap, index, name));
                }
            })
        };
        join_all([("a", 3), ("b", 1), ("c", 2)].map(runner)).await;
        let mut passed = passed.take();
        passed.sort_unstable();
        for (lap, index, name) in passed {
            say(format!("lap {lap} index {index} {name}"));
        }
    });
    let expected = [
        "[1000] b arrives, lap 1",
        "[2000] c arrives, lap 1",
        "[3000] a arrives, lap 1",
        "[4000] b arrives, lap 2",
        "[5000] c arrives, lap 2",
        "[6000] a arrives, lap 2",
        "[6000] lap 1 index 0 b",
        "[6000] lap 1 index 1 c",
        "[6000] lap 1 index 2 a",
        "[6000] lap 2 index 0 b",
        "[6000] lap 2 index 1 c",
        "[6000] lap 2 index 2 a",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn no_wait_returns_before_the_last_has_arrived_and_the_last_leads() {
    let barrier = Barrier::new(3);
    let mut waits = [(); 3].map(|()| barrier.wait());
    for (arrived, wait) in waits[..2].iter_mut().enumerate() {
        assert_eq!(barrier.n_waiting(), arrived);
        assert!(poll(wait).is_pending());
    }
    assert!(poll(&mut waits[0]).is_pending(), "arriving twice counts once");
    assert_eq!((barrier.n_waiting(), barrier.parties()), (2, 3));
    assert_eq!(released(poll(&mut waits[2])), (2, true));
    assert_eq!(released(poll(&mut waits[0])), (0, false));
    assert_eq!(released(poll(&mut waits[1])), (1, false));
    assert_eq!(barrier.n_waiting(), 0);
}

#[test]
fn a_barrier_for_zero_or_one_never_blocks() {
    for parties in [0, 1] {
        let barrier = Barrier::new(parties);
        for _ in 0..3 {
            assert_eq!(released(poll(&mut barrier.wait())), (0, true));
        }
        assert_eq!(barrier.parties(), 1);
    }
}

// asyncband#10: a party that had been cancelled was counted, so the others were released too early or never.
#[test]
fn a_wait_that_was_dropped_does_not_count() {
    let barrier = Barrier::new(3);
    let mut cancelled = barrier.wait();
    let mut live = [(); 3].map(|()| barrier.wait());
    assert!(poll(&mut live[0]).is_pending());
    assert!(poll(&mut cancelled).is_pending());
    drop(cancelled);
    drop(barrier.wait()); // It never arrived.
    assert!(poll(&mut live[1]).is_pending(), "only two are alive");
    assert_eq!(released(poll(&mut live[2])), (2, true));
    assert_eq!(released(poll(&mut live[0])), (0, false));
    assert_eq!(released(poll(&mut live[1])), (1, false));
}

#[test]
fn a_wait_that_is_dropped_after_the_rendezvous_took_part_in_it() {
    let barrier = Barrier::new(2);
    let (mut first, mut last, mut next) = (barrier.wait(), barrier.wait(), barrier.wait());
    assert!(poll(&mut first).is_pending());
    assert_eq!(released(poll(&mut last)), (1, true));
    drop(first);
    assert_eq!(barrier.n_waiting(), 0);
    assert!(poll(&mut next).is_pending(), "it is the first of the next rendezvous");
}

#[test]
fn a_party_that_returns_immediately_is_part_of_the_next_rendezvous() {
    let (scheduler, barrier) = (Scheduler::new(), Rc::new(Barrier::new(2)));
    let run = || {
        let barrier = Rc::clone(&barrier);
        scheduler.spawn(async move {
            let mut leads = 0;
            for _ in 0..10 {
                leads += usize::from(barrier.wait().await.unwrap().is_leader());
            }
            leads
        })
    };
    let both = [run(), run()];
    let leads = scheduler.block_on(join_all(both)).into_iter().map(Result::unwrap);
    assert_eq!(leads.sum::<usize>(), 10, "one leader per rendezvous");
}

#[test]
fn an_aborted_barrier_fails_present_and_later_waits_until_it_is_reset() {
    let barrier = Barrier::new(2);
    let mut wait = barrier.wait();
    assert!(poll(&mut wait).is_pending());
    barrier.abort();
    assert!(barrier.is_broken());
    assert_eq!(barrier.n_waiting(), 0);
    let Poll::Ready(Err(error)) = poll(&mut wait) else { panic!("it is broken") };
    assert_eq!(error.to_string(), "the barrier was broken or reset before all tasks arrived");
    assert!(matches!(poll(&mut barrier.wait()), Poll::Ready(Err(_))));
    barrier.reset();
    let (mut first, mut last) = (barrier.wait(), barrier.wait());
    assert!(poll(&mut first).is_pending());
    assert_eq!(released(poll(&mut last)), (1, true));
    assert_eq!(released(poll(&mut first)), (0, false));
}

#[test]
fn a_reset_fails_only_the_present_waits() {
    let barrier = Barrier::new(2);
    let (mut first, mut second, mut third) = (barrier.wait(), barrier.wait(), barrier.wait());
    assert!(poll(&mut first).is_pending());
    barrier.reset();
    assert!(!barrier.is_broken());
    assert!(poll(&mut second).is_pending());
    assert!(matches!(poll(&mut first), Poll::Ready(Err(_))));
    assert_eq!(released(poll(&mut third)), (1, true));
    assert_eq!(released(poll(&mut second)), (0, false));
}

#[test]
fn a_wait_that_was_released_is_not_affected_by_a_later_abort() {
    let barrier = Barrier::new(2);
    let (mut first, mut last) = (barrier.wait(), barrier.wait());
    assert!(poll(&mut first).is_pending());
    assert_eq!(released(poll(&mut last)), (1, true));
    barrier.abort();
    assert_eq!(released(poll(&mut first)), (0, false));
}

#[test]
fn a_barrier_one_party_short_is_named_in_the_report() {
    let scheduler = Scheduler::new();
    let start = Rc::new(Barrier::new(3).named("start"));
    for name in ["alice", "bob"] {
        let start = Rc::clone(&start);
        let runner = async move { assert!(start.wait().await.is_err()) }; // [wait]
        task::Builder::new().name(name).spawn_on(&scheduler, runner);
    }
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("one is missing") };
    let source = include_str!("sync_barrier.rs");
    let expected = [
        "deadlock at turn 2: 2 tasks can never run again",
        "  #1 \"alice\"  waits for barrier \"start\" at [wait], since turn 1",
        "  #2 \"bob\"    waits for barrier \"start\" at [wait], since turn 2",
        "certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held \
         outside the scheduler",
    ];
    assert_eq!(trace::with_marks(&report.to_string(), file!(), source), expected.join("\n"));
    let text = trace::with_marks(&format!("{start:?}"), file!(), source);
    let expected = "Barrier { parties: 3, arrived: 2, is_broken: false, name: \"start\", \
                    waiters: [#1 \"alice\" at [wait], #2 \"bob\" at [wait]] }";
    assert_eq!(text, expected);
    start.abort();
    scheduler.run().unwrap();
}

#[test]
fn foreign_executors_and_combinators_can_wait_at_it() {
    on_every_executor(async || {
        let barrier = Barrier::new(3);
        let waits: FuturesUnordered<_> = (0..6).map(|_| barrier.wait()).collect();
        let results: Vec<_> = waits.map(Result::unwrap).collect().await;
        assert_eq!(results.iter().filter(|result| result.is_leader()).count(), 2);

        let barrier = Barrier::new(50);
        let results = join_all((0..50).map(|_| barrier.wait())).await;
        let indices: Vec<usize> =
            results.into_iter().map(|result| result.unwrap().index()).collect();
        assert_eq!(indices, (0..50).collect::<Vec<_>>());

        let barrier = Barrier::new(2);
        let (wait, end) = (pin!(barrier.wait()), pin!(async {}));
        let Either::Right(((), wait)) = select(wait, end).await else { panic!("it is alone") };
        let (result, other) = futures::future::join(wait, barrier.wait()).await;
        assert_eq!((result.unwrap().index(), other.unwrap().index()), (0, 1));
    });
}

#[test]
fn a_cancelled_party_does_not_count_in_a_scheduler_either() {
    let (scheduler, barrier) = (Scheduler::new(), Rc::new(Barrier::new(2)));
    let arrive = || {
        let barrier = Rc::clone(&barrier);
        async move { barrier.wait().await }
    };
    scheduler.block_on(async {
        let gone = spawn(arrive());
        yield_now().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let waits = spawn(arrive());
        yield_now().await;
        assert!(!waits.is_finished());
        assert!(arrive().await.unwrap().is_leader());
        assert_eq!(waits.await.unwrap().unwrap().index(), 0);
    });
}

thread_local! {
    static WAITS: RefCell<Vec<BarrierWait<'static>>> = const { RefCell::new(Vec::new()) };
    /// Leaked, so that waits on it may be kept in a thread-local.
    static BARRIER: &'static Barrier = Box::leak(Box::new(Barrier::new(4)));
}

// tokio#5458: all parties are released at one moment, whatever the wakers do.
#[test]
fn a_waker_may_wait_abort_reset_and_drop_during_a_rendezvous_at_a_forgotten_barrier() {
    fn interfere() {
        let barrier = BARRIER.with(|barrier| *barrier);
        assert_eq!(barrier.n_waiting(), 0);
        let mut others = [(); 4].map(|()| barrier.wait());
        let are_ready: Vec<bool> = others.iter_mut().map(|wait| poll(wait).is_ready()).collect();
        assert_eq!(are_ready, [false, false, false, true]);
        barrier.abort();
        barrier.reset();
        let last = WAITS.with_borrow_mut(Vec::pop);
        drop(last);
    }
    let barrier = BARRIER.with(|barrier| *barrier);
    let (rings, waker) = Rings::new();
    for waker in [&Acting::waker(interfere, || ()), &waker, &waker] {
        let mut wait = barrier.wait();
        assert!(poll_with(&mut wait, waker).is_pending());
        WAITS.with_borrow_mut(|waits| waits.push(wait));
    }
    assert_eq!(released(poll(&mut barrier.wait())), (3, true));
    assert_eq!(rings.get(), 1, "the last one was dropped before it was woken");
    let results: Vec<_> = WAITS.take().iter_mut().map(|wait| released(poll(wait))).collect();
    assert_eq!(results, [(0, false), (1, false)]);
    assert_eq!(barrier.n_waiting(), 0);
}

// tokio#3689, tokio#4055: a waker that panicked kept the others from being woken.
#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_woken() {
    let explode = || panic!("a foreign waker");
    let barrier = Barrier::new(4);
    let (rings, waker) = Rings::new();
    let mut waits = [(); 3].map(|()| barrier.wait());
    assert!(poll_with(&mut waits[0], &Acting::waker(explode, || ())).is_pending());
    assert!(poll_with(&mut waits[1], &Acting::waker(|| (), explode)).is_pending());
    assert!(poll_with(&mut waits[2], &waker).is_pending());
    assert_eq!(released(poll(&mut barrier.wait())), (3, true));
    assert_eq!(rings.get(), 1);
    let results: Vec<_> = waits.iter_mut().map(|wait| released(poll(wait)).0).collect();
    assert_eq!(results, [0, 1, 2]);
}

// ----- any order -----

#[derive(Clone, Debug)]
enum Op {
    Make,
    Poll(usize),
    Drop(usize),
    Abort,
    Reset,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Make),
        12 => (0_usize..16).prop_map(Op::Poll),
        4 => (0_usize..16).prop_map(Op::Drop),
        1 => Just(Op::Abort),
        2 => Just(Op::Reset),
    ]
}

/// The result of a wait: its index, or `None` if the barrier broke.
type End = Option<usize>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    Waiting,
    Woken(End),
    Gone,
}

struct Model {
    parties: usize,
    states: Vec<State>,
    queue: Vec<usize>,
    is_broken: bool,
    woken: Vec<usize>,
}

impl Model {
    fn poll(&mut self, at: usize) -> Option<End> {
        match self.states[at] {
            State::New if self.is_broken => Some(None),
            State::New if self.queue.len() + 1 == self.parties => {
                self.release(Some);
                Some(Some(self.parties - 1))
            }
            State::New => {
                self.queue.push(at);
                self.states[at] = State::Waiting;
                None
            }
            State::Waiting => None,
            State::Woken(end) => Some(end),
            State::Gone => unreachable!("it is not polled any more"),
        }
    }

    fn release(&mut self, end: impl Fn(usize) -> End) {
        for (position, &at) in self.queue.iter().enumerate() {
            self.states[at] = State::Woken(end(position));
        }
        self.woken = mem::take(&mut self.queue);
    }

    fn gone(&mut self, at: usize) {
        self.queue.retain(|&waiting| waiting != at);
        self.states[at] = State::Gone;
    }

    fn alive(&self, which: usize) -> Option<usize> {
        let alive = (0..self.states.len()).filter(|&at| self.states[at] != State::Gone);
        let alive: Vec<usize> = alive.collect();
        (!alive.is_empty()).then(|| alive[which % alive.len()])
    }
}

proptest! {
    #[test]
    fn any_order_of_calls_matches_the_model(
        parties in 1_usize..5,
        ops in prop::collection::vec(op(), 0..120),
    ) {
        let barrier = Barrier::new(parties);
        let mut manual = ManualPoll::new();
        let mut model = Model {
            parties, states: Vec::new(), queue: Vec::new(), is_broken: false, woken: Vec::new(),
        };
        for op in ops {
            match op {
                Op::Make => {
                    manual.add(barrier.wait());
                    model.states.push(State::New);
                }
                Op::Poll(which) => if let Some(at) = model.alive(which) {
                    let expected = model.poll(at);
                    let end = match manual.poll(at) {
                        Poll::Pending => None,
                        Poll::Ready(Err(_)) => Some(None),
                        Poll::Ready(Ok(result)) => {
                            prop_assert_eq!(result.is_leader(), result.index() + 1 == parties);
                            Some(Some(result.index()))
                        }
                    };
                    prop_assert_eq!(end, expected);
                    if end.is_some() {
                        model.gone(at);
                    }
                },
                Op::Drop(which) => if let Some(at) = model.alive(which) {
                    manual.drop(at);
                    model.gone(at);
                },
                Op::Abort => {
                    barrier.abort();
                    model.is_broken = true;
                    model.release(|_| None);
                }
                Op::Reset => {
                    barrier.reset();
                    model.is_broken = false;
                    model.release(|_| None);
                }
            }
            prop_assert_eq!(manual.woken(), mem::take(&mut model.woken));
            prop_assert_eq!(barrier.n_waiting(), model.queue.len());
            prop_assert_eq!(barrier.is_broken(), model.is_broken);
        }
    }
}

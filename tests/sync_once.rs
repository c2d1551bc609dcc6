//! The once-cell: one initializer at a time, until one succeeds.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod manual_poll;
mod probe;
mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use futures::future::{Either, join, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};

use manual_poll::{ManualPoll, on_every_executor};
use probe::{Acting, Count, Rings, Spot, Token, poll_with};
use turnwise::sync::{OnceCell, SetError};
use turnwise::{RunError, Scheduler, spawn, task, yield_now};

#[test]
fn the_first_one_initializes_and_all_get_the_same_value() {
    let (scheduler, cell) = (Scheduler::new(), Rc::new(OnceCell::new()));
    let runs = Count::default();
    let handles: Vec<_> = (0..10)
        .map(|number| {
            let (cell, runs) = (Rc::clone(&cell), runs.clone());
            scheduler.spawn(async move {
                let init = async || {
                    runs.add();
                    yield_now().await;
                    number
                };
                let value: *const i32 = cell.get_or_init(init).await;
                (value, cell.get().copied())
            })
        })
        .collect();
    let values = scheduler.block_on(join_all(handles)).into_iter().map(Result::unwrap);
    let address: *const i32 = cell.get().unwrap();
    assert!(values.into_iter().all(|value| value == (address, Some(0))));
    assert_eq!(runs.get(), 1);
}

#[test]
fn a_value_may_be_set_taken_changed_and_moved_out() {
    let mut cell = OnceCell::new();
    assert_eq!((cell.get(), cell.is_initialized()), (None, false));
    assert_eq!(cell.set(String::from("a")), Ok(()));
    let error = cell.set(String::from("b")).unwrap_err();
    assert_eq!(error, SetError::AlreadyInitialized(String::from("b")));
    assert_eq!(error.to_string(), "the cell already has a value");
    assert_eq!(error.into_inner(), "b");
    cell.get_mut().unwrap().push('!');
    assert_eq!(cell.take().as_deref(), Some("a!"));
    assert_eq!(cell.get(), None);
    assert_eq!(cell.take(), None);
    let value = turnwise::block_on(async { cell.get_or_init(|| ready("c".into())).await.clone() });
    assert_eq!(value, "c");
    assert_eq!(cell.into_inner().as_deref(), Some("c"));
    assert_eq!(OnceCell::from(7).get(), Some(&7));
    assert_eq!(OnceCell::<i32>::default().into_inner(), None);
}

#[test]
fn a_value_cannot_be_set_while_an_initializer_runs() {
    let cell = OnceCell::new();
    let mut access = Box::pin(cell.get_or_init(pending));
    assert!(poll_with(&mut access, std::task::Waker::noop()).is_pending());
    let error = cell.set(1).unwrap_err();
    assert_eq!(error, SetError::Initializing(1));
    assert_eq!(error.to_string(), "the cell is being initialized");
    drop(access);
    assert_eq!(cell.set(1), Ok(()));
}

// RUSTSEC-2023-0031, RUSTSEC-2019-0017: an initializer that panicked left the cell stuck, or half filled.
#[test]
fn after_an_initializer_that_failed_panicked_or_was_cancelled_the_next_one_runs() {
    let (scheduler, cell) = (Scheduler::new(), Rc::new(OnceCell::new().named("cell")));
    scheduler.block_on(async {
        let access = |end: fn() -> Poll<Result<i32, &'static str>>| {
            let cell = Rc::clone(&cell);
            spawn(async move {
                let init = async || {
                    yield_now().await;
                    poll_fn(|_| end()).await
                };
                cell.get_or_try_init(init).await.copied()
            })
        };
        let failed = access(|| Poll::Ready(Err("no")));
        let panicked = access(|| resume_unwind(Box::new("a bug")));
        let cancelled = access(|| Poll::Pending);
        let good = access(|| Poll::Ready(Ok(7)));
        let late = access(|| Poll::Ready(Ok(8)));
        assert_eq!(failed.await.unwrap(), Err("no"));
        assert!(panicked.await.unwrap_err().is_panic());
        yield_now().await;
        assert!(!good.is_finished() && cell.get().is_none());
        cancelled.abort();
        assert_eq!(good.await.unwrap(), Ok(7));
        assert_eq!(late.await.unwrap(), Ok(7));
    });
}

#[test]
fn an_initializer_that_panics_before_its_future_is_created_leaves_the_cell_open() {
    let cell = OnceCell::new();
    let mut access = Box::pin(
        cell.get_or_init(|| -> std::future::Ready<i32> { resume_unwind(Box::new("a bug")) }),
    );
    let waker = std::task::Waker::noop();
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(&mut access, waker))).is_err());
    // Though the one that panicked still exists.
    assert_eq!(poll_with(&mut Box::pin(cell.get_or_init(|| ready(1))), waker), Poll::Ready(&1));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(&mut access, waker))).is_err());
}

#[test]
fn an_initializer_that_panicked_and_is_kept_blocks_no_other() {
    let cell = OnceCell::new();
    let init = || poll_fn(|_| -> Poll<i32> { resume_unwind(Box::new("a bug")) });
    let mut access = Box::pin(cell.get_or_init(init));
    let mut next = Box::pin(cell.get_or_init(|| ready(1)));
    let waker = std::task::Waker::noop();
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(&mut access, waker))).is_err());
    assert_eq!(poll_with(&mut next, waker), Poll::Ready(&1));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(&mut access, waker))).is_err());
}

#[test]
fn a_wait_that_is_woken_by_a_value_does_not_wait_for_earlier_ones() {
    let (scheduler, cell, spot) = (Scheduler::new(), OnceCell::new(), Spot::default());
    let (_, waker) = Rings::new();
    scheduler.block_on(async {
        let mut first = Box::pin(cell.get_or_init(|| {
            let wait = spot.wait();
            async {
                wait.await;
                1
            }
        }));
        assert!(poll_with(&mut first, &waker).is_pending());
        // Kept, but no longer polled.
        let mut idle = Box::pin(cell.get_or_init(|| ready(2)));
        assert!(poll_with(&mut idle, &waker).is_pending());
        let mut third = Box::pin(cell.get_or_init(|| ready(3)));
        assert!(poll_with(&mut third, &waker).is_pending());
        spot.open();
        assert_eq!(first.await, &1);
        assert_eq!(third.await, &1);
        drop(idle);
    });
}

#[test]
fn an_initializer_that_waits_for_its_own_value_is_explained_by_the_report() {
    let scheduler = Scheduler::new();
    let cell = Rc::new(OnceCell::<i32>::new().named("settings"));
    let inside = Rc::clone(&cell);
    let alice = async move {
        let again = || async {
            *inside.get_or_init(|| ready(1)).await // [again]
        };
        inside.get_or_init(again).await; // [init]
    };
    task::Builder::new().name("alice").spawn_on(&scheduler, alice);
    let inside = Rc::clone(&cell);
    let bob = async move {
        inside.get_or_init(|| ready(2)).await; // [waits]
    };
    task::Builder::new().name("bob").spawn_on(&scheduler, bob);
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("it waits for itself") };
    let text = report.to_string();
    let text = trace::with_marks(&text, file!(), include_str!("sync_once.rs"));
    let alice = "#1 \"alice\"  waits for once cell \"settings\" at [again], held by #1 \"alice\"";
    let bob = "#2 \"bob\"    waits for once cell \"settings\" at [waits], held by #1 \"alice\"";
    assert!(text.contains(alice) && text.contains(bob) && text.contains("[init]"), "{text}");
    assert!(text.contains("cycle: #1 -> once cell \"settings\" -> #1"), "{text}");
    let text = trace::with_marks(&format!("{cell:?}"), file!(), include_str!("sync_once.rs"));
    let expected = "OnceCell { value: <empty>, name: \"settings\", held_by: [#1 \"alice\" at [init]], \
                    waiters: [#1 \"alice\" at [again], #2 \"bob\" at [waits]] }";
    assert_eq!(text, expected);
    drop(scheduler);
    cell.set(5).unwrap();
    assert_eq!(format!("{cell:?}"), "OnceCell { value: 5, name: \"settings\" }");
}

#[test]
fn foreign_executors_and_combinators_can_wait_for_it() {
    on_every_executor(async || {
        let cell = OnceCell::new();
        let runs = Cell::new(0);
        let init = || async {
            runs.set(runs.get() + 1);
            Pause::default().await;
            5
        };
        let all: FuturesUnordered<_> = (0..3).map(|_| cell.get_or_init(init)).collect();
        assert_eq!(all.collect::<Vec<&i32>>().await, [&5; 3]);
        assert_eq!(runs.get(), 1);

        let cell = OnceCell::new();
        let all = join_all((0..50).map(|_| cell.get_or_init(init)));
        assert_eq!(join(all, cell.get_or_init(init)).await, (vec![&5; 50], &5));
        assert_eq!(runs.get(), 2);

        let cell = OnceCell::new();
        let (endless, end) = (Box::pin(cell.get_or_init(pending)), pin!(async {}));
        assert!(matches!(select(endless, end).await, Either::Right(_)));
        assert_eq!(cell.get_or_init(init).await, &5);
    });
}

/// A future that is ready at the second poll, on any executor.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        if mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

thread_local! {
    /// Leaked, so that wakers can use it.
    static CELL: &'static OnceCell<i32> = Box::leak(Box::new(OnceCell::new()));
}

// tokio#3689, tokio#4055, tokio#5471: a waker that panicked or called back broke what was waking it.
#[test]
fn a_waker_may_panic_or_get_the_value_of_a_forgotten_cell_when_it_is_set() {
    fn get_value() {
        let cell = CELL.with(|cell| *cell);
        let mut access = Box::pin(cell.get_or_init(|| ready(2)));
        assert_eq!(poll_with(&mut access, std::task::Waker::noop()), Poll::Ready(&1));
        assert_eq!(cell.set(3), Err(SetError::AlreadyInitialized(3)));
    }
    let explode = || panic!("a foreign waker");
    let cell = CELL.with(|cell| *cell);
    let (rings, waker) = Rings::new();
    let spot = Spot::default();
    let mut first = Box::pin(cell.get_or_init(|| {
        let wait = spot.wait();
        async {
            wait.await;
            1
        }
    }));
    assert!(poll_with(&mut first, &waker).is_pending());
    let wakers = [
        Acting::waker(get_value, nothing),
        Acting::waker(explode, nothing),
        Acting::waker(nothing, explode),
        waker.clone(),
    ];
    let mut accesses = wakers.map(|foreign| {
        let mut access = Box::pin(cell.get_or_init(|| ready(4)));
        assert!(poll_with(&mut access, &foreign).is_pending());
        access
    });
    spot.open();
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut first, &waker), Poll::Ready(&1));
    assert_eq!(rings.get(), 2);
    for access in &mut accesses {
        assert_eq!(poll_with(access, &waker), Poll::Ready(&1));
    }
}

fn nothing() {}

#[test]
fn an_initializer_whose_destructor_reads_the_value_finds_it() {
    let cell = Rc::new(OnceCell::new());
    let (inside, seen) = (Rc::clone(&cell), Rc::new(Cell::new(None)));
    let note = Rc::clone(&seen);
    let asks = probe::OnDrop(move || {
        note.set(Some(inside.get().copied()));
        assert_eq!(inside.set(9), Err(SetError::AlreadyInitialized(9)));
    });
    turnwise::block_on(async {
        let init = || {
            poll_fn(move |_| {
                let _held = &asks;
                Poll::Ready(1)
            })
        };
        assert_eq!(cell.get_or_init(init).await, &1);
    });
    assert_eq!(seen.get(), Some(Some(1)));
}

#[test]
fn borrowed_and_non_send_values_may_be_inside() {
    let text = String::from("borrowed");
    let cell = OnceCell::<Rc<&str>>::new();
    turnwise::block_on(async {
        let value = cell.get_or_init(async || Rc::new(&text[..3])).await;
        assert_eq!(***value, *"bor");
    });
}

// ----- any order -----

/// What an initializer does when it is polled.
#[derive(Clone, Copy, Debug)]
enum Does {
    Waits,
    Succeeds,
    Fails,
    Panics,
}

#[derive(Clone, Debug)]
enum Op {
    Make,
    Poll(usize, Does),
    Drop(usize),
    Set,
    Take,
}

fn op() -> impl Strategy<Value = Op> {
    let does = prop_oneof![
        8 => Just(Does::Waits),
        1 => Just(Does::Succeeds),
        2 => Just(Does::Fails),
        1 => Just(Does::Panics),
    ];
    prop_oneof![
        6 => Just(Op::Make),
        12 => (0_usize..16, does).prop_map(|(which, does)| Op::Poll(which, does)),
        4 => (0_usize..16).prop_map(Op::Drop),
        1 => Just(Op::Set),
        1 => Just(Op::Take),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    Waiting,
    /// May initialize, or is initializing already.
    Owns,
    WokenByValue,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Pending,
    Value(usize),
    Failed(usize),
    Panicked,
}

#[derive(Default)]
struct Model {
    states: Vec<State>,
    line: Vec<usize>,
    value: Option<usize>,
    woken: Vec<usize>,
}

impl Model {
    fn poll(&mut self, at: usize, does: Does) -> End {
        match (self.states[at], self.value) {
            (State::New | State::WokenByValue, Some(value)) => {
                self.states[at] = State::Gone;
                End::Value(value)
            }
            (State::New, None) if self.states.contains(&State::Owns) => {
                self.states[at] = State::Waiting;
                self.line.push(at);
                End::Pending
            }
            (State::New | State::Owns, None) => self.initialize(at, does),
            (State::Waiting, None) => End::Pending,
            (state, value) => unreachable!("{state:?} while there is {value:?}"),
        }
    }

    fn initialize(&mut self, at: usize, does: Does) -> End {
        self.states[at] = State::Owns;
        let end = match does {
            Does::Waits => return End::Pending,
            Does::Succeeds => {
                self.fill(at);
                End::Value(at)
            }
            Does::Fails => End::Failed(at),
            Does::Panics => End::Panicked,
        };
        self.drop(at);
        end
    }

    fn fill(&mut self, value: usize) {
        self.value = Some(value);
        for at in mem::take(&mut self.line) {
            self.states[at] = State::WokenByValue;
            self.woken.push(at);
        }
    }

    fn drop(&mut self, at: usize) {
        self.line.retain(|&waiting| waiting != at);
        if mem::replace(&mut self.states[at], State::Gone) == State::Owns && !self.line.is_empty() {
            let next = self.line.remove(0);
            self.states[next] = State::Owns;
            self.woken.push(next);
        }
    }

    fn alive(&self, which: usize) -> Option<usize> {
        let alive = (0..self.states.len()).filter(|&at| self.states[at] != State::Gone);
        let alive: Vec<usize> = alive.collect();
        (!alive.is_empty()).then(|| alive[which % alive.len()])
    }
}

/// A value that counts its drop.
#[derive(Debug)]
struct Value(usize, #[allow(dead_code, reason = "it counts its drop")] Token);

/// An initializer that does what `does` says, each time that it is polled.
async fn initialize(at: usize, does: &Cell<Does>, dropped: &Count) -> Result<Value, usize> {
    poll_fn(|_| match does.get() {
        Does::Waits => Poll::Pending,
        Does::Succeeds => Poll::Ready(Ok(Value(at, dropped.token()))),
        Does::Fails => Poll::Ready(Err(at)),
        Does::Panics => resume_unwind(Box::new("a bug")),
    })
    .await
}

proptest! {
    #[test]
    fn any_order_of_calls_does_what_the_model_does(ops in prop::collection::vec(op(), 0..120)) {
        let (does, dropped) = (Cell::new(Does::Waits), Count::default());
        let mut created = 0;
        let mut cell = OnceCell::new();
        let mut ops = ops.into_iter().peekable();
        // Taking the value out needs exclusive access to the cell, so the operations run in rounds.
        while ops.peek().is_some() {
            let (mut manual, mut model) = (ManualPoll::new(), Model::default());
            model.value = cell.get().map(|value: &Value| value.0);
            for op in ops.by_ref() {
                match op {
                    Op::Make => {
                        let at = model.states.len();
                        let (does, dropped) = (&does, &dropped);
                        manual.add(cell.get_or_try_init(move || initialize(at, does, dropped)));
                        model.states.push(State::New);
                    }
                    Op::Poll(which, what) => if let Some(at) = model.alive(which) {
                        does.set(what);
                        let was_full = model.value.is_some();
                        let end = match catch_unwind(AssertUnwindSafe(|| manual.poll(at))) {
                            Ok(Poll::Pending) => End::Pending,
                            Ok(Poll::Ready(Ok(value))) => End::Value(value.0),
                            Ok(Poll::Ready(Err(error))) => End::Failed(error),
                            Err(_) => End::Panicked,
                        };
                        prop_assert_eq!(end, model.poll(at, what));
                        created += usize::from(!was_full && model.value.is_some());
                        if end == End::Panicked {
                            manual.drop(at);
                        }
                    },
                    Op::Drop(which) => if let Some(at) = model.alive(which) {
                        manual.drop(at);
                        model.drop(at);
                    },
                    Op::Set => {
                        created += 1;
                        let outcome = cell.set(Value(1000, dropped.token()));
                        let is_free = !model.states.contains(&State::Owns);
                        match outcome {
                            Ok(()) => {
                                prop_assert_eq!((model.value, is_free), (None, true));
                                model.fill(1000);
                            }
                            Err(SetError::AlreadyInitialized(_)) => {
                                prop_assert_eq!(model.value.is_some(), true);
                            }
                            Err(SetError::Initializing(_)) => {
                                prop_assert_eq!((model.value, is_free), (None, false));
                            }
                        }
                    }
                    Op::Take => break,
                }
                prop_assert_eq!(manual.woken(), mem::take(&mut model.woken));
                prop_assert_eq!(cell.get().map(|value| value.0), model.value);
            }
            drop(manual);
            prop_assert_eq!(cell.take().map(|value| value.0), model.value);
        }
        prop_assert_eq!(dropped.get(), created, "each value is dropped once");
    }
}

#[test]
fn a_wait_that_is_spuriously_polled_with_many_wakers_keeps_its_place() {
    let cell = OnceCell::<i32>::new();
    let waker = || Rings::new().1;
    let mut owner = Box::pin(cell.get_or_init(pending));
    assert!(poll_with(&mut owner, &waker()).is_pending());
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut waits: Vec<_> = (0..3)
        .map(|number| {
            let order = Rc::clone(&order);
            Box::pin(cell.get_or_try_init(move || {
                order.borrow_mut().push(number);
                ready(Err::<i32, ()>(()))
            }))
        })
        .collect();
    for number in [0, 1, 2, 2, 1, 0, 1] {
        assert!(poll_with(&mut waits[number], &waker()).is_pending());
    }
    drop(owner);
    for number in [2, 1, 0, 2, 1, 2] {
        let is_next = order.borrow().len() == number;
        if !order.borrow().contains(&number) {
            assert_eq!(poll_with(&mut waits[number], &waker()).is_ready(), is_next);
        }
    }
    assert_eq!(*order.borrow(), [0, 1, 2]);
}

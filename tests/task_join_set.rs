//! `JoinSet`: tasks in completion order, whichever way they end.

mod folded;
mod probe;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use folded::Recorded;
use probe::{Acting, Bomb, Count, Log, OnDrop, Rings, Spot, poll_with, text, virtual_time};
use proptest::prelude::*;
use turnwise::sync::Mutex;
use turnwise::task::{self, JoinSet};
use turnwise::{RunError, Scheduler, block_on, select, sleep, yield_now};

async fn after(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    seconds
}

#[test]
fn tasks_are_joined_in_completion_order() {
    virtual_time().block_on(async {
        let mut set: JoinSet<u64> = [4, 2, 3, 1, 2].into_iter().map(after).collect();
        let mut ended = Vec::new();
        while let Some(output) = set.join_next().await {
            ended.push(output.unwrap());
        }
        assert_eq!(ended, [1, 2, 2, 3, 4]);
        assert!(set.is_empty() && set.join_next().await.is_none());
    });
}

#[test]
fn the_order_is_exact_even_when_many_end_before_the_set_is_polled() {
    let scheduler = Scheduler::new();
    let spots: Vec<Spot> = (0..100).map(|_| Spot::default()).collect();
    let mut set = JoinSet::new();
    for (number, spot) in spots.iter().enumerate() {
        let wait = spot.wait();
        set.spawn_on(&scheduler, async move {
            wait.await;
            number
        });
    }
    scheduler.run_until_stalled();
    let order: Vec<usize> = (0..100).map(|number| number * 37 % 100).collect();
    order.iter().for_each(|&number| spots[number].open());
    scheduler.run_until_stalled();
    let ended: Vec<usize> =
        std::iter::from_fn(|| set.try_join_next()).map(Result::unwrap).collect();
    assert_eq!(ended, order);
}

#[test]
fn panics_and_aborts_are_errors_with_the_id_and_end_no_other_task() {
    block_on(async {
        let mut set = JoinSet::new();
        let panics = set.spawn(async { panic!("a bug") });
        let waits = set.spawn(pending());
        set.spawn(async {});
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(error.is_panic() && error.id() == panics.id());
        let (id, ()) = set.join_next_with_id().await.unwrap().unwrap();
        assert!(id > waits.id());
        waits.abort();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.id() == waits.id());
        assert!(set.is_empty());
    });
}

#[test]
fn join_all_returns_all_results_in_spawn_order() {
    let dropped = Count::default();
    virtual_time().block_on(async {
        let mut set = JoinSet::new();
        for seconds in [3, 1, 2] {
            set.spawn(after(seconds));
        }
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
        // This one reuses the slot of the one that has left, but has a rank of its own.
        set.spawn(after(4));
        set.spawn(async { panic!("a bug") });
        let token = dropped.token();
        let aborted = set.spawn(async move {
            let _token = token;
            pending().await
        });
        aborted.abort();
        let ended = set.join_all().await;
        let texts: Vec<String> = ended
            .iter()
            .map(|output| match output {
                Ok(seconds) => seconds.to_string(),
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(texts, ["3", "2", "4", "task #6 panicked: a bug", "task #7 was aborted"]);
    });
    assert_eq!(dropped.get(), 1);
}

#[test]
fn dropping_the_set_aborts_its_tasks_in_spawn_order() {
    let scheduler = Scheduler::new();
    let log = Log::default();
    let mut set = JoinSet::new();
    for name in ["a", "b", "c"] {
        let held = log.on_drop(name);
        set.spawn_on(&scheduler, async move {
            let _held = held;
            pending::<()>().await;
        });
    }
    scheduler.run_until_stalled();
    drop(set);
    assert!(log.take().is_empty(), "nothing is dropped inside the call");
    scheduler.run().unwrap();
    assert_eq!(log.take(), ["a", "b", "c"]);
}

#[test]
fn detached_tasks_keep_running() {
    let scheduler = virtual_time();
    let done = Count::default();
    scheduler.block_on(async {
        let mut set = JoinSet::new();
        for seconds in 1..=3 {
            let done = done.clone();
            set.spawn(async move {
                after(seconds).await;
                done.add();
            });
        }
        set.join_next().await.unwrap().unwrap();
        set.detach_all();
        assert!(set.is_empty() && set.join_next().await.is_none());
        set.spawn(async {});
        assert!(set.join_next().await.is_some() && set.join_next().await.is_none());
    });
    scheduler.run().unwrap();
    assert_eq!(done.get(), 3);
}

#[test]
fn a_shutdown_aborts_all_and_waits_for_them_to_end() {
    let dropped = Count::default();
    block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let token = dropped.token();
            set.spawn(async move {
                let _token = token;
                pending::<()>().await;
            });
        }
        let token = dropped.token();
        set.spawn(async move { drop(token) });
        yield_now().await;
        set.shutdown().await;
        assert!(set.is_empty());
        assert_eq!(dropped.get(), 4);
    });
}

#[test]
fn a_join_that_is_given_up_loses_nothing() {
    let scheduler = virtual_time();
    let ended = scheduler.block_on(async {
        let mut set: JoinSet<u64> = [2, 3, 5, 7].into_iter().map(after).collect();
        let mut ended = Vec::new();
        loop {
            select! {
                next = set.join_next() => match next {
                    Some(output) => ended.push(output.unwrap()),
                    None => break ended,
                },
                () = sleep(Duration::from_millis(300)) => {}
            }
        }
    });
    assert_eq!(ended, [2, 3, 5, 7]);
}

#[test]
fn tasks_may_be_spawned_between_joins_without_end() {
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { 0 });
        let mut last = 0;
        while let Some(output) = set.join_next().await {
            last = output.unwrap();
            if last < 1000 {
                set.spawn(async move { last + 1 });
            }
            assert!(set.len() <= 1);
        }
        assert_eq!(last, 1000);
    });
}

#[test]
fn ten_thousand_tasks_cost_two_turns_each_and_no_more() {
    let scheduler = Scheduler::new();
    scheduler.block_on(async {
        let mut set: JoinSet<()> = (0..10_000).map(|_| yield_now()).collect();
        while set.join_next().await.is_some() {}
    });
    assert!(scheduler.metrics().turns <= 20_003, "{} turns", scheduler.metrics().turns);
}

#[test]
fn a_task_with_a_name_and_one_on_another_scheduler() {
    let other = Scheduler::new();
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn_with(task::Builder::new().name("poller"), async { task::name() });
        assert_eq!(set.join_next().await.unwrap().unwrap().as_deref(), Some("poller"));
        set.spawn_on(&other, async { None });
        other.run_until_stalled();
        assert_eq!(set.join_next().await.unwrap().unwrap(), None);
    });
}

#[test]
fn a_scheduler_that_is_dropped_ends_its_tasks_in_the_set() {
    let scheduler = Scheduler::new();
    let mut set = JoinSet::new();
    set.spawn_on(&scheduler, pending::<()>());
    let (rings, waker) = Rings::new();
    let mut next = Box::pin(async { set.join_next().await });
    assert!(poll_with(&mut next, &waker).is_pending());
    drop(scheduler);
    assert_eq!(rings.get(), 1);
    let Poll::Ready(Some(Err(error))) = poll_with(&mut next, &waker) else {
        panic!("it has ended")
    };
    assert!(error.is_cancelled());
}

#[test]
fn outside_a_scheduler_spawn_panics_and_says_what_to_use() {
    let refused = catch_unwind(|| JoinSet::new().spawn(async {}));
    let text = text(&*refused.unwrap_err());
    assert!(text.contains("`JoinSet::spawn` needs a running scheduler"), "{text}");
    assert!(text.contains("JoinSet::spawn_on"), "{text}");
    let mut empty = JoinSet::<()>::new();
    assert!(poll_with(&mut empty.join_next(), Waker::noop()).is_ready());
}

#[test]
fn a_report_names_the_tasks_of_the_set_and_the_cycle() {
    let outcome = Scheduler::new().try_block_on(async {
        let lock = Rc::new(Mutex::new(()).named("accounts"));
        let mut set = JoinSet::new().named("workers");
        let theirs = Rc::clone(&lock);
        set.spawn(pending());
        let _guard = lock.lock().await;
        set.spawn_with(task::Builder::new().name("bob"), async move {
            drop(theirs.lock().await);
        });
        set.join_next().await;
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain, "{text}");
    assert!(
        text.contains("#1 main   waits for join set \"workers\" at tests/task_join_set.rs:"),
        "{text}"
    );
    assert!(text.contains(", with #2 (spawned at tests/task_join_set.rs:"), "{text}");
    let cycle = "cycle: #1 -> join set \"workers\" -> #3 -> mutex \"accounts\" -> #1";
    assert!(text.contains(cycle), "{text}");
}

#[test]
fn a_join_that_was_given_up_is_in_no_report() {
    let scheduler = Scheduler::new();
    let outcome = scheduler.try_block_on(async {
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        select! {
            _ = set.join_next() => {}
            () = yield_now() => {}
        }
        pending::<()>().await;
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    assert!(!report.to_string().contains("join set"), "{report}");
}

#[test]
fn the_last_waker_is_woken_and_earlier_ones_are_dropped() {
    let scheduler = Scheduler::new();
    let spot = Spot::default();
    let mut set = JoinSet::new();
    set.spawn_on(&scheduler, spot.wait());
    scheduler.run_until_stalled();
    let (first, first_waker) = Rings::new();
    let (second, second_waker) = Rings::new();
    let mut next = Box::pin(set.join_next());
    assert!(poll_with(&mut next, &first_waker).is_pending());
    assert!(poll_with(&mut next, &second_waker).is_pending());
    assert_eq!(Arc::strong_count(&first), 2);
    drop(next);
    assert_eq!(Arc::strong_count(&second), 2);
    let mut next = Box::pin(set.join_next());
    assert!(poll_with(&mut next, &second_waker).is_pending());
    spot.open();
    scheduler.run().unwrap();
    assert_eq!((first.get(), second.get()), (0, 1));
    assert!(poll_with(&mut next, &second_waker).is_ready());
}

#[test]
fn a_foreign_waker_that_panics_affects_neither_the_task_nor_the_set_and_is_forgotten() {
    let scheduler = Scheduler::new();
    let mut set = JoinSet::new();
    set.spawn_on(&scheduler, async { 7 });
    let waker = Acting::waker(|| panic!("when woken"), || panic!("when dropped"));
    let mut next = Box::pin(set.join_next());
    assert!(poll_with(&mut next, &waker).is_pending());
    std::mem::forget(waker);
    scheduler.run().unwrap();
    let Poll::Ready(Some(Ok(7))) = poll_with(&mut next, Waker::noop()) else {
        panic!("it has ended")
    };
}

#[test]
fn a_destructor_of_a_task_may_use_the_set_that_holds_the_task() {
    let scheduler = Scheduler::new();
    let set: Rc<RefCell<JoinSet<()>>> = Rc::default();
    let asked = Rc::clone(&set);
    let asks = OnDrop(move || assert!(asked.borrow_mut().try_join_next().is_none()));
    set.borrow_mut().spawn_on(&scheduler, async move {
        let _asks = asks;
        yield_now().await;
    });
    scheduler.run().unwrap();
    assert!(set.borrow_mut().try_join_next().unwrap().is_ok());
}

#[test]
fn a_future_that_panics_when_it_is_dropped_has_ended_too() {
    let scheduler = Scheduler::new();
    let exploded = Count::default();
    let mut set = JoinSet::new();
    for _ in 0..3 {
        let bomb = Bomb(exploded.clone());
        set.spawn_on(&scheduler, async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
    }
    scheduler.run_until_stalled();
    set.abort_all();
    scheduler.run().unwrap();
    let ended: Vec<_> = std::iter::from_fn(|| set.try_join_next()).collect();
    assert_eq!((ended.len(), exploded.get()), (3, 3));
    assert!(ended.into_iter().all(|output| output.unwrap_err().is_cancelled()));
}

#[test]
fn a_set_inside_other_combinators_and_executors() {
    use futures::stream::{FuturesUnordered, StreamExt};
    let scheduler = Scheduler::new();
    let mut set = JoinSet::new();
    set.spawn_on(&scheduler, async { 1 });
    scheduler.run().unwrap();
    let output = futures::executor::block_on(set.join_next());
    assert_eq!(output.unwrap().unwrap(), 1);
    block_on(async {
        let mut sets: Vec<JoinSet<u8>> =
            (0..3).map(|n| (0..n).map(|_| async { 1 }).collect()).collect();
        let group: FuturesUnordered<_> = sets.iter_mut().map(JoinSet::join_next).collect();
        let ended = group.collect::<Vec<_>>().await;
        assert_eq!(ended.iter().filter(|output| output.is_some()).count(), 2);
        let all = futures::future::join_all(sets.into_iter().map(JoinSet::join_all)).await;
        assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 1);
    });
}

#[test]
fn debug_output_shows_its_name_and_its_tasks() {
    block_on(async {
        let mut set = JoinSet::new().named("workers");
        set.spawn(async {});
        set.spawn(async {});
        assert_eq!(format!("{set:?}"), "JoinSet { name: \"workers\", tasks: [#2, #3], .. }");
    });
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Spawn,
    End(usize),
    Panic(usize),
    Abort(usize),
    TryJoin,
    /// Polls a `join_next` and drops it if it is pending.
    Poll,
    Run,
    DetachAll,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Spawn),
        3 => (0_usize..20).prop_map(Op::End),
        1 => (0_usize..20).prop_map(Op::Panic),
        1 => (0_usize..20).prop_map(Op::Abort),
        2 => Just(Op::TryJoin),
        3 => Just(Op::Poll),
        4 => Just(Op::Run),
        1 => Just(Op::DetachAll),
    ]
}

/// What a task must do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Wait,
    Return,
    Panic,
}

fn worker(
    order: Rc<RefCell<Order>>,
    spot: &Spot,
    token: probe::Token,
) -> impl Future<Output = probe::Token> + 'static {
    let wait = spot.wait();
    async move {
        wait.await;
        assert!(*order.borrow() != Order::Panic, "on purpose");
        token
    }
}

proptest! {
    /// Against a queue of the ended tasks: none is lost, none is returned twice, and the order is kept.
    #[test]
    fn any_order_of_events_gives_every_end_once_and_in_order(ops in prop::collection::vec(op(), 0..120)) {
        let (builder, recorded) = Recorded::attach(Scheduler::builder().virtual_time());
        let scheduler = builder.build();
        let dropped = Count::default();
        let mut set = JoinSet::new();
        let mut tasks = Vec::new();
        // Due to end, in this order, and not run yet; ended, and not joined yet.
        let (mut ending, mut ended) = (VecDeque::new(), VecDeque::new());
        let mut cx = Context::from_waker(Waker::noop());
        for op in ops {
            match op {
                Op::Spawn => {
                    let (order, spot) = (Rc::new(RefCell::new(Order::Wait)), Spot::default());
                    let abort = set.spawn_on(&scheduler, worker(Rc::clone(&order), &spot, dropped.token()));
                    scheduler.run_until_stalled();
                    ended.extend(ending.drain(..));
                    tasks.push((abort, order, spot, false));
                }
                Op::End(number) | Op::Panic(number) | Op::Abort(number) => {
                    let Some((abort, order, spot, is_ending)) = tasks.get_mut(number) else { continue };
                    if std::mem::replace(is_ending, true) { continue }
                    ending.push_back((abort.id(), matches!(op, Op::End(_))));
                    match op {
                        Op::Abort(_) => abort.abort(),
                        Op::Panic(_) => { order.replace(Order::Panic); spot.open(); }
                        _ => { order.replace(Order::Return); spot.open(); }
                    }
                }
                Op::TryJoin | Op::Poll => {
                    let joined = if matches!(op, Op::TryJoin) {
                        set.try_join_next_with_id()
                    } else {
                        let polled = Pin::new(&mut set.join_next_with_id()).poll(&mut cx);
                        match polled {
                            Poll::Ready(joined) => joined,
                            Poll::Pending => {
                                prop_assert!(ended.is_empty() && !set.is_empty());
                                continue;
                            }
                        }
                    };
                    let expected = ended.pop_front();
                    let joined = joined.map(|output| match output {
                        Ok((id, _token)) => (id, true),
                        Err(error) => (error.id(), false),
                    });
                    prop_assert_eq!(joined, expected);
                }
                Op::Run => {
                    scheduler.run_until_stalled();
                    ended.extend(ending.drain(..));
                }
                Op::DetachAll => {
                    set.detach_all();
                    ended.clear();
                    ending.clear();
                    tasks.clear();
                }
            }
            recorded.check(&scheduler);
            let alive = tasks.iter().filter(|task| !task.3).count();
            prop_assert_eq!(set.len(), alive + ending.len() + ended.len());
        }
        let spawned = usize::try_from(scheduler.metrics().spawned).unwrap();
        drop(set);
        scheduler.run_until_stalled();
        drop((scheduler, tasks));
        prop_assert_eq!(dropped.get(), spawned);
    }
}

#[test]
fn a_task_that_ends_in_the_turn_in_which_the_set_is_polled_is_not_missed() {
    let mut set = JoinSet::new();
    let scheduler = Scheduler::new();
    set.spawn_on(&scheduler, async { 1 });
    let mut polled = poll_fn(|cx| {
        let first = Pin::new(&mut set.join_next()).poll(cx);
        assert!(first.is_pending());
        scheduler.run_until_stalled();
        Pin::new(&mut set.join_next()).poll(cx)
    });
    let Poll::Ready(Some(Ok(1))) = poll_with(&mut polled, Waker::noop()) else { panic!("missed") };
}

//! `join_all` and `try_join_all`: outputs in argument order, and only futures that were woken are polled.

mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use probe::{Acting, Bomb, Count, Rings, Spot, guarded, poll_with, text, virtual_time};
use proptest::prelude::*;
use turnwise::sync::Mutex;
use turnwise::{
    RunError, Scheduler, block_on, join_all, sleep, spawn, time, try_join_all, yield_now,
};

/// On both sides of the number up to which all children are polled.
const COUNTS: [usize; 6] = [0, 1, 7, 30, 31, 300];

async fn late(turns: usize, output: usize) -> usize {
    for _ in 0..turns {
        yield_now().await;
    }
    output
}

#[test]
fn outputs_come_in_argument_order() {
    for count in COUNTS {
        let outputs = block_on(join_all((0..count).map(|number| late(count - number, number))));
        assert_eq!(outputs, (0..count).collect::<Vec<_>>());
        let outputs = block_on(try_join_all(
            (0..count).map(|number| async move { Ok::<_, ()>(late(number % 3, number).await) }),
        ));
        assert_eq!(outputs, Ok((0..count).collect::<Vec<_>>()));
    }
}

#[test]
fn all_run_at_the_same_time() {
    for count in [5_u64, 500] {
        let scheduler = virtual_time();
        scheduler.block_on(async {
            let start = time::now();
            let after = |seconds| async move {
                sleep(Duration::from_secs(seconds)).await;
                seconds
            };
            let outputs = join_all((0..count).rev().map(after)).await;
            assert_eq!(outputs, (0..count).rev().collect::<Vec<_>>());
            assert_eq!(time::now() - start, Duration::from_secs(count - 1));
        });
    }
}

// futures-rs#2526, #2049 and others: joins whose cost was quadratic in their size.
#[test]
fn among_many_only_those_that_were_woken_are_polled() {
    let spots: Vec<Spot> = (0..1000).map(|_| Spot::default()).collect();
    let (rings, waker) = Rings::new();
    let mut joined = join_all(spots.iter().map(Spot::wait));
    assert!(poll_with(&mut joined, &waker).is_pending());
    for (number, spot) in spots.iter().enumerate().rev() {
        spot.open();
        assert_eq!(rings.get(), 1000 - number);
        assert_eq!(poll_with(&mut joined, &waker).is_ready(), number == 0);
    }
    assert!(spots.iter().all(|spot| spot.turns() == 2), "at the start, and when it was woken");
}

#[test]
fn many_children_that_are_woken_together_wake_the_task_once() {
    let spots: Vec<Spot> = (0..100).map(|_| Spot::default()).collect();
    let (rings, waker) = Rings::new();
    let mut joined = join_all(spots.iter().map(Spot::wait));
    assert!(poll_with(&mut joined, &waker).is_pending());
    spots.iter().for_each(Spot::open);
    assert_eq!(rings.get(), 1);
    assert!(poll_with(&mut joined, &waker).is_ready());
}

#[test]
fn among_few_all_pending_children_are_polled_with_the_waker_of_the_task() {
    let spots: Vec<Spot> = (0..30).map(|_| Spot::default()).collect();
    let (_, waker) = Rings::new();
    let mut joined = join_all(spots.iter().map(Spot::wait));
    assert!(poll_with(&mut joined, &waker).is_pending());
    assert!(spots.iter().all(|spot| spot.waker().will_wake(&waker)));
    spots[3].open();
    assert!(poll_with(&mut joined, &waker).is_pending());
    spots.iter().for_each(Spot::open);
    assert!(poll_with(&mut joined, &waker).is_ready());
    assert_eq!((spots[3].turns(), spots[4].turns()), (2, 3));
}

#[test]
fn futures_that_always_yield_let_other_tasks_run() {
    let scheduler = Scheduler::new();
    let is_done = Rc::new(Cell::new(false));
    let watched = Rc::clone(&is_done);
    scheduler.spawn(join_all((0..100).map(move |_| {
        let is_done = Rc::clone(&watched);
        async move {
            while !is_done.get() {
                yield_now().await;
            }
        }
    })));
    let ends = scheduler.spawn(async move {
        for _ in 0..10 {
            yield_now().await;
        }
        is_done.set(true);
    });
    scheduler.run().unwrap();
    assert!(ends.is_finished());
}

#[test]
fn the_first_error_drops_the_others() {
    for count in [3, 300] {
        let dropped = Count::default();
        let futures = (0..count).map(|number| {
            let held = dropped.token();
            async move {
                let _held = held;
                match number {
                    0 => Ok(0),
                    1 => {
                        yield_now().await;
                        Err("failed")
                    }
                    _ => pending().await,
                }
            }
        });
        let mut joined = try_join_all(futures);
        let (_, waker) = Rings::new();
        assert!(poll_with(&mut joined, &waker).is_pending());
        assert_eq!(poll_with(&mut joined, &waker), Poll::Ready(Err("failed")));
        assert_eq!(dropped.get(), count, "even while the future itself is kept");
    }
}

#[test]
fn a_panic_in_a_child_reaches_the_caller_and_the_others_are_dropped() {
    for count in [3, 300] {
        let dropped = Count::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let futures = (0..count).map(|number| {
                let held = dropped.token();
                async move {
                    let _held = held;
                    yield_now().await;
                    assert!(number != 1, "a bug");
                    pending::<()>().await;
                }
            });
            block_on(join_all(futures))
        }));
        assert_eq!(text(&*outcome.unwrap_err()), "a bug");
        assert_eq!(dropped.get(), count);
    }
}

#[test]
fn polling_again_after_a_caught_panic_says_so() {
    for count in [3, 300] {
        let mut joined = join_all((0..count).map(|_| poll_fn(|_| -> Poll<()> { panic!("a bug") })));
        let mut poll = || {
            let polled = AssertUnwindSafe(|| poll_with(&mut joined, Waker::noop()).is_ready());
            text(&*catch_unwind(polled).unwrap_err())
        };
        assert_eq!(poll(), "a bug");
        assert!(poll().contains("polled again after one of them panicked"));
    }
}

#[test]
fn polling_again_after_it_was_ready_says_so() {
    for count in COUNTS {
        let mut joined = join_all((0..count).map(ready));
        let mut tried = try_join_all((0..count).map(|number| ready(Ok::<_, ()>(number))));
        assert!(poll_with(&mut joined, Waker::noop()).is_ready());
        assert!(poll_with(&mut tried, Waker::noop()).is_ready());
        let again =
            catch_unwind(AssertUnwindSafe(|| poll_with(&mut joined, Waker::noop()).is_ready()));
        assert!(text(&*again.unwrap_err()).contains("polled after completion"));
        let again =
            catch_unwind(AssertUnwindSafe(|| poll_with(&mut tried, Waker::noop()).is_ready()));
        assert!(text(&*again.unwrap_err()).contains("polled after completion"));
    }
}

#[test]
fn a_child_whose_destructor_panics_keeps_no_other_from_being_dropped() {
    for count in [3, 300] {
        let dropped = Count::default();
        let exploded = Count::default();
        let mut joined = join_all((0..count).map(|number| {
            let bomb = (number == 1).then(|| Bomb(exploded.clone()));
            let held = dropped.token();
            async move {
                let _held = (bomb, held);
                pending::<()>().await;
            }
        }));
        assert!(poll_with(&mut joined, Waker::noop()).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(joined))).is_err());
        assert_eq!((dropped.get(), exploded.get()), (count, 1));
    }
}

#[test]
fn dropping_it_drops_the_children_and_every_waker() {
    for count in [3, 300] {
        let spots: Vec<Spot> = (0..count).map(|_| Spot::default()).collect();
        let (rings, waker) = Rings::new();
        let mut joined = join_all(spots.iter().map(Spot::wait));
        assert!(poll_with(&mut joined, &waker).is_pending());
        drop(joined);
        let wakers: Vec<Waker> = spots.iter().map(Spot::take_waker).collect();
        wakers.iter().for_each(Waker::wake_by_ref);
        if count > 30 {
            assert_eq!(rings.get(), 0, "their bells wake nothing");
            assert_eq!(Arc::strong_count(&rings), 2, "this and `waker`");
        }
    }
}

#[test]
fn the_waker_of_a_completed_child_wakes_nothing() {
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let keeps = Rc::clone(&kept);
    let first = poll_fn(move |cx| {
        keeps.replace(Some(cx.waker().clone()));
        Poll::Ready(())
    });
    let mut futures: Vec<Pin<Box<dyn Future<Output = ()>>>> = vec![Box::pin(first)];
    let others = Count::default();
    futures.extend((0..50).map(|_| {
        let others = others.clone();
        Box::pin(poll_fn(move |_| {
            others.add();
            Poll::Pending
        })) as Pin<Box<dyn Future<Output = ()>>>
    }));
    let (rings, waker) = Rings::new();
    let mut joined = join_all(futures);
    assert!(poll_with(&mut joined, &waker).is_pending());
    kept.take().unwrap().wake();
    assert_eq!(rings.get(), 0);
    assert!(poll_with(&mut joined, &waker).is_pending());
    assert_eq!(others.get(), 50, "no child was polled a second time");
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let spots: Vec<Spot> = (0..40).map(|_| Spot::default()).collect();
    let mut joined = join_all(spots.iter().map(Spot::wait));
    let (first, first_waker) = Rings::new();
    let (second, second_waker) = Rings::new();
    assert!(poll_with(&mut joined, &first_waker).is_pending());
    assert!(poll_with(&mut joined, &second_waker).is_pending());
    assert_eq!(Arc::strong_count(&first), 2, "it was dropped");
    spots[0].open();
    assert_eq!((first.get(), second.get()), (0, 1));
    assert!(poll_with(&mut joined, &first_waker).is_pending());
    spots[1].open();
    assert_eq!((first.get(), second.get()), (1, 1));
}

#[test]
fn wakes_may_come_from_other_threads() {
    let scheduler = guarded();
    let outputs = scheduler.block_on(join_all((0..200).map(|number| {
        let mut thread = None;
        poll_fn(move |cx| {
            let Some(handle) = &thread else {
                let waker = cx.waker().clone();
                thread = Some(thread::spawn(move || waker.wake()));
                return Poll::Pending;
            };
            // Woken by that thread, which is therefore about to end.
            if handle.is_finished() {
                return Poll::Ready(number);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    })));
    assert_eq!(outputs, (0..200).collect::<Vec<_>>());
}

#[test]
fn a_ring_from_a_thread_during_a_poll_is_not_lost() {
    let scheduler = guarded();
    let child = || {
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            if polls == 20 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            let ringer = thread::spawn(move || waker.wake());
            if polls % 2 == 0 {
                ringer.join().unwrap();
            }
            Poll::Pending
        })
    };
    let outputs = scheduler.block_on(join_all((0..40).map(|_| child())));
    assert_eq!(outputs.len(), 40);
}

#[test]
fn a_report_about_few_children_names_what_each_waits_for_and_is_certain() {
    let outcome = Scheduler::new().try_block_on(async {
        let (left, right) = (Mutex::new(()).named("left"), Mutex::new(()).named("right"));
        std::mem::forget((left.lock().await, right.lock().await));
        join_all([left.lock(), right.lock()]).await.len()
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain && text.contains("\"left\"") && text.contains("\"right\""), "{text}");
}

#[test]
fn tasks_that_join_each_other_in_a_group_are_reported_as_a_cycle() {
    let scheduler = Scheduler::new();
    let handles = Rc::new(RefCell::new(Vec::new()));
    let joins = |number: usize| {
        let handles = Rc::clone(&handles);
        async move {
            let other: turnwise::JoinHandle<()> = handles.borrow_mut().remove(number);
            join_all([other, spawn(async {})]).await;
        }
    };
    let first = scheduler.spawn(joins(1));
    let second = scheduler.spawn(joins(0));
    handles.borrow_mut().extend([first, second]);
    let outcome = scheduler.run();
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain && text.contains("cycle: #1 -> #2 -> #1"), "{text}");
}

#[test]
fn a_foreign_waker_that_panics_loses_no_ring() {
    let spots: Vec<Spot> = (0..40).map(|_| Spot::default()).collect();
    let waker = Acting::waker(|| panic!("when woken"), || {});
    let mut joined = join_all(spots.iter().map(Spot::wait));
    assert!(poll_with(&mut joined, &waker).is_pending());
    for spot in &spots {
        let _ = catch_unwind(AssertUnwindSafe(|| spot.open()));
    }
    assert!(poll_with(&mut joined, &waker).is_ready(), "every ring was recorded");
}

thread_local! {
    static JOINED: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) };
}

#[test]
fn a_foreign_waker_may_poll_and_drop_the_join_that_wakes_it() {
    let spots: Vec<Spot> = (0..40).map(|_| Spot::default()).collect();
    let act = || {
        if let Some(mut joined) = JOINED.take() {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(joined.as_mut().poll(&mut cx).is_pending());
        }
    };
    let waker = Acting::waker(act, act);
    let waits: Vec<_> = spots.iter().map(Spot::wait).collect();
    let mut joined: Pin<Box<dyn Future<Output = ()>>> =
        Box::pin(async { join_all(waits).await.clear() });
    assert!(poll_with(&mut joined, &waker).is_pending());
    JOINED.set(Some(joined));
    spots[7].open();
    assert!(JOINED.take().is_none());
    drop(waker);
}

#[test]
fn joins_work_on_other_executors_and_inside_their_combinators() {
    async fn many(count: usize) -> usize {
        join_all((0..count).map(|number| late(number % 3, number))).await.len()
    }
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for count in COUNTS {
        assert_eq!(futures::executor::block_on(many(count)), count);
        assert_eq!(tokio.block_on(many(count)), count);
        assert_eq!(block_on(futures::future::join(many(count), many(count))), (count, count));
        block_on(async {
            let group: FuturesUnordered<_> = (0..3).map(|_| many(count)).collect();
            assert_eq!(group.collect::<Vec<_>>().await, [count; 3]);
        });
    }
}

#[test]
fn groups_of_groups_are_joined() {
    let outputs = block_on(join_all((0..40).map(|outer| {
        join_all((0..40).map(move |inner| late((outer + inner) % 5, outer * 40 + inner)))
    })));
    assert_eq!(outputs.concat(), (0..1600).collect::<Vec<_>>());
}

/// An operation on one of the children, or on all of them.
#[derive(Clone, Copy, Debug)]
enum Op {
    Ring(usize),
    Open(usize),
    Poll,
    PollWithAnother,
}

fn op(count: usize) -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..count).prop_map(Op::Ring),
        3 => (0..count).prop_map(Op::Open),
        4 => Just(Op::Poll),
        1 => Just(Op::PollWithAnother),
    ]
}

proptest! {
    /// Against a model that records which children were woken: no other child is polled, none is forgotten,
    /// and outputs are dropped once.
    #[test]
    fn any_order_of_wakes_polls_exactly_the_children_that_were_woken(
        ops in (31_usize..60).prop_flat_map(|count| (Just(count), prop::collection::vec(op(count), 0..200)))
    ) {
        let (count, ops) = ops;
        let dropped = Count::default();
        let spots: Vec<Spot> = (0..count).map(|_| Spot::default()).collect();
        let mut joined = join_all(spots.iter().map(|spot| {
            let (wait, output) = (spot.wait(), dropped.token());
            async move {
                wait.await;
                output
            }
        }));
        let (mut polls, mut due, mut open) = (vec![0; count], vec![true; count], vec![false; count]);
        let mut is_done = vec![false; count];
        let mut is_ready = false;
        for op in ops {
            let was_polled = polls[0] > 0;
            match op {
                _ if is_ready => break,
                Op::Ring(child) if was_polled && !open[child] => {
                    spots[child].waker().wake();
                    due[child] = true;
                }
                Op::Open(child) if !open[child] => {
                    open[child] = true;
                    due[child] = true;
                    spots[child].open();
                }
                Op::Ring(_) | Op::Open(_) => {}
                Op::Poll | Op::PollWithAnother => {
                    let (_, waker) = Rings::new();
                    let noop = matches!(op, Op::Poll);
                    let waker = if noop { Waker::noop().clone() } else { waker };
                    is_ready = poll_with(&mut joined, &waker).is_ready();
                    for child in 0..count {
                        if std::mem::take(&mut due[child]) && !is_done[child] {
                            polls[child] += 1;
                            is_done[child] = open[child];
                        }
                    }
                    prop_assert_eq!(is_ready, is_done.iter().all(|&is_done| is_done));
                }
            }
            let seen: Vec<usize> = spots.iter().map(Spot::turns).collect();
            prop_assert_eq!(&seen, &polls);
        }
        drop(joined);
        prop_assert_eq!(dropped.get(), count);
    }
}

//! `join!` and `try_join!`: all concurrently, each polled until it is ready and never again.

mod probe;

use std::cell::RefCell;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use probe::{Count, Log, Rings, Spot, poll_with, text, virtual_time};
use turnwise::sync::Mutex;
use turnwise::{
    JoinHandle, RunError, Scheduler, block_on, join, sleep, spawn, time, try_join, yield_now,
};

/// Yields `count` times, and logs each poll.
fn steps(
    log: &Log,
    name: &'static str,
    count: usize,
) -> impl Future<Output = &'static str> + use<> {
    let log = log.clone();
    let mut left = count;
    let mut is_ready = false;
    poll_fn(move |cx| {
        assert!(!is_ready, "{name} was polled after it was ready");
        log.note(name);
        if left == 0 {
            is_ready = true;
            return Poll::Ready(name);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn outputs_come_in_argument_order() {
    let scheduler = virtual_time();
    scheduler.block_on(async {
        let start = time::now();
        let after = |seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        assert_eq!(join!(after(2), after(1), after(3)), (2, 1, 3));
        assert_eq!(time::now() - start, Duration::from_secs(3));
    });
}

// futures-rs#2649, #2635: a branch that was ready was polled again.
#[test]
fn a_branch_of_a_join_is_polled_in_order_until_it_is_ready_and_never_again() {
    let log = Log::default();
    let outputs =
        block_on(async { join!(steps(&log, "a", 2), steps(&log, "b", 0), steps(&log, "c", 1)) });
    assert_eq!(outputs, ("a", "b", "c"));
    assert_eq!(log.take(), ["a", "b", "c", "a", "c", "a"]);
}

#[test]
fn joins_of_none_and_of_one_and_of_many() {
    block_on(async {
        let () = join!();
        assert_eq!(join!(ready(1)), (1,));
        assert_eq!(join!(ready(1), async { 2 },), (1, 2));
        let many = join!(
            ready(1),
            ready('2'),
            ready("3"),
            ready(4.0),
            ready(()),
            ready(6),
            ready(7),
            ready(8),
            ready(9),
            ready(10),
            ready(11),
            ready(12)
        );
        assert_eq!(many.11, 12);
        assert_eq!(try_join!(), Ok::<_, ()>(()));
    });
}

#[test]
fn a_future_may_borrow_from_its_environment_and_from_a_temporary() {
    async fn length(text: &str) -> usize {
        yield_now().await;
        text.len()
    }
    block_on(async {
        let mut counts = [0, 0];
        let [left, right] = &mut counts;
        join!(async { *left += 1 }, async { *right += 2 });
        assert_eq!(counts, [1, 2]);
        assert_eq!(join!(length(&String::from("abc")), length(&"abcd".repeat(2))), (3, 8));
        let failed =
            try_join!(async { Ok(length(&String::from("abc")).await) }, ready(Err::<(), _>(1)));
        assert_eq!(failed, Err(1));
    });
}

#[test]
fn a_future_is_dropped_as_soon_as_it_is_ready() {
    let log = Log::default();
    block_on(async {
        let quick = async {
            let _held = log.on_drop("quick is dropped");
        };
        let slow = async {
            yield_now().await;
            log.note("slow continues");
        };
        join!(quick, slow);
    });
    assert_eq!(log.take(), ["quick is dropped", "slow continues"]);
}

#[test]
fn futures_by_reference_are_joined_too() {
    block_on(async {
        let mut handle = spawn(async { 1 });
        let mut pinned = pin!(async { 2 });
        let (first, second) = join!(&mut handle, &mut pinned);
        assert_eq!((first.unwrap(), second), (1, 2));
        assert!(handle.is_finished());
    });
}

#[test]
fn the_first_error_ends_a_try_join_and_drops_the_others() {
    let dropped = Count::default();
    let outcome = block_on(async {
        let held = dropped.token();
        let ready_before = async { Ok(held) };
        let held = dropped.token();
        let never = async {
            let _held = held;
            pending::<Result<(), &str>>().await
        };
        let late = async {
            yield_now().await;
            Err::<(), _>("late")
        };
        let later = async {
            yield_now().await;
            Err::<(), _>("later")
        };
        let outcome = try_join!(ready_before, never, late, later);
        assert_eq!(dropped.get(), 2, "an output and a future");
        outcome.map(|_| ())
    });
    assert_eq!(outcome, Err("late"));
}

#[test]
fn a_question_mark_after_a_try_join_leaves_the_function() {
    async fn both(right: Result<i32, String>) -> Result<i32, String> {
        let (left, right) = try_join!(async { Ok::<_, String>(1) }, ready(right))?;
        Ok(left + right)
    }
    assert_eq!(block_on(both(Ok(2))), Ok(3));
    assert_eq!(block_on(both(Err("no".to_owned()))), Err("no".to_owned()));
}

#[test]
fn a_panic_in_a_branch_reaches_the_caller_and_drops_the_others() {
    let dropped = Count::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let held = dropped.token();
            let other = async {
                let _held = held;
                pending::<()>().await;
            };
            join!(other, async { panic!("a bug") })
        })
    }));
    assert_eq!(text(&*outcome.unwrap_err()), "a bug");
    assert_eq!(dropped.get(), 1);
}

#[test]
fn dropping_a_join_drops_outputs_and_pending_futures() {
    let dropped = Count::default();
    let mut joined = Box::pin(async {
        let held = dropped.token();
        let waiting = async {
            let _held = held;
            pending::<()>().await;
        };
        let held = dropped.token();
        join!(async { held }, waiting)
    });
    assert!(poll_with(&mut joined, Waker::noop()).is_pending());
    assert_eq!(dropped.get(), 0);
    drop(joined);
    assert_eq!(dropped.get(), 2);
}

// async-lock#91: a waiter that was handed the lock and is no longer polled blocks all others. A join polls all its
// branches, so a lock that is handed to one of them is used.
#[test]
fn branches_of_a_join_that_want_the_same_lock_get_it_one_after_the_other() {
    let log = Log::default();
    block_on(async {
        let lock = Mutex::new(());
        let use_it = |name: &'static str| {
            let (lock, log) = (&lock, &log);
            async move {
                let _guard = lock.lock().await;
                yield_now().await;
                log.note(name);
            }
        };
        let guard = lock.lock().await;
        let release = async {
            yield_now().await;
            drop(guard);
        };
        join!(use_it("a"), use_it("b"), release, use_it("c"));
    });
    assert_eq!(log.take(), ["a", "b", "c"]);
}

#[test]
fn a_report_shows_every_branch_of_a_join_that_waits_and_is_certain() {
    let scheduler = Scheduler::new();
    let outcome = scheduler.try_block_on(async {
        let (left, right) = (Mutex::new(()).named("left"), Mutex::new(()).named("right"));
        std::mem::forget(left.lock().await);
        std::mem::forget(right.lock().await);
        let _both = join!(left.lock(), ready(()), right.lock());
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    assert!(report.certain);
    let text = report.to_string();
    assert!(text.contains("mutex \"left\"") && text.contains("mutex \"right\""), "{text}");
}

#[test]
fn tasks_that_join_each_other_are_reported_as_a_cycle() {
    let scheduler = Scheduler::new();
    let handles: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
    let joins = |number: usize| {
        let handles = Rc::clone(&handles);
        async move {
            let other = handles.borrow_mut().remove(number);
            let (ended, ()) = join!(other, ready(()));
            ended.unwrap();
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
fn joins_work_on_other_executors_and_inside_their_combinators() {
    async fn pair() -> (i32, i32) {
        let later = async {
            yield_now().await;
            2
        };
        join!(ready(1), later)
    }
    assert_eq!(futures::executor::block_on(pair()), (1, 2));
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(tokio.block_on(pair()), (1, 2));
    block_on(async {
        let mut group: FuturesUnordered<_> = (0..5).map(|_| pair()).collect();
        let mut count = 0;
        while let Some(outputs) = group.next().await {
            assert_eq!(outputs, (1, 2));
            count += 1;
        }
        assert_eq!(count, 5);
    });
}

#[test]
fn all_branches_are_polled_with_the_waker_of_the_join() {
    let spots = [Spot::default(), Spot::default()];
    let (rings, waker) = Rings::new();
    let [first, second] = &spots;
    let mut joined = Box::pin(async { join!(first.wait(), second.wait()) });
    assert!(poll_with(&mut joined, &waker).is_pending());
    assert!(spots.iter().all(|spot| spot.waker().will_wake(&waker)));
    first.open();
    assert_eq!(rings.get(), 1);
    assert!(poll_with(&mut joined, &waker).is_pending());
    assert_eq!(first.turns(), 2);
    second.open();
    assert!(poll_with(&mut joined, &waker).is_ready());
    assert_eq!(first.turns(), 2, "it was ready before");
}

#[test]
fn a_join_is_not_much_larger_than_what_it_joins() {
    async fn large() -> u8 {
        let buffer = [1_u8; 4096];
        yield_now().await;
        buffer[7]
    }
    let joined = async { join!(large(), large()) };
    assert!(size_of_val(&joined) < 2 * 4096 + 256, "{} bytes", size_of_val(&joined));
}

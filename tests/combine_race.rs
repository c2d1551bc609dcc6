//! `race`: the first future that is ready wins, in argument order.

mod probe;

use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use probe::{Count, Rings, Spot, poll_with, text, virtual_time};
use turnwise::sync::Mutex;
use turnwise::{RunError, Scheduler, block_on, race, sleep, spawn, time, yield_now};

#[test]
fn the_first_that_is_ready_wins_and_all_are_dropped_immediately() {
    let scheduler = virtual_time();
    let dropped = Count::default();
    scheduler.block_on(async {
        let start = time::now();
        let after = |seconds| {
            let held = dropped.token();
            async move {
                let _held = held;
                sleep(Duration::from_secs(seconds)).await;
                seconds
            }
        };
        let mut racing = pin!(race((after(3), after(1), after(2))));
        assert_eq!(racing.as_mut().await, 1);
        assert_eq!(dropped.get(), 3, "even while the race itself is kept");
        assert_eq!(time::now() - start, Duration::from_secs(1));
    });
}

#[test]
fn of_several_that_are_ready_the_first_argument_wins() {
    block_on(async {
        assert_eq!(race((ready(1), ready(2))).await, 1);
        assert_eq!(race((pending(), ready(2), ready(3))).await, 2);
        assert_eq!(race([ready(1), ready(2)]).await, 1);
        assert_eq!(race(vec![ready(1), ready(2)]).await, 1);
    });
}

#[test]
fn the_index_identifies_the_winner() {
    block_on(async {
        assert_eq!(race((pending(), pending(), ready('c'))).with_index().await, (2, 'c'));
        let late = |turns: usize| async move {
            for _ in 0..turns {
                yield_now().await;
            }
        };
        assert_eq!(race([late(2), late(1), late(1)]).with_index().await, (1, ()));
        assert_eq!(race(vec![late(1), late(0)]).with_index().await, (1, ()));
    });
}

#[test]
fn races_of_one_and_of_twelve_work() {
    block_on(async {
        assert_eq!(race((ready(1),)).await, 1);
        let p = pending::<i32>;
        let twelve = (p(), p(), p(), p(), p(), p(), p(), p(), p(), p(), p(), ready(12));
        assert_eq!(race(twelve).with_index().await, (11, 12));
    });
}

#[test]
fn handles_by_reference_can_race_and_race_again() {
    let scheduler = virtual_time();
    scheduler.block_on(async {
        let after = |seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        let (mut slow, mut quick) = (spawn(after(2)), spawn(after(1)));
        let (index, output) = race((&mut slow, &mut quick)).with_index().await;
        assert_eq!((index, output.unwrap()), (1, 1));
        assert_eq!(slow.await.unwrap(), 2);
    });
}

// futures-rs#2649, #2635: a future was polled again after it was ready.
#[test]
fn no_racer_is_polled_again_after_the_end_and_polling_the_race_again_says_so() {
    let polls = Count::default();
    let mut racing = Box::pin(race((
        pending(),
        poll_fn(|_| {
            polls.add();
            Poll::Ready(1)
        }),
    )));
    let (_, waker) = Rings::new();
    assert_eq!(poll_with(&mut racing, &waker), Poll::Ready(1));
    let again = catch_unwind(AssertUnwindSafe(|| poll_with(&mut racing, &waker).is_ready()));
    let text = text(&*again.unwrap_err());
    assert!(text.contains("a `race` was polled after completion"), "{text}");
    assert_eq!(polls.get(), 1);
}

#[test]
fn an_empty_race_is_refused_where_it_is_created() {
    let array = catch_unwind(|| drop(race([(); 0].map(ready))));
    let vector = catch_unwind(|| drop(race(Vec::<std::future::Ready<()>>::new())));
    for refused in [array, vector] {
        let text = text(&*refused.unwrap_err());
        assert!(text.contains("a `race` needs at least one future"), "{text}");
    }
}

#[test]
fn a_loser_passes_on_a_lock_that_it_was_handed() {
    block_on(async {
        let lock = Mutex::new(());
        let guard = lock.lock().await;
        let wants = async {
            let _guard = lock.lock().await;
            "got it"
        };
        let releases = async {
            drop(guard);
            "released"
        };
        assert_eq!(race((wants, releases)).await, "released");
        assert!(lock.try_lock().is_ok());
    });
}

#[test]
fn a_report_shows_every_racer_that_waits() {
    let outcome = Scheduler::new().try_block_on(async {
        let (left, right) = (Mutex::new(()).named("left"), Mutex::new(()).named("right"));
        std::mem::forget((left.lock().await, right.lock().await));
        drop(race((left.lock(), right.lock())).await);
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain && text.contains("\"left\"") && text.contains("\"right\""), "{text}");
}

#[test]
fn all_racers_are_polled_with_the_waker_of_the_race() {
    let spots = [Spot::default(), Spot::default(), Spot::default()];
    let (rings, waker) = Rings::new();
    let mut racing = Box::pin(race(spots.each_ref().map(Spot::wait)));
    assert!(poll_with(&mut racing, &waker).is_pending());
    assert!(spots.iter().all(|spot| spot.waker().will_wake(&waker)));
    spots[2].open();
    assert_eq!(rings.get(), 1);
    assert!(poll_with(&mut racing, &waker).is_ready());
}

#[test]
fn a_panic_of_a_racer_reaches_the_caller_and_drops_the_others() {
    let dropped = Count::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let held = dropped.token();
            let other = async {
                let _held = held;
                pending::<()>().await;
            };
            race((other, async { panic!("a bug") })).await;
        });
    }));
    assert_eq!(text(&*outcome.unwrap_err()), "a bug");
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_race_works_on_other_executors_and_inside_their_combinators() {
    async fn first() -> i32 {
        let late = async {
            yield_now().await;
            1
        };
        race((late, pending())).await
    }
    assert_eq!(futures::executor::block_on(first()), 1);
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(tokio.block_on(first()), 1);
    block_on(async {
        let group: FuturesUnordered<_> = (0..5).map(|_| first()).collect();
        assert_eq!(group.collect::<Vec<_>>().await, [1; 5]);
    });
}

#[test]
fn a_race_of_a_tuple_is_no_larger_than_its_racers() {
    let racing = race((ready([1_u64; 8]), ready([2_u64; 8])));
    assert!(size_of_val(&racing) <= 2 * 72 + 16, "{} bytes", size_of_val(&racing));
    assert!(format!("{racing:?}").contains("is_over: false"));
}

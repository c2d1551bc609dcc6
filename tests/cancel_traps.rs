//! Where cancelling could go wrong: catches that are no longer polled, that move, or that are dropped at a bad
//! moment; deep nesting; foreign wakers; and the two mistakes that the documentation warns of.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::stream::{FuturesUnordered, StreamExt};
use notes::{ms, poll_once, started, world};
use probe::{Acting, Count, Rings, on_stack};
use turnwise::task::{self, Cancelled, CatchCancel, catch_cancel, mask};
use turnwise::time::Sleep;
use turnwise::{JoinHandle, Scheduler, sleep, spawn, time, timeout, yield_now};

/// Where one task leaves something for another.
type Place<T> = Rc<RefCell<Option<T>>>;

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// Polls a future once and returns it, so that it stays alive but is not polled any more.
async fn abandoned<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll_once(&mut future).await.is_pending());
    future
}

// ----- futures that are no longer polled -----

#[test]
fn an_abandoned_catch_does_not_keep_the_request_from_the_one_around_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let work = async {
            let _kept = abandoned(catch_cancel(pending::<()>())).await;
            sleep(ms(1000)).await;
        };
        log.guard("outer", 1, work).await;
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["0 outer caught", "1 outer cleaned up"]);
}

#[test]
fn an_abandoned_catch_does_not_keep_its_task_from_ending() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async move {
        let _kept = abandoned(catch_cancel(pending::<()>())).await;
        sleep(ms(1000)).await;
    });
    handle.cancel();
    assert!(scheduler.run_until_stalled() <= 5, "it takes a few turns");
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn an_abandoned_catch_does_not_keep_a_busy_task_from_ending() {
    let (scheduler, _) = world();
    let handle = scheduler.spawn(async move {
        let _kept = abandoned(catch_cancel(pending::<()>())).await;
        loop {
            yield_now().await;
        }
    });
    let ended: Result<(), turnwise::JoinError> = scheduler.block_on(async {
        yield_now().await;
        handle.cancel();
        handle.await
    });
    assert!(ended.unwrap_err().is_cancelled());
}

#[test]
fn an_abandoned_catch_does_not_hold_a_timeout_up() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        let start = time::now();
        let work = async {
            let _kept = abandoned(catch_cancel(pending::<()>())).await;
            pending::<()>().await;
        };
        assert!(timeout(ms(10), work).await.is_err());
        assert_eq!(time::now() - start, ms(10));
    });
}

#[test]
fn an_abandoned_mask_holds_nothing_up() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        let start = time::now();
        let work = async {
            let _kept = abandoned(mask(pending::<()>())).await;
            pending::<()>().await;
        };
        assert!(timeout(ms(10), work).await.is_err());
        assert_eq!(time::now() - start, ms(10));
    });
    let handle = started(&scheduler, async {
        let _kept = abandoned(mask(pending::<()>())).await;
        pending::<()>().await;
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn a_mask_that_is_abandoned_while_it_holds_a_request_releases_it_at_the_second_one() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async {
        let mut masked = Box::pin(mask(pending::<()>()));
        turnwise::select! {
            () = &mut masked => {},
            () = sleep(ms(10)) => {},
        }
        sleep(ms(1000)).await;
        drop(masked);
    });
    handle.cancel();
    scheduler.advance(ms(10));
    scheduler.run_until_stalled();
    assert!(!handle.is_finished());
    handle.cancel_with("again");
    scheduler.run_until_stalled();
    assert!(handle.is_finished());
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(error.reason(), Some("cancelled"), "the reason of the first request");
}

#[test]
fn an_abandoned_catch_beside_one_that_takes_the_request_does_not_keep_it_open() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let _kept = abandoned(catch_cancel(pending::<()>())).await;
        log.guard("first", 1, pending::<()>()).await;
        log.guard("second", 1, pending::<()>()).await;
    });
    handle.cancel();
    scheduler.advance(ms(0));
    scheduler.run_until_stalled();
    scheduler.advance(ms(1));
    scheduler.run_until_stalled();
    assert_eq!(notes.take().len(), 2);
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["1 second caught", "2 second cleaned up"]);
}

/// A timeout delivers its request to what is inside it, and then both are abandoned: only the task can detect that.
#[test]
fn a_catch_or_mask_that_is_abandoned_with_its_timeout_holds_no_other_request_up() {
    fn ends(inside: impl FnOnce() -> Boxed<()> + 'static, polls: u32) {
        let (scheduler, _) = world();
        let handle = started(&scheduler, async move {
            let mut both = Box::pin(timeout(ms(10), inside()));
            assert!(poll_once(&mut both).await.is_pending());
            sleep(ms(10)).await;
            for _ in 0..polls {
                assert!(poll_once(&mut both).await.is_pending());
            }
            pending::<()>().await;
        });
        scheduler.block_on(sleep(ms(20)));
        handle.cancel();
        assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    }
    ends(|| Box::pin(async { drop(catch_cancel(pending::<()>()).await) }), 1);
    for polls in 1..4 {
        ends(|| Box::pin(mask(pending::<()>())), polls);
        let masked = || async {
            let _never = task::scope(async |s| drop(s.spawn(mask(pending::<()>())))).await;
        };
        ends(move || Box::pin(masked()), polls);
    }
}

#[test]
fn a_catch_that_is_polled_late_because_of_busy_siblings_is_not_abandoned() {
    let (scheduler, _) = world();
    // `FuturesUnordered` yields as soon as two children have woken themselves, so it takes many polls before
    // the last child is polled.
    let caught = Count::default();
    let counted = caught.clone();
    let handle = scheduler.spawn(async move {
        let mut all: FuturesUnordered<Boxed<bool>> = FuturesUnordered::new();
        for _ in 0..100 {
            all.push(Box::pin(async {
                loop {
                    yield_now().await;
                }
            }));
        }
        all.push(Box::pin(async move {
            let cancelled = catch_cancel(pending::<()>()).await;
            counted.add();
            cancelled.is_err()
        }));
        all.next().await.unwrap()
    });
    let outcome = scheduler.block_on(async {
        for _ in 0..200 {
            yield_now().await;
        }
        handle.cancel();
        handle.await
    });
    assert!(outcome.unwrap());
    assert_eq!(caught.get(), 1);
}

// ----- moved, dropped and forgotten futures -----

#[test]
fn a_catch_that_has_moved_to_another_task_belongs_to_that_task() {
    let (scheduler, notes) = world();
    let place: Place<Boxed<()>> = Rc::default();
    let (gives, takes, log) = (Rc::clone(&place), Rc::clone(&place), notes.clone());
    let first = started(&scheduler, async move {
        let mut work: Boxed<()> =
            Box::pin(async move { log.guard("work", 1, pending::<()>()).await });
        assert!(poll_once(&mut work).await.is_pending());
        gives.replace(Some(work));
        pending::<()>().await;
    });
    let second = started(&scheduler, async move {
        let work = takes.take().unwrap();
        work.await;
    });
    first.cancel();
    assert!(scheduler.block_on(first).unwrap_err().is_cancelled());
    assert!(notes.take().is_empty());
    second.cancel();
    scheduler.block_on(second).unwrap();
    assert_eq!(notes.take(), ["0 work caught", "1 work cleaned up"]);
}

#[test]
fn a_catch_that_outlives_its_task_can_be_polled_elsewhere() {
    let (scheduler, _) = world();
    let place: Place<Pin<Box<CatchCancel<Sleep>>>> = Rc::default();
    let gives = Rc::clone(&place);
    started(&scheduler, async move {
        gives.replace(Some(abandoned(catch_cancel(sleep(ms(5)))).await));
    });
    let catch = place.take().unwrap();
    assert!(scheduler.block_on(catch).is_ok());
}

#[test]
fn a_catch_that_is_dropped_between_delivery_and_its_next_poll_does_not_lose_the_request() {
    let (scheduler, notes) = world();
    let place: Place<Boxed<()>> = Rc::default();
    let (gives, log) = (Rc::clone(&place), notes.clone());
    let handle = started(&scheduler, async move {
        let outer = async {
            let work: Boxed<()> = Box::pin(async { drop(catch_cancel(pending::<()>()).await) });
            gives.replace(Some(work));
            poll_fn(|cx| match &mut *gives.borrow_mut() {
                Some(work) => work.as_mut().poll(cx),
                None => Poll::Pending,
            })
            .await;
        };
        log.guard("outer", 1, outer).await;
    });
    handle.cancel();
    drop(place.take()); // The request was delivered to it, and its waker was rung.
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["0 outer caught", "1 outer cleaned up"]);
}

#[test]
fn a_mask_that_is_dropped_elsewhere_releases_the_request() {
    let (scheduler, notes) = world();
    let place: Place<Boxed<()>> = Rc::default();
    let (gives, log) = (Rc::clone(&place), notes.clone());
    let handle = started(&scheduler, async move {
        gives.replace(Some(Box::pin(mask(pending::<()>()))));
        let masked = poll_fn(|cx| match &mut *gives.borrow_mut() {
            Some(masked) => masked.as_mut().poll(cx),
            None => Poll::Pending,
        });
        log.guard("around", 0, masked).await;
    });
    handle.cancel();
    scheduler.run_until_stalled();
    assert!(notes.take().is_empty(), "the mask holds it back");
    drop(place.take());
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["0 around caught", "0 around cleaned up"]);
}

#[test]
fn a_clean_up_that_ends_elsewhere_releases_other_requests() {
    let (scheduler, _) = world();
    let place: Place<Cancelled> = Rc::default();
    let gives = Rc::clone(&place);
    let handle = started(&scheduler, async move {
        let work = async {
            gives.replace(catch_cancel(pending::<()>()).await.err());
            pending::<()>().await;
        };
        timeout(ms(10), work).await
    });
    scheduler.advance(ms(10));
    scheduler.run_until_stalled();
    handle.cancel_with("from outside");
    scheduler.run_until_stalled();
    assert!(!handle.is_finished(), "the clean-up for the timeout holds it back");
    drop(place.take());
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(error.reason(), Some("from outside"));
}

#[test]
fn a_forgotten_clean_up_keeps_counting_requests() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async {
        std::mem::forget(catch_cancel(pending::<()>()).await);
        sleep(ms(10)).await;
        task::cancelling()
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), 2);
}

#[test]
fn a_cancelled_that_leaves_its_timeout_as_a_value_is_dropped_there() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async {
        // From the task's request: the timeout has not elapsed, and returns it as a value.
        let outcome = timeout(ms(1000), catch_cancel(pending::<()>())).await;
        let cancelled: Cancelled = outcome.unwrap().unwrap_err();
        sleep(ms(10)).await;
        let during = task::cancelling();
        drop(cancelled);
        // From the timeout's own request: it is a late value, and leaves as one.
        let outcome = timeout(ms(10), catch_cancel(pending::<()>())).await;
        let is_late_value = matches!(outcome, Ok(Err(_)));
        (during, is_late_value, task::cancelling())
    });
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), (1, true, 0));
}

/// The other task was not asked, so the request does not end it.
#[test]
fn a_cancelled_that_is_resumed_in_another_task_panics_there_and_ends_its_own() {
    let (scheduler, _) = world();
    let place: Place<Cancelled> = Rc::default();
    let (gives, takes) = (Rc::clone(&place), Rc::clone(&place));
    let first = started(&scheduler, async move {
        gives.replace(catch_cancel(pending::<()>()).await.err());
        pending::<()>().await;
    });
    first.cancel();
    scheduler.run_until_stalled();
    let second = scheduler.spawn(async move {
        let cancelled = takes.take().unwrap();
        cancelled.resume().await;
    });
    let second: Result<(), _> = scheduler.block_on(second);
    let second = second.unwrap_err();
    assert!(second.is_panic());
    assert!(second.to_string().contains("was made on something other"), "{second}");
    assert!(scheduler.block_on(first).unwrap_err().is_cancelled());
}

/// Nothing around it was asked, so there is nothing that it could end.
#[test]
fn a_resume_outside_of_its_timeout_panics_and_names_the_catch() {
    let (scheduler, _) = world();
    let handle = scheduler.spawn(async {
        let work = catch_cancel(pending::<()>());
        let cancelled = timeout(ms(10), work).await.unwrap().unwrap_err();
        cancelled.resume().await;
    });
    let outcome: Result<(), _> = scheduler.block_on(handle);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("\"the deadline has passed\""), "{error}");
    assert!(error.contains("`catch_cancel` at tests/cancel_traps.rs"), "{error}");
    assert!(error.contains("task::shield"), "the remedy: {error}");
}

#[test]
fn catches_work_on_another_executor_where_nothing_cancels() {
    let outcome = futures::executor::block_on(async {
        let one = catch_cancel(mask(async {
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                if polls < 5 { Poll::Pending } else { Poll::Ready(polls) }
            })
            .await
        }));
        one.await.unwrap()
    });
    assert_eq!(outcome, 5);
}

// ----- schedulers inside of turns -----

#[test]
fn regions_of_a_scheduler_that_is_stepped_inside_of_a_turn_stay_separate() {
    let (outer, notes) = world();
    let inner = Rc::new(Scheduler::builder().virtual_time().build());
    let caught = Count::default();
    let counted = caught.clone();
    let task = inner.spawn(async move {
        let cancelled = catch_cancel(pending::<()>()).await;
        counted.add();
        drop(cancelled);
    });
    let (steps, log) = (Rc::clone(&inner), notes.clone());
    let handle = started(&outer, async move {
        let work = async {
            steps.run_until_stalled(); // The inner task now waits in its catch.
            pending::<()>().await;
        };
        log.guard("outer", 0, work).await;
    });
    handle.cancel();
    outer.block_on(handle).unwrap();
    assert_eq!((caught.get(), notes.take().len()), (0, 2));
    task.cancel();
    inner.block_on(task).unwrap();
    assert_eq!(caught.get(), 1);
}

#[test]
fn a_task_of_an_inner_scheduler_cancels_the_task_that_runs_it() {
    let (outer, notes) = world();
    let place: Place<JoinHandle<()>> = Rc::default();
    let (own, log) = (Rc::clone(&place), notes.clone());
    let handle = outer.spawn(async move {
        let work = async {
            let inner = Scheduler::new();
            inner.spawn(async move { own.borrow().as_ref().unwrap().cancel() });
            inner.run_until_stalled();
            log.add("continues until it waits");
            sleep(ms(1)).await;
            log.add("not here");
        };
        log.guard("work", 0, work).await;
    });
    place.replace(Some(handle));
    outer.run().unwrap();
    let expected = ["0 continues until it waits", "0 work caught", "0 work cleaned up"];
    assert_eq!(notes.take(), expected);
}

// ----- many and deep -----

#[test]
fn a_thousand_nested_catches_unwind_one_after_the_other() {
    fn nest(depth: usize, caught: Count) -> Boxed<()> {
        Box::pin(async move {
            if depth == 0 {
                return pending().await;
            }
            if let Err(cancelled) = catch_cancel(nest(depth - 1, caught.clone())).await {
                caught.add();
                cancelled.resume().await;
            }
        })
    }
    let caught = on_stack(16 << 20, || {
        let (scheduler, _) = world();
        let caught = Count::default();
        let handle = started(&scheduler, nest(1000, caught.clone()));
        handle.cancel();
        assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
        caught.get()
    });
    assert_eq!(caught, 1000);
}

#[test]
fn the_walk_of_the_tree_does_not_recurse() {
    /// A chain of nested catches. Polling and dropping them recurses, hence the large stack; walking the tree of
    /// regions does not.
    fn chain(left: usize, inner: Boxed<()>) -> Boxed<()> {
        (0..left).fold(inner, |inner, _| Box::pin(async { drop(catch_cancel(inner).await) }))
    }
    on_stack(64 << 20, || {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let inner: Boxed<()> =
            Box::pin(async move { log.guard("inner", 0, pending::<()>()).await });
        let handle = started(&scheduler, chain(10_000, inner));
        handle.cancel();
        scheduler.block_on(handle).unwrap();
        assert_eq!(notes.take().len(), 2);
    });
}

#[test]
fn ten_thousand_catches_may_come_and_go_in_one_task() {
    let (scheduler, _) = world();
    let handle = scheduler.spawn(async {
        for _ in 0..10_000 {
            assert!(catch_cancel(yield_now()).await.is_ok());
        }
        let mut late = pin!(catch_cancel(pending::<()>()));
        late.as_mut().await.is_err()
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap());
}

// ----- foreign wakers -----

#[test]
fn a_catch_that_is_polled_with_a_foreign_waker_rings_that_waker() {
    let (scheduler, _) = world();
    let (rings, waker) = Rings::new();
    let handle = started(&scheduler, async move {
        let mut catch = pin!(catch_cancel(pending::<()>()));
        poll_fn(|_| catch.as_mut().poll(&mut Context::from_waker(&waker)).map(|it| it.is_err()))
            .await
    });
    assert_eq!(rings.get(), 0);
    handle.cancel();
    assert_eq!(rings.get(), 1);
    assert!(scheduler.block_on(handle).unwrap());
}

thread_local! {
    static HANDLE: RefCell<Option<JoinHandle<bool>>> = const { RefCell::new(None) };
}

#[test]
fn a_waker_may_do_anything_when_it_is_rung_for_a_request() {
    fn cancel_again() {
        HANDLE.with(|handle| handle.borrow().as_ref().unwrap().cancel());
    }
    fn take_a_snapshot() {
        drop(probe::virtual_time().snapshot());
    }
    let (scheduler, _) = world();
    let waker = Acting::waker(cancel_again, take_a_snapshot);
    let handle = started(&scheduler, async move {
        let mut catch = Box::pin(catch_cancel(pending::<()>()));
        poll_fn(|_| catch.as_mut().poll(&mut Context::from_waker(&waker)).map(|it| it.is_err()))
            .await
    });
    HANDLE.set(Some(handle));
    cancel_again();
    scheduler.run().unwrap();
    assert!(HANDLE.take().unwrap().is_finished());
}

#[test]
fn a_foreign_waker_that_panics_when_it_is_rung_affects_nothing_else() {
    let (scheduler, _) = world();
    let waker = Acting::waker(|| panic!("the foreign waker"), || {});
    let handle = started(&scheduler, async move {
        let mut catch = Box::pin(catch_cancel(pending::<()>()));
        let foreign = poll_fn(|_| catch.as_mut().poll(&mut Context::from_waker(&waker)));
        turnwise::join!(foreign, catch_cancel(pending::<()>())).1.is_err()
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap());
}

#[test]
fn the_waker_of_an_earlier_poll_is_dropped() {
    let (rings, waker) = Rings::new();
    let mut catch = Box::pin(catch_cancel(pending::<()>()));
    let kept = std::sync::Arc::strong_count(&rings);
    assert!(catch.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(std::sync::Arc::strong_count(&rings), kept + 1);
    assert!(catch.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(std::sync::Arc::strong_count(&rings), kept + 1);
    assert!(catch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(std::sync::Arc::strong_count(&rings), kept);
}

// ----- what the documentation warns of -----

#[test]
fn a_clean_up_after_its_cancelled_was_dropped_is_a_wait_like_any_other() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        if catch_cancel(pending::<()>()).await.is_err() {
            log.add("starts");
            sleep(ms(10)).await;
            log.add("not here");
        }
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 starts"]);
}

#[test]
fn until_the_result_is_dropped_everything_is_a_clean_up() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let result = catch_cancel(pending::<()>()).await;
        sleep(ms(10)).await;
        log.add("all the rest");
        drop(result);
        sleep(ms(10)).await;
        log.add("and what follows, since both requests were one");
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take().len(), 2);
}

#[test]
fn a_branch_that_catches_nothing_is_not_stopped_by_a_request_that_its_sibling_took() {
    let (scheduler, notes) = world();
    let (log, other) = (notes.clone(), notes.clone());
    let handle = started(&scheduler, async move {
        let plain = async {
            sleep(ms(10)).await;
            other.add("the plain branch");
        };
        turnwise::join!(log.guard("branch", 1, pending::<()>()), plain);
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = ["0 branch caught", "1 branch cleaned up", "10 the plain branch"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_catch_around_both_branches_stops_both() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let both = async { turnwise::join!(sleep(ms(10)), spawn(pending::<()>())) };
        log.guard("both", 1, both).await;
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["0 both caught", "1 both cleaned up"]);
}

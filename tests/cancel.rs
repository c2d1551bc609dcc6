//! Cancelling: a request is delivered to the innermost catch of each branch, once, and is never lost.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use futures::stream::{FuturesUnordered, StreamExt};
use notes::{ms, poll_once, started, world};
use probe::{Bomb, Count, OnDrop};
use turnwise::sync::{Event, Mutex};
use turnwise::task::{self, AbortHandle, Cancelled, catch_cancel, mask};
use turnwise::{JoinHandle, Scheduler, join_all, sleep, spawn, time, timeout, yield_now};

/// Spawns a task that receives its own abort handle.
fn with_own_handle<T: 'static, F: Future<Output = T> + 'static>(
    scheduler: &Scheduler,
    make: impl FnOnce(AbortHandle) -> F + 'static,
) -> JoinHandle<T> {
    let place: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
    let own = Rc::clone(&place);
    let waits = poll_fn(move |_| own.take().map_or(Poll::Pending, Poll::Ready));
    // The task is first polled after the handle is in place, so this never waits.
    let program = (waits, make);
    let handle = scheduler.spawn(async move {
        let (waits, make) = program;
        let own = waits.await;
        make(own).await
    });
    place.replace(Some(handle.abort_handle()));
    handle
}

// ----- which catch receives it -----

#[test]
fn the_inner_catch_gets_it_and_the_outer_one_continues() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let inner = log.guard("inner", 10, pending::<()>());
        catch_cancel(inner).await.is_ok()
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap());
    assert_eq!(notes.take(), ["0 inner caught", "10 inner cleaned up"]);
}

#[test]
fn without_a_catch_the_task_is_dropped_at_its_next_turn_and_not_inside_the_caller() {
    let (scheduler, _) = world();
    let dropped = Count::default();
    let held = dropped.token();
    let handle = started(&scheduler, async move {
        let _held = held;
        pending::<()>().await;
    });
    handle.cancel_with("not needed");
    assert_eq!(dropped.get(), 0);
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(dropped.get(), 1);
    assert!(error.is_cancelled() && !error.is_panic());
    assert_eq!(error.reason(), Some("not needed"));
}

#[test]
fn a_task_cancelled_before_its_first_turn_is_never_polled_and_drops_what_it_owns() {
    let (scheduler, _) = world();
    let (polled, dropped) = (Count::default(), Count::default());
    let (counted, held) = (polled.clone(), dropped.token());
    let handle = scheduler.spawn(async move {
        let _held = held;
        counted.add();
        catch_cancel(pending::<()>()).await
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!((polled.get(), dropped.get()), (0, 1));
}

#[test]
fn a_cancelled_wait_makes_no_progress_even_if_its_event_was_just_set() {
    let (scheduler, _) = world();
    let event = Rc::new(Event::new());
    let (waits, progress) = (Rc::clone(&event), Count::default());
    let counted = progress.clone();
    let handle = started(&scheduler, async move {
        let work = async {
            waits.wait().await;
            counted.add();
        };
        catch_cancel(work).await.is_err()
    });
    event.set();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap());
    assert_eq!(progress.get(), 0);
}

#[test]
fn a_request_to_a_finished_task_does_nothing_and_the_output_stays() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async { "output" });
    handle.cancel();
    handle.abort_handle().cancel_with("too late");
    assert_eq!(scheduler.metrics().ready, 0);
    assert_eq!(scheduler.block_on(handle).unwrap(), "output");
}

#[test]
fn two_requests_before_delivery_are_merged_and_counted() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        let first = (cancelled.reason().to_owned(), cancelled.requests());
        drop(cancelled);
        (first, catch_cancel(sleep(ms(5))).await.is_ok())
    });
    handle.cancel_with("one");
    handle.cancel_with("two");
    assert_eq!(scheduler.block_on(handle).unwrap(), (("one".to_owned(), 2), true));
}

#[test]
fn a_second_request_during_the_clean_up_is_counted_and_does_not_interrupt_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        sleep(ms(10)).await;
        assert_eq!((cancelled.requests(), task::cancelling()), (3, 3));
        drop(cancelled);
        assert_eq!(task::cancelling(), 0);
        sleep(ms(10)).await;
        log.add("after it");
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.cancel();
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["20 after it"]);
}

#[test]
fn an_abort_during_the_clean_up_ends_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let _dropped = log.on_drop("dropped");
        log.guard("endless", 1000, pending::<()>()).await;
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.abort();
    let error = scheduler.block_on(handle).unwrap_err();
    assert!(error.is_cancelled() && error.reason().is_none());
    assert_eq!(notes.take(), ["0 endless caught", "0 dropped"]);
}

// ----- from inside -----

#[test]
fn a_task_that_cancels_itself_runs_until_it_waits() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = with_own_handle(&scheduler, |own| async move {
        let work = async {
            own.cancel();
            log.add("continues");
            async { log.add("also where nothing waits") }.await;
            sleep(ms(1)).await;
            log.add("not here");
        };
        catch_cancel(work).await.is_err()
    });
    assert!(scheduler.block_on(handle).unwrap());
    assert_eq!(notes.take(), ["0 continues", "0 also where nothing waits"]);
}

#[test]
fn a_catch_that_is_opened_after_the_request_in_the_same_turn_gets_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = with_own_handle(&scheduler, |own| async move {
        own.cancel();
        assert_eq!(task::cancelling(), 1);
        log.guard("later", 5, sleep(ms(1))).await;
    });
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["0 later caught", "5 later cleaned up"]);
}

#[test]
fn a_task_that_cancels_itself_without_a_catch_ends_at_its_next_wait_or_returns_before_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let waits = with_own_handle(&scheduler, |own| async move {
        own.cancel_with("by itself");
        let _dropped = log.on_drop("dropped");
        log.add("continues");
        yield_now().await;
        log.add("not here");
    });
    let returns = with_own_handle(&scheduler, |own| async move {
        own.cancel();
        "output"
    });
    assert_eq!(scheduler.run_until_stalled(), 2, "it was dropped at the end of its own turn");
    assert_eq!(scheduler.block_on(waits).unwrap_err().reason(), Some("by itself"));
    assert_eq!(scheduler.block_on(returns).unwrap(), "output");
    assert_eq!(notes.take(), ["0 continues", "0 dropped"]);
}

#[test]
fn a_destructor_that_cancels_its_own_task_is_counted() {
    let (scheduler, _) = world();
    let handle = with_own_handle(&scheduler, |own| async move {
        let again = own.clone();
        let work = async move {
            let _again = OnDrop(move || again.cancel());
            own.cancel();
            pending::<()>().await;
        };
        let cancelled = catch_cancel(work).await.unwrap_err();
        let requests = cancelled.requests();
        drop(cancelled);
        sleep(ms(1)).await;
        requests
    });
    assert_eq!(scheduler.block_on(handle).unwrap(), 2);
}

// ----- in branches -----

#[test]
fn each_branch_of_a_join_gets_it_once_and_cleans_up_for_itself() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        turnwise::join!(
            log.guard("one", 10, pending::<()>()),
            log.guard("two", 5, pending::<()>())
        );
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = ["0 one caught", "0 two caught", "5 two cleaned up", "10 one cleaned up"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_thousand_catches_in_a_futures_unordered_get_it_in_the_same_turn() {
    let (scheduler, _) = world();
    let caught = Count::default();
    let counted = caught.clone();
    let handle = started(&scheduler, async move {
        let one = || async {
            let caught = catch_cancel(pending::<()>()).await;
            counted.add();
            sleep(ms(1)).await;
            drop(caught);
        };
        let all: FuturesUnordered<_> = (0..1000).map(|_| one()).collect();
        all.collect::<Vec<()>>().await.len()
    });
    handle.cancel();
    scheduler.step().unwrap();
    assert_eq!(caught.get(), 1000);
    assert_eq!(scheduler.block_on(handle).unwrap(), 1000);
}

#[test]
fn a_thousand_catches_in_a_join_all_get_it_in_the_same_turn() {
    let (scheduler, _) = world();
    let caught = Count::default();
    let counted = caught.clone();
    let handle = started(&scheduler, async move {
        let one = |_| async {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            counted.add();
            sleep(ms(1)).await;
            drop(cancelled);
        };
        join_all((0..1000).map(one)).await.len()
    });
    handle.cancel();
    scheduler.step().unwrap();
    assert_eq!(caught.get(), 1000);
    assert_eq!(scheduler.block_on(handle).unwrap(), 1000);
}

#[test]
fn a_catch_beside_a_mask_takes_it_immediately_and_the_masked_branch_continues() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let masked = async {
            mask(sleep(ms(20))).await;
            log.add("the mask has ended");
            sleep(ms(5)).await;
            log.add("and so has the code after it");
        };
        turnwise::join!(masked, log.guard("branch", 1, pending::<()>()));
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = [
        "0 branch caught",
        "1 branch cleaned up",
        "20 the mask has ended",
        "25 and so has the code after it",
    ];
    assert_eq!(notes.take(), expected);
}

// ----- masks -----

#[test]
fn a_mask_completes_and_the_task_ends_at_the_wait_after_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let value = mask(async {
            sleep(ms(10)).await;
            "value"
        });
        log.add(value.await);
        sleep(ms(10)).await;
        log.add("not here");
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["10 value"]);
}

#[test]
fn a_catch_inside_of_a_mask_does_not_get_it_and_one_around_it_gets_it_afterwards() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let work = async {
            mask(log.guard("inside", 1, sleep(ms(10)))).await;
            log.add("the mask has ended");
            sleep(ms(10)).await;
        };
        log.guard("around", 1, work).await;
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected =
        ["10 inside done", "10 the mask has ended", "10 around caught", "11 around cleaned up"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn an_abort_does_not_wait_for_a_mask() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, mask(pending::<()>()));
    handle.cancel();
    assert!(scheduler.run_until_stalled() < 3, "the mask holds the request back");
    assert!(!handle.is_finished());
    handle.abort();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
}

// ----- resuming -----

#[test]
fn resuming_goes_from_the_inner_catch_to_the_outer_one_to_the_task() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let inner = log.guard_and_resume("inner", 1, pending::<()>());
        log.guard_and_resume("outer", 2, inner).await;
        log.add("not here");
    });
    handle.cancel_with("the end");
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(error.reason(), Some("the end"));
    let expected = ["0 inner caught", "1 inner resumes", "1 outer caught", "3 outer resumes"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_request_during_the_clean_up_of_an_outer_catch_is_counted_too() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async move {
        let inner = async {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(ms(1)).await;
            cancelled.resume().await;
        };
        let cancelled: Cancelled = catch_cancel(inner).await.unwrap_err();
        sleep(ms(10)).await;
        cancelled.requests()
    });
    handle.cancel();
    scheduler.advance(ms(0));
    scheduler.run_until_stalled();
    scheduler.advance(ms(5));
    scheduler.run_until_stalled();
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), 2);
}

#[test]
fn a_branch_that_resumes_waits_for_the_clean_up_of_its_siblings() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let both = async {
            turnwise::join!(
                log.guard_and_resume("one", 1, pending::<()>()),
                log.guard("two", 10, pending::<()>())
            );
        };
        log.guard("outer", 0, both).await;
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = [
        "0 one caught",
        "0 two caught",
        "1 one resumes",
        "10 two cleaned up",
        "10 outer caught",
        "10 outer cleaned up",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_mask_around_a_resume_does_not_hold_it_back() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        log.add("caught");
        mask(async {
            sleep(ms(1)).await;
            log.add("resumes");
            cancelled.resume().await;
        })
        .await;
    });
    handle.cancel();
    assert!(scheduler.block_on::<JoinHandle<()>>(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 caught", "1 resumes"]);
}

#[test]
fn a_catch_around_a_resume_gets_it_even_in_its_first_turn() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        let again = catch_cancel(cancelled.resume()).await;
        again.is_err()
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap());
}

#[test]
fn a_resume_that_is_dropped_in_flight_is_not_lost() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        // Dropped in the same turn, so no enclosing future sees that it resumes.
        let mut resumes = Box::pin(async { cancelled.resume().await });
        let poll: Poll<()> = poll_once(&mut resumes).await;
        assert!(poll.is_pending());
        drop(resumes);
        log.add("continues until it waits");
        sleep(ms(1)).await;
        log.add("not here");
    });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 continues until it waits"]);
}

// ----- panics -----

#[test]
fn a_clean_up_that_panics_ends_its_task_and_no_other() {
    let (scheduler, _) = world();
    let handle = started(&scheduler, async {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        sleep(ms(1)).await;
        assert_eq!(cancelled.requests(), 0, "a clean-up with a bug");
    });
    let other = started(&scheduler, catch_cancel(sleep(ms(5))));
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_panic());
    assert!(scheduler.block_on(other).unwrap().is_ok());
}

#[test]
fn a_destructor_that_panics_while_it_is_cancelled_ends_its_task_and_no_other() {
    let (scheduler, _) = world();
    let blown = Count::default();
    let bomb = Bomb(blown.clone());
    let handle = started(&scheduler, async move {
        let work = async move {
            let _bomb = bomb;
            pending::<()>().await;
        };
        catch_cancel(work).await.is_err()
    });
    let other = started(&scheduler, async { catch_cancel(sleep(ms(5))).await.is_ok() });
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_panic());
    other.cancel();
    assert!(!scheduler.block_on(other).unwrap());
    assert_eq!(blown.get(), 1);
}

#[test]
fn a_destructor_that_panics_leaves_no_clean_up_behind_if_the_panic_is_caught() {
    let (scheduler, _) = world();
    let bomb = Bomb(Count::default());
    let handle = started(&scheduler, async move {
        let work = Box::pin(async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
        // A foreign combinator that survives a panic of the future it polls.
        let survived =
            futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(catch_cancel(work)));
        assert!(survived.await.is_err());
        catch_cancel(pending::<()>()).await.is_err()
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap(), "the first request had been dealt with");
}

// ----- repeated requests, locks in flight, many tasks -----

#[test]
fn a_loop_that_swallows_every_request_does_one_round_for_each_until_it_is_aborted() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        loop {
            log.guard("round", 1, pending::<()>()).await;
        }
    });
    for _ in 0..3 {
        handle.cancel();
        handle.cancel();
        scheduler.advance(ms(1));
        scheduler.run_until_stalled();
        scheduler.advance(ms(1));
        scheduler.run_until_stalled();
    }
    assert_eq!(notes.take().iter().filter(|line| line.ends_with("caught")).count(), 3);
    handle.abort();
    let error: turnwise::JoinError = scheduler.block_on::<JoinHandle<()>>(handle).unwrap_err();
    assert!(error.reason().is_none());
}

#[test]
fn a_lock_that_was_handed_to_a_task_as_it_was_cancelled_is_passed_on() {
    let (scheduler, notes) = world();
    let lock = Rc::new(Mutex::new(0));
    let (first, log) = (Rc::clone(&lock), notes.clone());
    started(&scheduler, async move {
        let _guard = first.lock().await;
        sleep(ms(10)).await;
        log.add("releases");
    });
    let waiter = |name: &'static str| {
        let (lock, log) = (Rc::clone(&lock), notes.clone());
        async move {
            let locked = catch_cancel(async {
                let _guard = lock.lock().await;
                log.add(format!("{name} has it"));
            });
            log.add(format!("{name}: {}", if locked.await.is_ok() { "done" } else { "cancelled" }));
        }
    };
    let (second, _third) =
        (started(&scheduler, waiter("second")), started(&scheduler, waiter("third")));
    // Cancelled in the same pass in which the lock is handed over, just after that.
    started(&scheduler, async move {
        sleep(ms(10)).await;
        second.cancel();
    });
    scheduler.run().unwrap();
    let expected = ["10 releases", "10 second: cancelled", "10 third has it", "10 third: done"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_lock_inside_two_timeouts_that_is_handed_over_as_they_expire_is_not_lost() {
    let (scheduler, notes) = world();
    let lock = Rc::new(Mutex::new(0));
    let (first, log) = (Rc::clone(&lock), notes.clone());
    started(&scheduler, async move {
        let _guard = first.lock().await;
        sleep(ms(10)).await;
        log.add("releases");
    });
    let (waits, log) = (Rc::clone(&lock), notes.clone());
    started(&scheduler, async move {
        let guard = timeout(ms(10), timeout(ms(10), waits.lock())).await;
        log.add(format!("in time: {}", matches!(guard, Ok(Ok(_)))));
    });
    scheduler.run().unwrap();
    assert!(lock.try_lock().is_ok(), "it is free");
    assert_eq!(notes.take(), ["10 releases", "10 in time: true"]);
}

#[test]
fn a_hundred_thousand_tasks_are_cancelled_and_clean_up() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let cleaned = Count::default();
    let handles: Vec<_> = (0..100_000)
        .map(|_| {
            let cleaned = cleaned.clone();
            scheduler.spawn(async move {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                sleep(ms(1)).await;
                cleaned.add();
                drop(cancelled);
            })
        })
        .collect();
    scheduler.run_until_stalled();
    handles.iter().for_each(JoinHandle::cancel);
    scheduler.run().unwrap();
    assert_eq!(cleaned.get(), 100_000);
}

// ----- the handle, and the error -----

#[test]
fn the_join_error_says_whether_it_was_cancelled_why_or_aborted() {
    let (scheduler, _) = world();
    let text = |end: fn(&JoinHandle<()>)| {
        let handle = scheduler.spawn(pending::<()>());
        end(&handle);
        scheduler.block_on(handle).unwrap_err().to_string()
    };
    assert!(text(JoinHandle::abort).ends_with("was aborted"));
    assert!(text(JoinHandle::cancel).ends_with("was cancelled"));
    assert!(text(|handle| handle.cancel_with("why")).ends_with("was cancelled: why"));
    assert!(text(|handle| handle.abort_handle().cancel_with("so")).ends_with("was cancelled: so"));
}

#[test]
fn a_flattened_handle_has_one_error_for_everything() {
    #[derive(Debug)]
    enum Error {
        Own(&'static str),
        Join(turnwise::JoinError),
    }
    impl From<turnwise::JoinError> for Error {
        fn from(error: turnwise::JoinError) -> Self {
            Error::Join(error)
        }
    }
    let (scheduler, _) = world();
    scheduler.block_on(async {
        assert_eq!(spawn(async { Ok::<_, Error>(1) }).flatten().await.unwrap(), 1);
        let failed = spawn(async { Err::<(), _>(Error::Own("failed")) }).flatten().await;
        assert!(matches!(failed, Err(Error::Own("failed"))));
        let handle = spawn(pending::<Result<(), Error>>());
        handle.cancel();
        let Err(Error::Join(error)) = handle.flatten().await else { panic!("it was cancelled") };
        assert!(error.is_cancelled());
    });
}

#[test]
fn an_observer_sees_requests_and_how_they_end() {
    let (scheduler, log) = probe::traced();
    let handle = scheduler.spawn(pending::<()>());
    handle.cancel_with("enough");
    handle.cancel();
    scheduler.run().unwrap();
    let log = log.take();
    let seen = log.iter().filter(|line| line.starts_with("cancel") || line.starts_with("exit"));
    assert_eq!(seen.collect::<Vec<_>>(), ["cancel #1 (enough)", "exit #1 (cancelled)"]);
}

#[test]
fn an_observer_sees_which_task_catches_a_request() {
    let (scheduler, log) = probe::traced();
    let handle = scheduler.spawn(async {
        let outcome = timeout(ms(5), async { catch_cancel(pending::<()>()).await.is_err() }).await;
        assert_eq!(outcome, Ok(true));
        catch_cancel(pending::<()>()).await.is_err()
    });
    scheduler.run_until_stalled();
    scheduler.advance(ms(5));
    scheduler.run_until_stalled();
    handle.cancel_with("enough");
    scheduler.run().unwrap();
    let log = log.take();
    let seen = log.iter().filter(|line| line.contains("catches"));
    let expected = [
        "#1 catches the cancellation (the deadline has passed)",
        "#1 catches the cancellation (enough)",
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[test]
fn a_task_inside_a_catch_is_reported_with_what_it_waits_for() {
    let (scheduler, _) = world();
    let lock = Rc::new(Mutex::new(()).named("the lock"));
    let (held, waited) = (Rc::clone(&lock), Rc::clone(&lock));
    started(&scheduler, async move {
        let _guard = held.lock().await;
        pending::<()>().await;
    });
    started(&scheduler, async move {
        let _ = catch_cancel(mask(async { drop(waited.lock().await) })).await;
    });
    let turnwise::RunError::Deadlock(report) = scheduler.run().unwrap_err() else {
        panic!("it is a deadlock");
    };
    let report = report.to_string();
    assert!(report.contains("#3  waits for mutex \"the lock\""), "{report}");
}

#[test]
fn time_does_not_pass_while_a_request_is_delivered() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let ended = Cell::new(false);
        let _ = catch_cancel(async {
            sleep(ms(1000)).await;
            ended.set(true);
        })
        .await;
        log.add(format!("ended: {}", ended.get()));
        time::advance(ms(1)).await;
    });
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["0 ended: false"]);
}

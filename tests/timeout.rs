//! Timeouts: at the deadline the inner future is cancelled, and the outermost of several due timeouts acts.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use notes::{ms, started, world};
use probe::Count;
use turnwise::task::{catch_cancel, mask, shield};
use turnwise::time::{Elapsed, timeout_at};
use turnwise::{Scheduler, block_on, join_all, sleep, spawn, time, timeout, yield_now};

#[test]
fn a_future_that_is_ready_in_the_turn_of_the_deadline_wins() {
    let (scheduler, _) = world();
    let outcome = scheduler.block_on(timeout(ms(10), async {
        sleep(ms(10)).await;
        "ready"
    }));
    assert_eq!(outcome, Ok("ready"));
}

#[test]
fn a_timeout_of_zero_polls_once() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        let polls = Count::default();
        let never = poll_fn(|_| {
            polls.add();
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, never).await.is_err());
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_deadline_in_the_past_polls_once() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        sleep(ms(100)).await;
        let past = time::now().checked_sub(ms(50)).unwrap();
        assert_eq!(timeout_at(past, async { 1 }).await, Ok(1));
        assert!(timeout_at(past, pending::<()>()).await.is_err());
        assert!(timeout_at(time::now(), yield_now()).await.is_err());
        let start = time::now();
        assert!(timeout_at(start + ms(5), pending::<()>()).await.is_err());
        assert_eq!(time::now() - start, ms(5));
    });
}

#[test]
fn the_longest_timeout_never_ends() {
    let (scheduler, _) = world();
    let outcome = scheduler.block_on(timeout(Duration::MAX, sleep(Duration::from_secs(1 << 32))));
    assert_eq!(outcome, Ok(()));
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.spawn(timeout(Duration::MAX, pending::<()>()));
    assert!(scheduler.run().is_err(), "nothing will ever happen, and that is a deadlock");
}

#[test]
fn a_future_that_is_ready_immediately_needs_no_timer_and_no_scheduler() {
    let mut ready = pin!(timeout(ms(1), async { "ready" }));
    assert_eq!(futures::executor::block_on(ready.as_mut()), Ok("ready"));
    let scheduler = Scheduler::new();
    scheduler.block_on(async {
        for _ in 0..3 {
            timeout(ms(1), async {}).await.unwrap();
        }
    });
    assert_eq!(scheduler.metrics().timers, 0);
}

#[test]
#[should_panic(expected = "needs a running scheduler")]
fn a_future_that_waits_needs_a_scheduler() {
    let _ = futures::executor::block_on(timeout(ms(1), pending::<()>()));
}

#[test]
fn the_timer_is_dropped_with_the_timeout() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        timeout(ms(1000), sleep(ms(1))).await.unwrap();
        timeout(ms(1000), yield_now()).await.unwrap();
    });
    assert_eq!(scheduler.metrics().timers, 0);
}

#[test]
fn the_time_counts_from_the_first_poll() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        let late = timeout(ms(10), pending::<()>());
        sleep(ms(100)).await;
        let start = time::now();
        assert!(late.await.is_err());
        assert_eq!(time::now() - start, ms(10));
    });
}

#[test]
fn an_error_says_what_it_is() {
    let (scheduler, _) = world();
    let elapsed: Elapsed = scheduler.block_on(timeout(ms(1), pending::<()>())).unwrap_err();
    assert_eq!(elapsed.to_string(), "the deadline has passed");
    assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
}

// ----- with clean-ups -----

#[test]
fn the_clean_up_is_awaited_and_a_value_that_comes_after_it_is_not_lost() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let mut work = pin!(timeout(ms(1000), log.guard("work", 5000, pending::<()>())));
        // Only what is dropped is lost, and the future has returned. That it is late can be asked.
        assert_eq!(work.as_mut().await, Ok(()));
        log.add(format!("late: {}", work.is_elapsed()));
    });
    let expected = ["1000 work caught", "6000 work cleaned up", "6000 late: true"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn the_reason_is_the_deadline() {
    let (scheduler, _) = world();
    let outcome = scheduler.block_on(timeout(ms(1), async {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        cancelled.reason().to_owned()
    }));
    assert_eq!(outcome.as_deref(), Ok("the deadline has passed"));
}

#[test]
fn a_catch_around_a_timeout_sees_that_it_elapsed_after_the_clean_up() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let inner = timeout(ms(10), log.guard_and_resume("inner", 5, pending::<()>()));
        let outcome = catch_cancel(inner).await;
        assert!(matches!(outcome, Ok(Err(_))));
        log.add("continues");
    });
    assert_eq!(notes.take(), ["10 inner caught", "15 inner resumes", "15 continues"]);
}

#[test]
fn a_timeout_inside_a_clean_up_works_as_usual() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        assert!(timeout(ms(10), pending::<()>()).await.is_err());
        let inner = log.guard_and_resume("in the clean-up", 5, pending::<()>());
        assert!(timeout(ms(10), inner).await.is_err());
        log.add("cleaned up");
        drop(cancelled);
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = ["20 in the clean-up caught", "25 in the clean-up resumes", "25 cleaned up"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_task_that_is_cancelled_during_a_clean_up_for_a_timeout_finishes_the_clean_up_first() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let outcome = timeout(ms(10), log.guard("work", 100, pending::<()>())).await;
        log.add(format!("elapsed: {}", outcome.is_err()));
        sleep(ms(1)).await;
        log.add("not here");
    });
    scheduler.run_until_stalled();
    scheduler.advance(ms(50));
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    // The future has returned, so the timeout has too; the request ends the task at its next wait.
    let expected = ["50 work caught", "150 work cleaned up", "150 elapsed: false"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_timeout_that_comes_due_during_a_clean_up_for_its_task_waits_for_the_clean_up() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let outcome = timeout(ms(10), log.guard("work", 100, pending::<()>())).await;
        log.add(format!("elapsed: {}", outcome.is_err()));
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    // The deadline found nothing to drop before the future returned.
    let expected = ["0 work caught", "100 work cleaned up", "100 elapsed: false"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_mask_is_waited_for() {
    let (scheduler, _) = world();
    scheduler.block_on(async {
        let start = time::now();
        let work = async {
            mask(sleep(ms(50))).await;
            pending::<()>().await;
        };
        assert!(timeout(ms(10), work).await.is_err());
        assert_eq!(time::now() - start, ms(50));
    });
}

#[test]
fn a_shielded_task_continues_after_its_timeout() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let work = async move {
        sleep(ms(5000)).await;
        log.add("yay!");
        "output"
    };
    scheduler.block_on(async {
        assert!(timeout(ms(1000), shield(work)).await.is_err());
        notes.add("timeout!");
        sleep(ms(5000)).await;
        assert_eq!(shield(async { 1 }).await.unwrap(), 1);
    });
    assert_eq!(notes.take(), ["1000 timeout!", "5000 yay!"]);
}

// ----- several -----

#[test]
fn when_two_are_due_in_one_turn_the_outer_acts_and_nothing_after_the_inner_runs() {
    for is_outer_longer in [false, true] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        scheduler.block_on(async {
            let inner = async {
                let outcome = timeout(ms(10), pending::<()>()).await;
                log.add(format!("inner elapsed: {}", outcome.is_err()));
            };
            let outer = ms(if is_outer_longer { 11 } else { 10 });
            assert!(
                timeout(outer, async {
                    inner.await;
                    pending::<()>().await;
                })
                .await
                .is_err()
            );
        });
        let inner_came_first = !notes.take().is_empty();
        assert_eq!(inner_came_first, is_outer_longer);
    }
}

#[test]
fn of_two_zero_timeouts_the_outer_acts() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let inner = async {
            let _ = timeout(Duration::ZERO, pending::<()>()).await;
            log.add("not here");
        };
        assert!(timeout(Duration::ZERO, inner).await.is_err());
    });
    assert!(notes.take().is_empty());
}

#[test]
fn a_timeout_that_yielded_to_an_outer_one_acts_later_if_it_still_exists() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let inner: FuturesUnordered<_> = [timeout(ms(10), pending::<()>())].into_iter().collect();
        let mut inner = pin!(inner);
        // Both are due, and the sleep completes in the same turn: the outer one returns its output.
        let both = futures::future::select(inner.next(), Box::pin(sleep(ms(10))));
        let outcome = timeout(ms(10), both).await;
        assert!(outcome.is_ok());
        drop(outcome);
        assert!(inner.next().await.unwrap().is_err());
        log.add("the inner one too");
    });
    assert_eq!(notes.take(), ["10 the inner one too"]);
}

#[test]
fn a_timeout_inside_a_mask_acts_though_the_outer_one_must_wait() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let masked = async {
            let outcome = timeout(ms(10), pending::<()>()).await;
            log.add(format!("inner elapsed: {}", outcome.is_err()));
            sleep(ms(10)).await;
            log.add("the mask has ended");
        };
        // The outer one drops nothing, so it returns what the mask gives.
        assert_eq!(timeout(ms(10), mask(masked)).await, Ok(()));
    });
    assert_eq!(notes.take(), ["10 inner elapsed: true", "20 the mask has ended"]);
}

#[test]
fn a_timeout_of_another_scheduler_that_is_stepped_inside_does_not_yield() {
    let (scheduler, _) = world();
    let other = Scheduler::builder().virtual_time().build();
    let inner = other.spawn(timeout(ms(10), pending::<()>()));
    other.run_until_stalled();
    let outcome = scheduler.block_on(timeout(
        ms(10),
        poll_fn(|_| {
            other.advance(ms(5));
            other.run_until_stalled();
            Poll::<()>::Pending
        }),
    ));
    // Its first poll has advanced the other clock by 5 ms, and so has its second, when the timeout was due itself.
    assert!(outcome.is_err());
    assert!(inner.is_finished());
    assert!(other.block_on(inner).unwrap().is_err());
}

#[test]
fn ten_thousand_of_them_end_at_their_own_time() {
    let (scheduler, _) = world();
    let ended = scheduler.block_on(async {
        let start = time::now();
        let all = (0..10_000u64).map(|number| async move {
            let outcome = timeout(ms(number % 100), pending::<()>()).await;
            outcome.is_err() && time::now() - start == ms(number % 100)
        });
        join_all(all).await
    });
    assert!(ended.into_iter().all(|is_right| is_right));
}

// ----- resuming -----

#[test]
fn resuming_inside_an_expired_timeout_ends_the_timeout() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let outcome = timeout(ms(10), log.guard_and_resume("work", 5, pending::<()>())).await;
        log.add(format!("elapsed: {}", outcome.is_err()));
    });
    assert_eq!(notes.take(), ["10 work caught", "15 work resumes", "15 elapsed: true"]);
}

#[test]
fn resuming_inside_an_unexpired_timeout_propagates_outwards() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let inner = timeout(ms(1000), log.guard_and_resume("work", 5, pending::<()>()));
        log.guard_and_resume("outer", 5, inner).await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    let expected = ["0 work caught", "5 work resumes", "5 outer caught", "10 outer resumes"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_request_of_the_task_that_is_resumed_inside_an_expired_timeout_ends_both() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let inner = log.guard_and_resume("work", 20, pending::<()>());
        let outcome = timeout(ms(10), inner).await;
        log.add(format!("elapsed: {}", outcome.is_err()));
        sleep(ms(1)).await;
        log.add("not here");
    });
    scheduler.run_until_stalled();
    handle.cancel_with("why");
    assert_eq!(scheduler.block_on(handle).unwrap_err().reason(), Some("why"));
    assert_eq!(notes.take(), ["0 work caught", "20 work resumes", "20 elapsed: true"]);
}

#[test]
fn a_catch_around_a_timeout_that_ends_in_the_turn_of_the_resume_still_gets_the_request() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let inner = async {
            let outcome = timeout(ms(10), log.guard_and_resume("work", 10, pending::<()>())).await;
            log.add(format!("elapsed: {}", outcome.is_err()));
            sleep(ms(1)).await;
            log.add("not here");
        };
        log.guard("outer", 1, inner).await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = [
        "0 work caught",
        "10 work resumes",
        "10 elapsed: true",
        "10 outer caught",
        "11 outer cleaned up",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn of_two_due_timeouts_around_a_resume_the_inner_one_elapses_and_the_outer_returns_that() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        // Both are due immediately. The outer one's request is resumed when the inner one acts. With that the future
        // of the outer one has returned, and what was resumed in it has ended.
        let work = log.guard_and_resume("work", 1, pending::<()>());
        let outcome = timeout(Duration::ZERO, timeout(Duration::ZERO, work)).await;
        log.add(match outcome {
            Ok(Ok(())) => "in time",
            Ok(Err(_)) => "the inner one elapsed",
            Err(_) => "the outer one elapsed",
        });
        sleep(ms(1)).await;
        log.add("continues");
    });
    scheduler.block_on(handle).unwrap();
    let expected = ["0 work caught", "1 work resumes", "1 the inner one elapsed", "2 continues"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_timeout_ends_when_one_branch_resumes_and_the_others_have_cleaned_up() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.block_on(async {
        let branches = async {
            turnwise::join!(
                log.guard_and_resume("one", 1, pending::<()>()),
                log.guard("two", 20, pending::<()>()),
                pending::<()>()
            )
        };
        assert!(timeout(ms(10), branches).await.is_err());
        log.add("elapsed");
    });
    let expected =
        ["10 one caught", "10 two caught", "11 one resumes", "30 two cleaned up", "30 elapsed"];
    assert_eq!(notes.take(), expected);
}

// ----- reports -----

#[test]
fn a_timeout_is_shown_as_a_sleep_beside_what_its_future_waits_for() {
    let (scheduler, _) = world();
    let task = scheduler.spawn(timeout(ms(1000), async {
        let never = turnwise::sync::Event::new().named("never");
        never.wait().await;
    }));
    scheduler.run_until_stalled();
    let snapshot = scheduler.snapshot();
    let info = snapshot.tasks.iter().find(|info| info.label.id == task.id()).unwrap();
    let waits: Vec<String> = info.waits.iter().map(ToString::to_string).collect();
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(waits[0].contains("tests/timeout.rs"), "{waits:?}");
    assert!(waits[1].contains("event \"never\""), "{waits:?}");
    assert_eq!(snapshot.timers.len(), 1);
}

#[test]
fn a_hung_clean_up_after_a_timeout_is_a_deadlock_that_names_it() {
    let (scheduler, _) = world();
    scheduler.spawn(timeout(ms(10), async {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        let never = turnwise::sync::Event::new().named("never");
        never.wait().await;
        drop(cancelled);
    }));
    let report = scheduler.run().unwrap_err().to_string();
    assert!(report.contains("event \"never\""), "{report}");
}

#[test]
fn it_works_on_a_real_clock_and_inside_spawned_tasks() {
    let start = std::time::Instant::now();
    let outcome = block_on(async { spawn(timeout(ms(5), pending::<()>())).await.unwrap() });
    assert!(outcome.is_err());
    assert!(start.elapsed() >= ms(5));
}

#[test]
fn a_mask_with_four_requests_around_it_is_not_mistaken_for_abandoned() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let held = mask(async {
            sleep(ms(4)).await;
            log.add("mask over");
        });
        let held = timeout(ms(0), timeout(ms(0), timeout(ms(2), held)));
        log.add(if held.await.is_err() { "elapsed" } else { "in time" });
    });
    let canceller = handle.abort_handle();
    scheduler.spawn(async move {
        sleep(ms(1)).await;
        canceller.cancel();
    });
    // Each of the four checks once per turn whether the mask is polled; together they must not give up too early. None
    // of them drops anything, so the mask's value is returned.
    scheduler.block_on(handle).unwrap();
    assert_eq!(notes.take(), ["4 mask over", "4 in time"]);
}

//! Faults of the first mechanism for cancelling, each as the program that was reported.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;

use std::future::{pending, ready};
use std::pin::{Pin, pin};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use notes::{Notes, ms, started, world};
use turnwise::generator::AsyncGenerator;
use turnwise::task::{self, CancelToken, catch_cancel, mask, scope};
use turnwise::{JoinHandle, Scheduler, as_completed, join, join_all, select, sleep, spawn, time};
use turnwise::{timeout, yield_now};

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

const SECOND: u64 = 1000;

// ----- groups of few and of many -----

/// A scope whose body never ends, a catch of something that never ends, and futures that are ready.
fn scope_and_catch(notes: &Notes, members: usize) -> Vec<Boxed<'_>> {
    let mut all: Vec<Boxed> = vec![
        Box::pin(async {
            let error = scope(async |_| pending::<()>().await).await.unwrap_err();
            notes.add(error.to_string());
        }),
        Box::pin(notes.guard("catch", 0, pending::<()>())),
    ];
    all.resize_with(members, || Box::pin(ready(())));
    all
}

async fn all_in_order(members: Vec<Boxed<'_>>) {
    join_all(members).await;
}

async fn all_unordered(members: Vec<Boxed<'_>>) {
    let mut members: FuturesUnordered<_> = members.into_iter().collect();
    while members.next().await.is_some() {}
}

#[test]
fn a_timeout_reaches_a_scope_and_a_catch_in_a_group_of_any_size() {
    for members in [2, 30, 31, 300] {
        for is_foreign in [false, true] {
            let (scheduler, notes) = world();
            scheduler.block_on(async {
                let all = scope_and_catch(&notes, members);
                let outcome = if is_foreign {
                    timeout(ms(SECOND), all_unordered(all)).await
                } else {
                    timeout(ms(SECOND), all_in_order(all)).await
                };
                // The catch has dealt with the request, so the scope returns what it ended with.
                assert_eq!(outcome, Ok(()), "{members} {is_foreign}");
            });
            let expected = [
                "1000 catch caught",
                "1000 catch cleaned up",
                "1000 the scope was cancelled: the deadline has passed",
            ];
            assert_eq!(notes.take(), expected, "{members} {is_foreign}");
        }
    }
}

#[test]
fn a_request_to_a_task_reaches_a_scope_and_a_catch_in_a_group_of_any_size() {
    for members in [2, 30, 31, 300] {
        for is_foreign in [false, true] {
            let (scheduler, notes) = world();
            let log = notes.clone();
            let handle = started(&scheduler, async move {
                let all = scope_and_catch(&log, members);
                if is_foreign { all_unordered(all).await } else { all_in_order(all).await }
            });
            handle.cancel();
            scheduler.block_on(handle).unwrap();
            let expected = ["0 catch caught", "0 catch cleaned up", "0 the scope was cancelled"];
            assert_eq!(notes.take(), expected, "{members} {is_foreign}");
        }
    }
}

#[test]
fn scopes_in_a_group_of_any_size_outlive_the_timeout_that_asked_them() {
    for members in [1, 30, 31, 300] {
        let (scheduler, _) = world();
        let arrived = scheduler.block_on(async {
            let scopes = (0..members).map(|_| {
                scope(async |s| {
                    s.spawn(sleep(ms(5 * SECOND)));
                })
            });
            let mut scopes = as_completed(scopes);
            assert!(timeout(ms(SECOND), scopes.next()).await.is_err());
            let mut arrived = 0;
            while scopes.next().await.is_some() {
                arrived += 1;
            }
            arrived
        });
        assert_eq!(arrived, members);
    }
}

// ----- a second request during a clean-up -----

/// Catches a request; the clean-up awaits a scope whose child takes three seconds.
async fn cleans_up_in_a_scope(notes: Notes) {
    let Err(_cancelled) = catch_cancel(pending::<()>()).await else { return };
    notes.add("caught");
    let children = scope(async |s| {
        s.spawn(sleep(ms(3 * SECOND)));
    });
    notes.add(if children.await.is_ok() { "the child has ended" } else { "the scope failed" });
}

/// The same, with a catch inside the clean-up.
async fn cleans_up_in_a_catch(notes: Notes) {
    let Err(_cancelled) = catch_cancel(pending::<()>()).await else { return };
    notes.add("caught");
    let inner = catch_cancel(sleep(ms(3 * SECOND))).await;
    notes.add(if inner.is_ok() { "the child has ended" } else { "the catch took a request" });
}

const UNDISTURBED: [&str; 2] = ["caught", "the child has ended"];

/// Both clean-ups, each with its own log.
fn clean_ups(test: impl Fn(&Scheduler, Boxed<'static>, &Notes)) {
    for is_scope in [true, false] {
        let (scheduler, notes) = world();
        let clean_up: Boxed = if is_scope {
            Box::pin(cleans_up_in_a_scope(notes.clone()))
        } else {
            Box::pin(cleans_up_in_a_catch(notes.clone()))
        };
        test(&scheduler, clean_up, &notes);
        let lines = notes.take();
        let texts: Vec<_> = lines.iter().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(texts, UNDISTURBED, "{lines:?}");
    }
}

#[test]
fn a_clean_up_inside_two_timeouts_is_not_disturbed_by_the_second() {
    for (outer, inner) in [(2, 1), (1, 2), (1, 1)] {
        clean_ups(|scheduler, clean_up, _| {
            scheduler.block_on(async {
                let inner = timeout(ms(inner * SECOND), clean_up);
                assert_eq!(timeout(ms(outer * SECOND), inner).await, Ok(Ok(())));
            });
        });
    }
}

/// What asks one task to end, in this order.
#[derive(Clone, Copy)]
enum Ask {
    Token,
    Cancel,
    Shutdown,
}

#[test]
fn a_clean_up_is_not_disturbed_by_a_second_request_from_elsewhere() {
    let orders: [&[Ask]; 4] = [
        &[Ask::Token, Ask::Cancel],
        &[Ask::Cancel, Ask::Token],
        &[Ask::Token, Ask::Shutdown],
        &[Ask::Token, Ask::Cancel, Ask::Shutdown],
    ];
    for order in orders {
        for pause in [0, SECOND] {
            clean_ups(|scheduler, clean_up, _| {
                let token = CancelToken::new();
                let own = token.clone();
                let handle = started(scheduler, async move {
                    own.run_until_cancelled(clean_up).await;
                });
                for ask in order {
                    ask_to_end(*ask, scheduler, &token, &handle);
                    scheduler.block_on(sleep(ms(pause)));
                }
                // A request that waited for the clean-up finds that the task has returned.
                scheduler.block_on(handle).unwrap();
            });
        }
    }
}

fn ask_to_end(ask: Ask, scheduler: &Scheduler, token: &CancelToken, handle: &JoinHandle<()>) {
    match ask {
        Ask::Token => token.cancel(),
        Ask::Cancel => handle.cancel(),
        Ask::Shutdown => {
            let report = scheduler.shutdown(ms(100 * SECOND)).unwrap();
            assert!(report.aborted.is_empty(), "{report:?}");
        }
    }
}

#[test]
fn a_request_that_waited_for_a_clean_up_acts_after_it() {
    let (scheduler, notes) = world();
    let token = CancelToken::new();
    let (own, log) = (token.clone(), notes.clone());
    let handle = started(&scheduler, async move {
        let work = cleans_up_in_a_scope(log.clone());
        assert_eq!(own.run_until_cancelled(work).await, Some(()));
        log.add("continues to its next wait");
        sleep(ms(1)).await;
        log.add("not here");
    });
    token.cancel();
    scheduler.block_on(sleep(ms(SECOND)));
    handle.cancel_with("enough");
    assert_eq!(scheduler.block_on(handle).unwrap_err().reason(), Some("enough"));
    let expected = ["0 caught", "3000 the child has ended", "3000 continues to its next wait"];
    assert_eq!(notes.take(), expected);
}

// ----- what is lent, shared and kept -----

/// The timeout of one task asks a catch that the other task polls next. That one was not asked: it is not cancelled, and
/// panics if what it waits for has resumed.
#[test]
fn a_shared_future_ends_no_task_that_was_not_asked() {
    for resumes in [false, true] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let shared: Boxed = if resumes {
            Box::pin(async move { log.guard_and_resume("shared", 1, pending::<()>()).await })
        } else {
            Box::pin(async move { log.guard("shared", 1, pending::<()>()).await })
        };
        let shared = shared.shared();
        let (own, other) = (shared.clone(), shared);
        let other = started(&scheduler, other);
        let asks = started(&scheduler, async move { timeout(ms(SECOND), own).await });
        let outcome = scheduler.block_on(other);
        if resumes {
            let error = outcome.unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("task::shield"), "{error}");
        } else {
            outcome.unwrap();
            assert_eq!(scheduler.block_on(asks).unwrap(), Ok(()));
        }
        assert_eq!(notes.take()[0], "1000 shared caught");
    }
}

#[test]
fn what_has_resumed_and_is_polled_again_panics_and_names_the_remedy() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let mut lent = pin!(log.guard_and_resume("lent", 0, pending::<()>()));
        assert!(timeout(ms(SECOND), lent.as_mut()).await.is_err());
        lent.await;
    });
    let error = scheduler.block_on(handle).unwrap_err();
    assert!(error.is_panic());
    let text = error.to_string();
    for part in ["the deadline has passed", "`catch_cancel` at tests/notes/mod.rs", "task::shield"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(notes.take(), ["1000 lent caught", "1000 lent resumes"]);
}

/// A generator whose body holds a resource, and is slow.
fn rows(notes: &Notes) -> AsyncGenerator<'_, u32> {
    AsyncGenerator::new(async |co| {
        let body = async |(): &mut ()| {
            for row in 0..3 {
                sleep(ms(5 * SECOND / 2)).await;
                co.yield_(row).await;
            }
        };
        task::with((), body, async |(), _| notes.add("closed")).await;
    })
}

#[test]
fn a_generator_whose_body_was_cancelled_is_over() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let mut rows = rows(&notes);
        assert!(timeout(ms(SECOND), rows.next()).await.is_err());
        assert_eq!(timeout(ms(SECOND), rows.next()).await, Ok(None));
        assert!(rows.is_over());
    });
    assert_eq!(notes.take(), ["1000 closed"]);
}

#[test]
fn a_heartbeat_that_asks_nothing_keeps_a_generator_alive() {
    let (scheduler, notes) = world();
    let (mut seen, mut beats) = (Vec::new(), 0);
    scheduler.block_on(async {
        let mut rows = rows(&notes);
        loop {
            select! {
                row = rows.next() => match row {
                    Some(row) => seen.push(row),
                    None => break,
                },
                () = sleep(ms(SECOND)) => beats += 1,
            }
        }
    });
    assert_eq!((seen, beats), (vec![0, 1, 2], 6));
    assert_eq!(notes.take(), ["7500 closed"]);
}

#[cfg(feature = "jobs")]
#[test]
fn jobs_that_are_lent_to_timeouts_again_and_again_say_that_they_have_ended() {
    let (scheduler, _) = world();
    let jobs = turnwise::jobs::Jobs::new();
    let runs = std::rc::Rc::new(std::cell::Cell::new(0));
    let counts = std::rc::Rc::clone(&runs);
    jobs.every(10).seconds().run(async move || {
        counts.set(counts.get() + 1);
        sleep(ms(60 * SECOND)).await;
    });
    let handle = scheduler.spawn(async move {
        let mut running = pin!(jobs.run_forever());
        for _ in 0..3 {
            let _elapsed = timeout(ms(15 * SECOND), running.as_mut()).await;
        }
    });
    let outcome = scheduler.block_on(handle);
    assert_eq!(runs.get(), 1);
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("was made on something other"), "{text}");
}

// ----- values -----

#[test]
fn no_output_of_a_group_is_swallowed_by_a_timeout_around_next() {
    let (scheduler, _) = world();
    let seen = scheduler.block_on(async {
        let masked = async {
            mask(sleep(ms(3 * SECOND))).await;
            "the mask"
        };
        let sleeps = async {
            sleep(ms(2 * SECOND)).await;
            "the sleep"
        };
        let all: [Pin<Box<dyn Future<Output = &str>>>; 2] = [Box::pin(masked), Box::pin(sleeps)];
        let mut group = as_completed(all);
        let (start, mut seen) = (time::now(), Vec::new());
        for _ in 0..10 {
            match timeout(ms(SECOND), group.next()).await {
                Ok(Some(output)) => seen.push((output, (time::now() - start).as_secs())),
                Ok(None) => break,
                Err(_elapsed) => {}
            }
        }
        seen
    });
    assert_eq!(seen, [("the sleep", 2), ("the mask", 3)]);
}

#[test]
fn values_that_come_after_their_deadline_are_returned_from_all_kinds_of_groups() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let late = |number: u64| async move {
            mask(sleep(ms(number))).await;
            number
        };
        assert_eq!(timeout(ms(1), async { join!(late(2), late(3)) }).await, Ok((2, 3)));
        assert_eq!(timeout(ms(1), join_all([late(4), late(5)])).await, Ok(vec![4, 5]));
        let nested = timeout(ms(1), timeout(ms(1), late(6)));
        assert_eq!(nested.await, Ok(Ok(6)));
        let handle = spawn(async move { late(7).await });
        yield_now().await;
        handle.cancel();
        assert_eq!(handle.await.unwrap(), 7);
    });
    drop(notes);
}

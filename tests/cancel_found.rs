//! Faults that random programs found while cancelling was designed and built, each as a small program; and that many
//! regions, and deep ones, cost no more than they must.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::future::{pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use notes::{Notes, ms, started, world};
use probe::{Count, on_stack};
use turnwise::generator::AsyncGenerator;
use turnwise::task::{self, CancelToken, catch_cancel, mask, scope};
use turnwise::{JoinHandle, Scheduler, as_completed, join, join_all, sleep, timeout, yield_now};

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Runs everything to its end.
fn finish(scheduler: &Scheduler) {
    for _ in 0..500 {
        if scheduler.step().is_none() {
            return;
        }
    }
    panic!("it spins");
}

fn reason(handle: JoinHandle<()>, scheduler: &Scheduler) -> Option<String> {
    scheduler.block_on(handle).unwrap_err().reason().map(str::to_owned)
}

// ----- several askers -----

/// The inner timeout wakes the mask; the task, which looks after it in the same turn, must not take that for a rest in
/// which the mask was not polled.
#[test]
fn a_mask_inside_a_timeout_and_a_task_that_are_asked_in_one_turn_is_waited_for() {
    for timeouts in 1..4 {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let mut work: Boxed = Box::pin(async move {
            mask(sleep(ms(20))).await;
            log.add("the mask has ended");
        });
        for _ in 0..timeouts {
            work = Box::pin(async { timeout(ms(10), work).await.unwrap() });
        }
        let handle = started(&scheduler, work);
        let own = handle.abort_handle();
        scheduler.spawn(async move {
            sleep(ms(10)).await;
            own.cancel();
        });
        finish(&scheduler);
        assert_eq!(notes.take(), ["20 the mask has ended"], "{timeouts}");
        assert!(scheduler.block_on(handle).is_ok(), "{timeouts}");
    }
}

/// The scope has ended its tasks for the first request, and waits for what becomes of that. The second one does not
/// change what it waits for.
#[test]
fn a_scope_that_is_asked_twice_returns_when_the_first_request_is_dealt_with() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let in_time = async {
            let children = scope(async |_| pending::<()>().await);
            let outcome = timeout(ms(10), children).await;
            log.add(format!("the scope: {}", outcome.unwrap().unwrap_err()));
        };
        join!(in_time, log.guard("neighbour", 20, pending::<()>()));
    });
    handle.cancel();
    finish(&scheduler);
    scheduler.block_on(handle).unwrap();
    let expected =
        ["0 neighbour caught", "20 neighbour cleaned up", "20 the scope: the scope was cancelled"];
    assert_eq!(notes.take(), expected);
}

/// Even if the neighbour has taken the request before.
#[test]
fn a_catch_around_a_scope_gets_the_request_after_the_children() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let children = scope(async |s| {
            s.spawn(log.guard("child", 5, pending::<()>()));
        });
        let around = log.guard("around", 1, async { drop(children.await) });
        join!(around, log.guard("neighbour", 20, pending::<()>()));
    });
    handle.cancel();
    finish(&scheduler);
    scheduler.block_on(handle).unwrap();
    let expected = [
        "0 child caught",
        "0 neighbour caught",
        "5 child cleaned up",
        "5 around caught",
        "6 around cleaned up",
        "20 neighbour cleaned up",
    ];
    assert_eq!(notes.take(), expected);
}

/// What was resumed goes to the catch around it, and not the deadline of a timeout further out.
#[test]
fn a_deadline_in_the_instant_of_a_resume_does_not_take_its_place() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let work = async {
            let inner = log.guard_and_resume("inner", 10, pending::<()>());
            let cancelled = catch_cancel(inner).await.unwrap_err();
            log.add(cancelled.reason());
        };
        assert_eq!(timeout(ms(10), work).await, Ok(()));
    });
    handle.cancel_with("the request of the task");
    finish(&scheduler);
    scheduler.block_on(handle).unwrap();
    let expected = ["0 inner caught", "10 inner resumes", "10 the request of the task"];
    assert_eq!(notes.take(), expected);
}

/// The request was taken before this catch started to wait, so it is not for this one; it goes past it to the next
/// catch around the place where it was resumed.
#[test]
fn a_resume_is_not_stopped_by_a_catch_that_starts_to_wait_in_its_turn() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let inner = async {
            let work = log.guard_and_resume("first", 10, pending::<()>());
            assert!(timeout(ms(5), work).await.is_err());
            log.guard("second", 0, pending::<()>()).await;
        };
        log.guard("around", 0, inner).await;
    });
    handle.cancel();
    finish(&scheduler);
    scheduler.block_on(handle).unwrap();
    let expected =
        ["0 first caught", "10 first resumes", "10 around caught", "10 around cleaned up"];
    assert_eq!(notes.take(), expected);
}

// ----- clean-ups -----

#[test]
fn a_scope_and_a_resume_inside_a_clean_up_end_while_another_request_waits() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let work = async {
            let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            let children = scope(async |s| {
                s.spawn(sleep(ms(5)));
            });
            children.await.unwrap();
            log.add("the scope has ended");
            let inner = log.guard_and_resume("inner", 5, pending::<()>());
            assert!(timeout(ms(5), inner).await.is_err());
            log.add("the resume has ended");
        };
        assert_eq!(timeout(ms(10), work).await, Ok(()));
        pending::<()>().await;
    });
    scheduler.block_on(sleep(ms(12)));
    handle.cancel_with("another");
    finish(&scheduler);
    assert_eq!(reason(handle, &scheduler).as_deref(), Some("another"));
    let expected = [
        "15 the scope has ended",
        "20 inner caught",
        "25 inner resumes",
        "25 the resume has ended",
    ];
    assert_eq!(notes.take(), expected);
}

/// Not at the next look of the task, which comes after its turn.
#[test]
fn a_request_is_closed_in_the_very_turn_in_which_its_last_clean_up_ends() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        for round in 0..2 {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            yield_now().await;
            log.add(format!("{round} during: {}", task::cancelling()));
            drop(cancelled);
            log.add(format!("{round} after: {}", task::cancelling()));
        }
    });
    handle.cancel();
    scheduler.run_until_stalled();
    handle.cancel();
    finish(&scheduler);
    let expected = ["0 0 during: 1", "0 0 after: 0", "0 1 during: 1", "0 1 after: 0"];
    assert_eq!(notes.take(), expected);
}

// ----- what is lent or shared -----

/// What a group or a generator is lent to again and again.
async fn beats<T>(notes: &Notes, beats: usize, mut next: impl AsyncFnMut() -> Option<T>) {
    for _ in 0..beats {
        match timeout(ms(10), next()).await {
            Ok(Some(_)) => notes.add("a member"),
            Ok(None) => return notes.add("the end"),
            Err(_) => notes.add("nothing"),
        }
    }
}

/// The group moves to where it is polled, with members that are not polled there: also if one of them cleans up.
#[test]
fn few_and_many_are_the_same_when_a_lent_group_holds_a_clean_up() {
    for members in [2, 40] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let handle = started(&scheduler, async move {
            let mut all: Vec<Boxed> = vec![Box::pin(sleep(ms(25))), {
                let log = log.clone();
                Box::pin(async move { log.guard("member", 60, pending::<()>()).await })
            }];
            all.resize_with(members, || Box::pin(pending()));
            let mut group = as_completed(all);
            beats(&log, 3, async || group.next().await).await;
        });
        scheduler.block_on(sleep(ms(200)));
        let expected = ["10 member caught", "25 a member", "70 member cleaned up", "70 a member"];
        let lines = notes.take();
        assert_eq!(lines[..4], expected, "{members}");
        drop(handle);
    }
}

/// It is not polled, since nothing wakes it but the end of the request.
#[test]
fn an_idle_member_of_a_group_that_has_resumed_makes_itself_heard() {
    for members in [1, 2, 30, 31, 40] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let handle = scheduler.spawn(async move {
            let dead = async move { log.guard_and_resume("dead", 0, pending::<()>()).await };
            let mut all: Vec<Boxed> = vec![Box::pin(dead)];
            all.resize_with(members, || Box::pin(pending()));
            let mut group = as_completed(all);
            assert!(timeout(ms(10), group.next()).await.is_err());
            group.next().await;
        });
        finish(&scheduler);
        assert!(handle.is_finished(), "{members}");
        let error = scheduler.block_on(handle).unwrap_err().to_string();
        assert!(error.contains("task::shield"), "{error}");
    }
}

/// The same, where the member is a generator: it is over.
#[test]
fn an_idle_member_of_a_group_whose_generator_is_over_ends() {
    for members in [1, 2, 30, 31, 40] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let handle = scheduler.spawn(async move {
            let dead = async move {
                let mut rows = AsyncGenerator::new(async |co| {
                    log.guard_and_resume("body", 0, pending::<()>()).await;
                    co.yield_(()).await;
                });
                assert_eq!(rows.next().await, None);
            };
            let mut all: Vec<Boxed> = vec![Box::pin(dead)];
            all.resize_with(members, || Box::pin(pending()));
            let mut group = as_completed(all);
            assert!(timeout(ms(10), group.next()).await.is_err());
            assert!(group.next().await.is_some());
        });
        finish(&scheduler);
        assert!(handle.is_finished(), "{members}");
        scheduler.block_on(handle).unwrap();
        assert_eq!(notes.take(), ["10 body caught", "10 body resumes"]);
    }
}

/// One of the tasks was cancelled, and waits for its own mask; then it is aborted. The scope has ended its tasks for
/// that task, and is ready for the other one now.
#[test]
fn an_abort_of_the_task_that_was_asked_wakes_what_waits_for_its_request() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let shared = async move {
        let error = scope(async |_| pending::<()>().await).await.unwrap_err();
        log.add(error.to_string());
    }
    .shared();
    let other = started(&scheduler, shared.clone());
    let asked = started(&scheduler, async move {
        join!(shared, mask(pending::<()>()));
    });
    asked.cancel_with("enough");
    scheduler.run_until_stalled();
    asked.abort();
    finish(&scheduler);
    assert!(other.is_finished());
    assert_eq!(notes.take(), ["0 the scope was cancelled: enough"]);
}

/// Each task has a mask beside the shared future, so neither can act on its request before that has ended.
fn two_tasks_share<F: Future<Output = ()> + 'static>(scheduler: &Scheduler, future: F) {
    let shared = future.shared();
    let tasks = [(); 2].map(|()| {
        let shared = shared.clone();
        started(scheduler, async move {
            join!(shared, mask(sleep(ms(10))));
        })
    });
    drop(shared);
    tasks.iter().for_each(JoinHandle::cancel);
    finish(scheduler);
    assert!(tasks.iter().all(JoinHandle::is_finished));
}

#[test]
fn two_tasks_that_share_a_catch_and_are_both_asked_do_not_pass_it_back_and_forth() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    two_tasks_share(&scheduler, async move { log.guard("shared", 5, pending::<()>()).await });
    assert_eq!(notes.take(), ["0 shared caught", "5 shared cleaned up"]);
}

#[test]
fn two_tasks_that_share_a_mask_and_are_both_asked_do_not_pass_it_back_and_forth() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    two_tasks_share(&scheduler, async move {
        mask(sleep(ms(20))).await;
        log.add("the mask has ended");
    });
    assert_eq!(notes.take(), ["20 the mask has ended"]);
}

#[test]
fn two_tasks_that_share_a_scope_and_are_both_asked_do_not_pass_it_back_and_forth() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    two_tasks_share(&scheduler, async move {
        let child = log.clone();
        let children = scope(async move |s| {
            s.spawn(async move { child.guard("child", 5, pending::<()>()).await });
        });
        drop(children.await);
        log.add("the scope has ended");
    });
    // Neither task continues after the scope: both were asked.
    assert_eq!(notes.take(), ["0 child caught", "5 child cleaned up"]);
}

/// What a mask holds back stays outside of it, though the other task was asked first.
#[test]
fn two_tasks_that_share_a_scope_inside_a_mask_and_are_both_asked_wait_for_its_children() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    two_tasks_share(&scheduler, async move {
        let children = scope(async |s| {
            s.spawn(sleep(ms(5)));
            sleep(ms(30)).await;
            "the children have ended"
        });
        log.add(mask(children).await.unwrap());
    });
    assert_eq!(notes.take(), ["30 the children have ended"]);
}

/// Whichever of the tasks polls the shared future first.
#[test]
fn a_catch_inside_a_shared_future_takes_the_request_of_one_task_once() {
    for is_first in [true, false] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        let shared =
            async move { log.guard("shared", 0, pending::<()>()).await }.boxed_local().shared();
        let (own, log) = (shared.clone(), notes.clone());
        let around = async move { log.guard("around", 0, own).await };
        let [asked, other] = if is_first {
            [started(&scheduler, around), started(&scheduler, shared)]
        } else {
            let other = started(&scheduler, shared);
            [started(&scheduler, around), other]
        };
        asked.cancel();
        finish(&scheduler);
        scheduler.block_on(asked).unwrap();
        let lines = notes.take();
        let caught = lines.iter().filter(|line| line.ends_with("caught")).count();
        assert_eq!(caught, 1, "{lines:?}");
        drop(other);
    }
}

// ----- the tree -----

/// While another request is pending, regions enter the tree before they are polled, and make the numbers of those
/// around them.
#[test]
fn regions_that_are_made_while_a_request_is_pending_are_where_they_are_polled() {
    let (scheduler, notes) = world();
    let held = started(&scheduler, mask(sleep(ms(100))));
    held.cancel();
    let log = notes.clone();
    let handle = started(&scheduler, async move {
        let inner = timeout(ms(1000), log.guard("inner", 1, pending::<()>()));
        let group = timeout(ms(1000), async { join!(inner, sleep(ms(2000))) });
        log.guard("outer", 1, group).await;
    });
    handle.cancel();
    finish(&scheduler);
    scheduler.block_on(handle).unwrap();
    scheduler.block_on(held).unwrap();
    let expected = ["0 inner caught", "1 inner cleaned up", "1000 outer done"];
    assert_eq!(notes.take(), expected);
    assert!(task::__has_no_regions());
}

/// A future that panics in its second poll.
async fn panics() {
    yield_now().await;
    panic!("in a poll");
}

/// Everything that has a region, this deep, around a future.
fn nest(depth: usize, inner: Boxed) -> Boxed {
    if depth == 0 {
        return inner;
    }
    let inner = nest(depth - 1, inner);
    match depth % 6 {
        0 => Box::pin(async { drop(catch_cancel(inner).await) }),
        1 => Box::pin(mask(inner)),
        2 => Box::pin(async {
            let _ = timeout(ms(1000), inner).await;
        }),
        3 => Box::pin(async {
            let _ = CancelToken::new().run_until_cancelled(inner).await;
        }),
        4 => Box::pin(async { drop(scope(async |_| inner.await).await) }),
        _ => Box::pin(async { drop(join_all([inner, Box::pin(yield_now())]).await) }),
    }
}

#[test]
fn a_panic_in_a_poll_at_any_depth_leaves_nothing() {
    for (depth, inside) in (0..14).flat_map(|depth| [(depth, 0), (depth, 3)]) {
        for is_asked in [false, true] {
            let (scheduler, notes) = world();
            let log = notes.clone();
            let work = nest(inside, nest(depth, Box::pin(panics())));
            let handle = scheduler.spawn(async move {
                // The panic goes through the inner ones, and the outer ones are polled on.
                let caught = AssertUnwindSafe(work).catch_unwind();
                let beside = log.guard("beside", 0, pending::<()>());
                join!(nest(2, Box::pin(async { drop(caught.await) })), beside);
            });
            scheduler.step();
            if is_asked {
                handle.cancel();
            }
            scheduler.run_until_stalled();
            handle.cancel();
            finish(&scheduler);
            assert!(handle.is_finished(), "{depth} {inside} {is_asked}");
            assert_eq!(notes.take(), ["0 beside caught", "0 beside cleaned up"]);
            drop((handle, scheduler));
            assert!(task::__has_no_regions(), "{depth} {inside} {is_asked}");
        }
    }
}

#[test]
fn sixteen_thousand_nested_catches_are_dropped() {
    on_stack(256 << 20, || {
        for is_asked in [false, true] {
            let (scheduler, _) = world();
            let mut work: Boxed = Box::pin(pending());
            for _ in 0..16_000 {
                work = Box::pin(async { drop(catch_cancel(work).await) });
            }
            let handle = started(&scheduler, work);
            if is_asked {
                handle.cancel();
            }
            handle.abort();
            scheduler.run().unwrap();
            assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
            assert!(task::__has_no_regions());
        }
    });
}

/// The number of turns and of polls that it takes to cancel this many catches in a foreign group, while one of them
/// cleans up after a request of its own.
fn cost_of(catches: usize) -> (usize, usize) {
    let (scheduler, _) = world();
    let polls = Count::default();
    let counts = polls.clone();
    let handle = started(&scheduler, async move {
        let counted = |_| {
            let counts = counts.clone();
            catch_cancel(poll_fn(move |_| {
                counts.add();
                Poll::<()>::Pending
            }))
        };
        let early = async {
            let cleans_up = async {
                let _cancelled = catch_cancel(pending::<()>()).await;
                sleep(ms(100)).await;
            };
            timeout(ms(10), cleans_up).await.unwrap();
        };
        let all = (0..catches).map(counted).collect::<FuturesUnordered<_>>();
        let others =
            async { all.filter(|outcome| std::future::ready(outcome.is_err())).count().await };
        join!(early, others).1
    });
    scheduler.block_on(sleep(ms(50)));
    let before = (scheduler.metrics().turns, polls.get());
    handle.cancel();
    assert_eq!(scheduler.block_on(handle).unwrap(), catches, "each takes it");
    let turns = scheduler.metrics().turns - before.0;
    (usize::try_from(turns).unwrap(), polls.get() - before.1)
}

#[test]
fn ten_thousand_catches_in_a_foreign_group_are_asked_in_a_few_turns_while_one_cleans_up() {
    let (few, _) = cost_of(10);
    let (turns, polls) = cost_of(10_000);
    assert!(turns <= few + 2, "{turns} turns");
    assert_eq!(polls, 0, "what is caught is not polled again");
}

//! Scopes and cancel requests: which futures receive one, which clean up first, and what acts after that.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::task::Poll;

use futures::stream::{FuturesUnordered, StreamExt};
use notes::{Notes, ms, poll_once, world};
use turnwise::task::{self, ScopeError, catch_cancel, mask, scope};
use turnwise::{join_all, sleep, spawn, timeout, yield_now};

/// Waits forever; if cancelled, cleans up for `clean_up` milliseconds.
async fn guarded(notes: &Notes, name: &str, clean_up: u64) {
    notes.guard(name, clean_up, pending::<()>()).await;
}

// ----- a failure inside -----

#[test]
fn after_the_first_failure_the_body_and_all_children_clean_up_before_the_scope_ends() {
    let (scheduler, notes) = world();
    let error = scheduler.block_on(async {
        let result = scope(async |s| {
            s.spawn(guarded(&notes, "slow", 30));
            s.spawn(guarded(&notes, "quick", 10));
            s.try_spawn(async {
                sleep(ms(5)).await;
                Err::<(), _>("no answer")
            });
            guarded(&notes, "body", 20).await;
        });
        let error = result.await.unwrap_err();
        notes.add("ended");
        error
    });
    let expected = [
        "5 body caught",
        "5 slow caught",
        "5 quick caught",
        "15 quick cleaned up",
        "25 body cleaned up",
        "35 slow cleaned up",
        "35 ended",
    ];
    assert_eq!(notes.take(), expected);
    assert_eq!(error.reason(), Some("#5 failed"));
    assert_eq!(error.to_string(), "a child of the scope failed: #5: no answer");
}

#[test]
fn a_panic_of_a_child_is_a_failure_even_in_a_clean_up() {
    let (scheduler, notes) = world();
    let error = scheduler
        .block_on(scope(async |s| {
            s.spawn(async {
                let _caught = catch_cancel(pending::<()>()).await.unwrap_err();
                panic!("in the clean-up");
            });
            s.try_spawn(async {
                let caught = catch_cancel(pending::<()>()).await.unwrap_err();
                Err::<(), _>(format!("cancelled because {}", caught.reason()))
            });
            s.spawn(guarded(&notes, "bystander", 10));
            yield_now().await;
            s.spawn(async { panic!("first") });
            pending::<()>().await;
        }))
        .unwrap_err();
    assert_eq!(notes.take(), ["0 bystander caught", "10 bystander cleaned up"]);
    assert_eq!(
        error.to_string(),
        "3 children of the scope failed: #6 panicked: first; #3 panicked: in the clean-up; \
         #4: cancelled because #6 failed"
    );
}

#[test]
fn the_reason_reaches_every_catch() {
    let (scheduler, _) = world();
    let reasons = RefCell::new(Vec::new());
    let catch = async |name: &str| {
        let caught = catch_cancel(pending::<()>()).await.unwrap_err();
        reasons.borrow_mut().push(format!("{name}: {}", caught.reason()));
    };
    let outcome = scheduler.block_on(scope(async |s| {
        s.spawn(catch("child"));
        yield_now().await;
        s.cancel("enough");
        catch("body").await;
    }));
    assert!(outcome.is_ok(), "the body completed");
    reasons.borrow_mut().sort();
    assert_eq!(*reasons.borrow(), ["body: enough", "child: enough"]);
}

// ----- a request from outside -----

#[test]
fn in_a_catch_the_scope_ends_first_and_then_the_catch_takes_the_request() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let work = async {
            let _never = scope(async |s| {
                s.spawn(guarded(&log, "child", 20));
                guarded(&log, "body", 10).await;
            })
            .await;
            log.add("code after the scope");
        };
        log.guard("outer", 5, work).await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let expected = [
        "0 body caught",
        "0 child caught",
        "10 body cleaned up",
        "20 child cleaned up",
        "20 outer caught",
        "25 outer cleaned up",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn without_a_catch_the_task_ends_after_the_clean_up_of_its_children() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let _dropped = log.on_drop("task dropped");
        let _never = scope(async |s| {
            s.spawn(guarded(&log, "child", 20));
        })
        .await;
        log.add("code after the scope");
    });
    scheduler.run_until_stalled();
    handle.cancel_with("shutdown");
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(error.reason(), Some("shutdown"));
    assert_eq!(notes.take(), ["0 child caught", "20 child cleaned up", "20 task dropped"]);
}

#[test]
fn without_any_catch_everything_is_dropped_in_that_turn() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let _dropped = log.on_drop("task dropped");
        let _never = scope(async |s| {
            s.spawn(async {
                let _dropped = log.on_drop("child dropped");
                pending::<()>().await;
            });
            let _dropped = log.on_drop("body dropped");
            pending::<()>().await;
        })
        .await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 body dropped", "0 child dropped", "0 task dropped"]);
}

#[test]
fn a_timeout_around_a_scope_waits_for_the_clean_up_and_has_elapsed() {
    let (scheduler, notes) = world();
    let work = async {
        let _never = scope(async |s| {
            s.spawn(guarded(&notes, "child", 50));
            s.spawn(sleep(ms(1000)));
        })
        .await;
        notes.add("code after the scope");
    };
    scheduler.block_on(async {
        assert!(timeout(ms(100), work).await.is_err());
        notes.add("elapsed");
    });
    assert_eq!(notes.take(), ["100 child caught", "150 child cleaned up", "150 elapsed"]);
}

#[test]
fn a_timeout_inside_a_child_affects_only_that_child() {
    let (scheduler, _) = world();
    let outcome = scheduler.block_on(scope(async |s| {
        let late = s.spawn(timeout(ms(10), pending::<()>()));
        let fine = s.spawn(async {
            sleep(ms(20)).await;
            1
        });
        (late.await.unwrap().is_err(), fine.await.unwrap())
    }));
    assert_eq!(outcome.unwrap(), (true, 1));
}

#[test]
fn the_innermost_of_nested_scopes_cleans_up_first() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let _never = scope(async |outer| {
            outer.spawn(async {
                let inner = async {
                    let _never = scope(async |inner| {
                        inner.spawn(guarded(&log, "grandchild", 10));
                    })
                    .await;
                    log.add("code after the inner scope");
                };
                log.guard("child", 10, inner).await;
            });
            let in_the_body = async {
                let _never = scope(async |inner| {
                    inner.spawn(guarded(&log, "child of the body", 5));
                })
                .await;
            };
            log.guard("body", 10, in_the_body).await;
        })
        .await;
        log.add("code after the outer scope");
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    let expected = [
        "0 child of the body caught",
        "0 grandchild caught",
        "5 child of the body cleaned up",
        "5 body caught",
        "10 grandchild cleaned up",
        "10 child caught",
        "15 body cleaned up",
        "20 child cleaned up",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_mask_in_a_child_and_one_around_the_scope_are_waited_for() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        mask(async {
            let value = scope(async |s| {
                s.spawn(async {
                    sleep(ms(20)).await;
                    log.add("under the outer mask");
                });
            });
            value.await.unwrap();
        })
        .await;
        let _never = scope(async |s| {
            s.spawn(async {
                mask(sleep(ms(20))).await;
                log.add("under the inner mask");
                sleep(ms(20)).await;
                log.add("never");
            });
        })
        .await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["20 under the outer mask", "40 under the inner mask"]);
}

#[test]
fn if_a_catch_beside_the_scope_takes_the_request_the_scope_is_an_error() {
    let (scheduler, notes) = world();
    for scope_is_first in [true, false] {
        let log = notes.clone();
        let handle = scheduler.spawn(async move {
            let beside = log.guard("beside", 10, pending::<()>());
            let stopped = async {
                let result: Result<(), ScopeError> = scope(async |s| {
                    s.spawn(pending::<()>());
                    pending::<()>().await;
                })
                .await;
                let error = result.unwrap_err();
                assert!(error.is_cancelled());
                log.add(error.to_string());
            };
            if scope_is_first {
                futures::join!(biased_pair(stopped), beside);
            } else {
                futures::join!(beside, biased_pair(stopped));
            }
        });
        scheduler.run_until_stalled();
        handle.cancel_with("lunch");
        scheduler.block_on(handle).unwrap();
        let mut lines = notes.take();
        lines.retain(|line| !line.contains("beside c"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].ends_with(" the scope was cancelled: lunch"), "{lines:?}");
    }
}

async fn biased_pair<T>(future: impl Future<Output = T>) -> T {
    future.await
}

#[test]
fn a_request_during_a_failed_scope_waits_for_its_end_and_takes_precedence_over_the_error() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let _never = scope(async |s| {
            s.spawn(guarded(&log, "child", 20));
            s.try_spawn(async {
                yield_now().await;
                Err::<(), _>("no")
            });
        })
        .await;
        log.add("code after the scope");
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 child caught", "20 child cleaned up"]);
}

#[test]
fn a_scope_that_ended_before_the_request_keeps_its_value() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let value = scope(async |s| s.spawn(async { 7 }).await.unwrap()).await;
        log.add(format!("{value:?}"));
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 Ok(7)"]);
}

// ----- `Scope::cancel` -----

#[test]
fn cancel_from_a_child_keeps_the_value_of_a_body_that_has_returned() {
    let (scheduler, notes) = world();
    let value = scheduler.block_on(scope(async |s| {
        s.spawn(guarded(&notes, "bystander", 10));
        s.spawn(async {
            sleep(ms(5)).await;
            s.cancel("found it");
            notes.add("continues to its next wait");
            pending::<()>().await;
        });
        "value"
    }));
    assert_eq!(value.unwrap(), "value");
    let expected =
        ["5 continues to its next wait", "5 bystander caught", "15 bystander cleaned up"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn cancel_drops_a_body_that_waits_and_the_first_reason_counts() {
    let (scheduler, notes) = world();
    let error = scheduler
        .block_on(scope(async |s| {
            let _dropped = notes.on_drop("body dropped");
            s.spawn(async {
                s.cancel("first");
                s.cancel("second");
            });
            pending::<()>().await;
        }))
        .unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), "the scope was cancelled: first");
    assert_eq!(notes.take(), ["0 body dropped"]);
}

#[test]
fn a_body_that_cancels_its_scope_continues_to_its_next_wait_and_may_return() {
    let (scheduler, notes) = world();
    let value = scheduler.block_on(scope(async |s| {
        s.spawn(pending::<()>());
        s.cancel("enough");
        7
    }));
    assert_eq!(value.unwrap(), 7);
    let result = scheduler.block_on(scope(async |s| {
        s.spawn(pending::<()>());
        s.cancel("enough");
        notes.add("before the wait");
        yield_now().await;
        notes.add("after the wait");
    }));
    assert!(result.unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 before the wait"]);
}

#[test]
fn a_child_spawned_after_the_stop_is_never_polled() {
    let (scheduler, notes) = world();
    let error = scheduler
        .block_on(scope(async |s| {
            s.spawn(async {
                let caught = catch_cancel(pending::<()>()).await.unwrap_err();
                let late = s.spawn({
                    let held = notes.on_drop("arguments dropped");
                    let notes = &notes;
                    async move {
                        let _held = held;
                        notes.add("polled");
                    }
                });
                let error = late.await.unwrap_err();
                assert_eq!(error.reason(), Some("closing"));
                drop(caught);
            });
            yield_now().await;
            s.cancel("closing");
            pending::<()>().await;
        }))
        .unwrap_err();
    assert!(error.is_cancelled(), "a cancelled child is not a failure");
    assert_eq!(notes.take(), ["0 arguments dropped"]);
}

// ----- single children -----

#[test]
fn a_child_that_is_cancelled_by_its_handle_is_not_a_failure() {
    let (scheduler, notes) = world();
    let outcome = scheduler.block_on(scope(async |s| {
        let caught = s.spawn(guarded(&notes, "caught", 10));
        let uncaught = s.spawn(pending::<()>());
        let aborted = s.spawn(pending::<()>());
        let early = s.spawn(async { notes.add("polled") });
        early.cancel();
        yield_now().await;
        caught.cancel();
        uncaught.cancel_with("not needed");
        aborted.abort();
        caught.await.unwrap();
        assert_eq!(uncaught.await.unwrap_err().reason(), Some("not needed"));
        let aborted = aborted.await.unwrap_err();
        assert!(aborted.is_cancelled() && aborted.reason().is_none());
        assert!(early.await.unwrap_err().is_cancelled());
    }));
    outcome.unwrap();
    assert_eq!(notes.take(), ["0 caught caught", "10 caught cleaned up"]);
}

#[test]
fn a_child_may_cancel_a_sibling_and_itself_in_its_turn() {
    let (scheduler, notes) = world();
    let (notes, own) = (&notes, &RefCell::new(None::<task::AbortHandle>));
    let outcome = scheduler.block_on(scope(async |s| {
        let sibling = s.spawn(async {
            let _dropped = notes.on_drop("sibling dropped");
            pending::<()>().await;
        });
        yield_now().await;
        let canceller = s.spawn(async move {
            sibling.cancel();
            notes.add("cancelled the sibling");
            own.take().unwrap().cancel_with("myself");
            notes.add("continues");
            yield_now().await;
            notes.add("never");
        });
        own.replace(Some(canceller.abort_handle()));
        assert_eq!(canceller.await.unwrap_err().reason(), Some("myself"));
    }));
    outcome.unwrap();
    assert_eq!(notes.take(), ["0 cancelled the sibling", "0 continues", "0 sibling dropped"]);
}

#[test]
fn a_child_with_branches_cleans_up_in_each_branch() {
    let (scheduler, notes) = world();
    scheduler
        .block_on(scope(async |s| {
            s.spawn(async {
                join_all([guarded(&notes, "left", 10), guarded(&notes, "right", 20)]).await;
            });
            yield_now().await;
            s.cancel("enough");
        }))
        .unwrap();
    let expected = ["0 left caught", "0 right caught", "10 left cleaned up", "20 right cleaned up"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_request_that_is_resumed_ends_the_child_or_the_body_and_nothing_else() {
    let (scheduler, notes) = world();
    let error = scheduler
        .block_on(scope(async |s| {
            s.spawn(notes.guard_and_resume("child", 10, pending::<()>()));
            s.spawn(async {
                yield_now().await;
                s.cancel("enough");
            });
            notes.guard_and_resume("body", 20, pending::<()>()).await;
        }))
        .unwrap_err();
    assert!(error.is_cancelled());
    let mut lines = notes.take();
    lines[..2].sort();
    assert_eq!(lines, ["0 body caught", "0 child caught", "10 child resumes", "20 body resumes"]);
}

// ----- in combinators, abandoned, and beside others -----

#[test]
fn a_scope_in_futures_unordered_is_cancelled_like_any_other() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let mut crowd: FuturesUnordered<_> = ["a", "b", "c"]
            .map(|name| {
                let log = &log;
                scope(async move |s| {
                    s.spawn(guarded(log, name, 10));
                })
            })
            .into_iter()
            .collect();
        while crowd.next().await.is_some() {}
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    let expected = [
        "0 a caught",
        "0 b caught",
        "0 c caught",
        "10 a cleaned up",
        "10 b cleaned up",
        "10 c cleaned up",
    ];
    let mut lines = notes.take();
    lines.sort_by_key(|line| expected.iter().position(|known| known == line));
    assert_eq!(lines, expected);
}

#[test]
fn a_scope_that_is_no_longer_polled_holds_nothing_up() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let mut abandoned = Box::pin(scope(async |s| {
            s.spawn(guarded(&log, "child", 10));
            pending::<()>().await;
        }));
        assert!(poll_once(&mut abandoned).await.is_pending());
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), [""; 0], "the child was dropped with the scope");
}

#[test]
fn a_scope_may_receive_another_request_after_a_neighbor_took_the_first() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let beside = async {
            log.guard("first", 0, pending::<()>()).await;
            log.guard("second", 0, pending::<()>()).await;
        };
        let stopped = scope(async |s| {
            s.spawn(guarded(&log, "child", 10));
        });
        let (result, ()) = futures::join!(stopped, beside);
        log.add(format!("{}", result.is_ok()));
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(sleep(ms(50)));
    handle.cancel();
    scheduler.block_on(handle).unwrap();
    let lines = notes.take();
    assert!(lines.contains(&"0 first caught".to_owned()), "{lines:?}");
    assert!(lines.contains(&"10 child cleaned up".to_owned()), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "50 true", "the body had returned before");
}

#[test]
fn a_scope_in_an_awaited_task_returns_its_value() {
    let (scheduler, _) = world();
    let polls = Cell::new(0);
    scheduler.block_on(async {
        let handle = spawn(async { scope(async |s| s.spawn(async { 3 }).await).await });
        let value = handle.await.unwrap().unwrap().unwrap();
        assert_eq!(value, 3);
        poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::Ready(())
        })
        .await;
    });
    assert_eq!(polls.get(), 1);
}

#[test]
fn an_ended_scope_is_idle_while_a_mask_beside_it_holds_up_the_request() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let children = scope(async |s| {
            s.spawn(guarded(&log, "child", 5));
        });
        let masked = async {
            mask(sleep(ms(50))).await;
            log.add("the mask has ended");
            pending::<()>().await;
        };
        let (result, ()) = futures::join!(children, masked);
        log.add(format!("{}", result.is_ok()));
    });
    scheduler.run_until_stalled();
    handle.cancel();
    let turns = scheduler.metrics().turns;
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert!(scheduler.metrics().turns - turns < 20);
    assert_eq!(notes.take(), ["0 child caught", "5 child cleaned up", "50 the mask has ended"]);
}

#[test]
fn each_request_is_passed_on_with_its_own_reason() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let reasons = async |name: &str, times: usize| {
            for _ in 0..times {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                log.add(format!("{name}: {}", cancelled.reason()));
            }
        };
        let children = scope(async |s| {
            s.spawn(reasons("child", 2));
        });
        let (result, ()) = futures::join!(children, reasons("beside", 2));
        result.unwrap();
    });
    scheduler.run_until_stalled();
    for reason in ["first", "second"] {
        handle.cancel_with(reason);
        scheduler.run_until_stalled();
    }
    scheduler.block_on(handle).unwrap();
    let mut lines = notes.take();
    lines.sort();
    assert_eq!(lines, ["0 beside: first", "0 beside: second", "0 child: first", "0 child: second"]);
}

/// The second request comes before the catch of the body was polled for the first one.
#[test]
fn a_body_that_is_asked_twice_in_consecutive_turns_cleans_up() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let children = scope(async |s| {
            s.spawn(async {
                sleep(ms(10)).await;
                log.add("stops");
                s.cancel("one is enough");
            });
            log.guard("body", 5, pending::<()>()).await;
        });
        drop(children.await);
    });
    scheduler.run_until_stalled();
    scheduler.advance(ms(10));
    drop(scheduler.step());
    assert_eq!(notes.take(), ["10 stops"]);
    handle.cancel();
    scheduler.run_until_stalled();
    scheduler.advance(ms(5));
    scheduler.run_until_stalled();
    assert!(handle.is_finished());
    assert_eq!(notes.take(), ["10 body caught", "15 body cleaned up"]);
}

//! Scopes and timeouts: which of several deadlines acts, and what may run after that.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;

use std::future::pending;
use std::pin::pin;

use notes::{Notes, ms, world};
use turnwise::task::{catch_cancel, mask, scope};
use turnwise::{join, sleep, timeout};

/// Waits forever; if cancelled, cleans up for `clean_up` milliseconds.
async fn guarded(notes: &Notes, name: &str, clean_up: u64) {
    notes.guard(name, clean_up, pending::<()>()).await;
}

#[test]
fn when_a_childs_timeout_and_one_around_the_scope_are_due_in_one_turn_the_outer_acts() {
    // The timer of either may be the first to fire.
    for (outer, inner_after) in [(10, 0), (10, 2), (8, 0)] {
        let (scheduler, notes) = world();
        scheduler.block_on(async {
            let child = async {
                sleep(ms(inner_after)).await;
                let elapsed = timeout(ms(10 - inner_after), pending::<()>()).await.is_err();
                notes.add(format!("after the inner one: {elapsed}"));
            };
            let children = scope(async |s| {
                s.spawn(child).await.unwrap();
                notes.add("after the handle");
            });
            // This one is created later, and due at the same time.
            let around = async {
                sleep(ms(10 - outer)).await;
                timeout(ms(outer), children).await.is_err()
            };
            let elapsed =
                if outer == 10 { around.await } else { timeout(ms(10), around).await.is_err() };
            notes.add(format!("the outer one: {elapsed}"));
            sleep(ms(100)).await;
        });
        let expected = ["10 the outer one: true"];
        assert_eq!(notes.take(), expected, "{outer} {inner_after}");
        assert_eq!(scheduler.metrics().alive, 0);
    }
}

#[test]
fn a_catch_around_a_childs_timeout_gets_the_outer_deadline_and_so_does_one_inside() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let children = scope(async |s| {
            s.spawn(notes.guard("around", 5, timeout(ms(10), pending::<()>())));
            s.spawn(async {
                // The outer deadline drops nothing in here, so the inner one finds a value.
                let inside = timeout(ms(10), guarded(&notes, "inside", 5)).await;
                notes.add(format!("after: {}", inside.is_err()));
            });
        });
        let elapsed = timeout(ms(10), children).await.is_err();
        notes.add(format!("the outer one: {elapsed}"));
    });
    let expected = [
        "10 around caught",
        "10 inside caught",
        "15 around cleaned up",
        "15 inside cleaned up",
        "15 after: false",
        "15 the outer one: true",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn when_timeouts_in_every_generation_are_due_in_one_turn_the_outermost_acts() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let grandchild = async {
            let _elapsed = timeout(ms(10), pending::<()>()).await;
            notes.add("after the innermost");
        };
        let child = async {
            let grandchildren = scope(async |s| {
                s.spawn(grandchild);
            });
            let _elapsed = timeout(ms(10), grandchildren).await;
            notes.add("after the one in the middle");
        };
        let children = scope(async |s| {
            s.spawn(child);
            s.spawn(guarded(&notes, "sibling", 5));
        });
        let elapsed = timeout(ms(10), children).await.is_err();
        notes.add(format!("the outermost: {elapsed}"));
    });
    let expected = ["10 sibling caught", "15 sibling cleaned up", "15 the outermost: true"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_childs_timeout_that_yielded_acts_after_all_if_the_outer_future_was_ready() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        scope(async |outer| {
            // The scope is not inside the body's due timeout, so its child continues.
            outer.spawn(async {
                let elapsed = timeout(ms(10), pending::<()>()).await.is_err();
                notes.add(format!("the child's: {elapsed}"));
            });
            let in_time = timeout(ms(10), sleep(ms(10))).await.is_ok();
            notes.add(format!("the body's: {in_time}"));
        })
        .await
        .unwrap();
    });
    assert_eq!(notes.take(), ["10 the body's: true", "10 the child's: true"]);
}

/// A request delivered to a scope stays with it until its clean-ups have ended; until then the scope is idle.
#[test]
fn a_scope_that_waits_for_clean_ups_is_not_polled_in_a_loop() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let children = scope(async |s| {
            s.spawn(guarded(&log, "child", 10));
            s.spawn(mask(sleep(ms(20))));
            pending::<()>().await;
        });
        log.guard("task", 0, children).await;
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.run_until_stalled();
    let turns = scheduler.metrics().turns;
    assert_eq!(scheduler.run_until_stalled(), 0);
    assert_eq!(scheduler.metrics().turns, turns);
    scheduler.block_on(handle).unwrap();
    let few = scheduler.metrics().turns - turns;
    assert!(few < 20, "{few} turns for two clean-ups");
    let expected =
        ["0 child caught", "10 child cleaned up", "20 task caught", "20 task cleaned up"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn when_two_timeouts_around_a_scope_are_due_in_one_turn_the_outer_acts() {
    for clean_up in [None, Some(0), Some(5)] {
        let (scheduler, notes) = world();
        scheduler.block_on(async {
            let inner = async {
                let children = scope(async |s| match clean_up {
                    Some(time) => drop(s.spawn(guarded(&notes, "child", time))),
                    None => drop(s.spawn(pending::<()>())),
                });
                let _elapsed = timeout(ms(10), children).await;
                notes.add("after the inner one");
            };
            assert!(timeout(ms(10), inner).await.is_err());
            notes.add("elapsed");
        });
        let last = 10 + clean_up.unwrap_or_default();
        let mut lines = notes.take();
        assert_eq!(lines.pop(), Some(format!("{last} elapsed")));
        assert!(!lines.iter().any(|line| line.contains("after")), "{lines:?}");
    }
}

/// The task's own request came first, so the task acts on it.
#[test]
fn a_timeout_that_comes_due_while_a_cancelled_task_ends_its_scope_lets_the_task_act() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let children = scope(async |s| {
            s.spawn(guarded(&log, "child", 20));
        });
        let _elapsed = timeout(ms(10), children).await;
        log.add("after the timeout");
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["0 child caught", "20 child cleaned up"]);
}

/// Here the timeout's request came first, so the timeout returns, and the task ends at its next wait.
#[test]
fn a_task_that_is_cancelled_while_a_scope_ends_for_a_timeout_lets_the_timeout_act() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let children = scope(async |s| {
            s.spawn(guarded(&log, "child", 20));
        });
        let elapsed = timeout(ms(10), children).await.is_err();
        log.add(format!("elapsed: {elapsed}"));
        sleep(ms(1)).await;
        log.add("after its next wait");
    });
    scheduler.block_on(sleep(ms(15)));
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), ["10 child caught", "30 child cleaned up", "30 elapsed: true"]);
}

/// The mask that holds up the task's request is beside the timeout; even so, nothing after the timeout runs.
#[test]
fn an_ended_scope_waits_with_its_timeout_for_a_mask_beside_it() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    let handle = scheduler.spawn(async move {
        let beside = async {
            let children = scope(async |s| {
                s.spawn(guarded(&log, "child", 5));
            });
            let _elapsed = timeout(ms(10), children).await;
            log.add("after the timeout");
        };
        let masked = async {
            mask(sleep(ms(50))).await;
            log.add("the mask has ended");
            pending::<()>().await;
        };
        join!(beside, masked);
    });
    scheduler.run_until_stalled();
    handle.cancel();
    scheduler.block_on(sleep(ms(20)));
    let turns = scheduler.metrics().turns;
    assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
    assert!(scheduler.metrics().turns - turns < 20, "it is idle until then");
    assert_eq!(notes.take(), ["0 child caught", "5 child cleaned up", "50 the mask has ended"]);
}

#[test]
fn a_scope_that_has_outlived_its_timeout_reports_that_it_was_cancelled() {
    let (scheduler, notes) = world();
    scheduler.block_on(async {
        let mut children = pin!(scope(async |s| {
            s.spawn(guarded(&notes, "child", 5));
            pending::<()>().await;
        }));
        assert!(timeout(ms(10), children.as_mut()).await.is_err());
        notes.add("elapsed");
        notes.add(children.await.unwrap_err().to_string());
    });
    let expected = [
        "10 child caught",
        "15 child cleaned up",
        "15 elapsed",
        "15 the scope was cancelled: the deadline has passed",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_scope_that_has_outlived_its_timeout_keeps_the_value_of_a_body_that_had_returned() {
    let (scheduler, _) = world();
    let value = scheduler.block_on(async {
        let mut children = pin!(scope(async |s| {
            s.spawn(pending::<()>());
            7
        }));
        assert!(timeout(ms(10), children.as_mut()).await.is_err());
        children.await
    });
    assert_eq!(value.unwrap(), 7);
}

#[test]
fn a_scope_dropped_before_its_end_in_a_catch_leaves_nothing_to_wait_for() {
    let (scheduler, _) = world();
    let handle = scheduler.spawn(async {
        let children = scope(async |s| {
            s.spawn(mask(sleep(ms(5))));
        });
        let caught = catch_cancel(timeout(ms(10), children)).await;
        sleep(ms(20)).await;
        caught.is_err()
    });
    scheduler.run_until_stalled();
    handle.cancel();
    assert!(scheduler.block_on(handle).unwrap());
    assert_eq!(scheduler.snapshot().timers.len(), 0);
}

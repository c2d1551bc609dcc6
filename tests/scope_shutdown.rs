//! Shutdown of a scheduler on which scopes run: children clean up first, and every task is reported once.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod trace;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use notes::{Notes, ms, poll_once, world};
use trace::leave_waker;
use turnwise::scheduler::{Ending, FailurePolicy, ShutdownReport};
use turnwise::task::{self, scope};
use turnwise::{JoinError, RunError, Scheduler, block_on, sleep, spawn, yield_now};

/// The ids in each list of a report, sorted; checks that no task is listed twice.
fn lists(report: &ShutdownReport) -> [Vec<u64>; 3] {
    let lists = [&report.finished, &report.cancelled, &report.aborted];
    let ids = lists.map(|list| {
        let mut ids: Vec<u64> = list.iter().map(|task| task.label.id.as_u64()).collect();
        ids.sort_unstable();
        ids
    });
    let all: Vec<u64> = ids.iter().flatten().copied().collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{ids:?}");
    ids
}

/// Whether the task was aborted rather than cancelled.
fn aborted(error: &JoinError) -> bool {
    error.is_cancelled() && error.reason().is_none()
}

/// Waits forever; if cancelled, cleans up for `clean_up` milliseconds.
async fn guarded(notes: Notes, name: &'static str, clean_up: u64) {
    notes.guard(name, clean_up, pending::<()>()).await;
}

/// A scope with two children that clean up and one that does not, in a task that cleans up itself.
async fn family(notes: Notes) {
    let children = scope(async |s| {
        task::Builder::new().name("slow").spawn_in(s, guarded(notes.clone(), "slow", 20));
        task::Builder::new().name("quick").spawn_in(s, guarded(notes.clone(), "quick", 10));
        s.spawn(pending::<()>());
        pending::<()>().await;
    });
    notes.guard("parent", 5, children).await;
}

#[test]
fn the_children_of_a_scope_clean_up_before_their_parent() {
    let (scheduler, notes) = world();
    scheduler.spawn(family(notes.clone()));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(ms(1000)).unwrap();
    let expected = [
        "0 slow caught",
        "0 quick caught",
        "10 quick cleaned up",
        "20 slow cleaned up",
        "20 parent caught",
        "25 parent cleaned up",
    ];
    assert_eq!(notes.take(), expected);
    assert_eq!(lists(&report), [vec![2, 3, 4], vec![5], vec![]]);
    assert!(report.is_clean());
    assert_eq!(report.took, ms(25));
    let slow = report.finished.iter().find(|task| task.label.name.as_deref() == Some("slow"));
    assert_eq!(slow.map(|task| (task.took, task.ending)), Some((ms(20), Ending::Returned)));
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn when_the_grace_period_expires_children_and_parent_are_aborted_and_reported_once() {
    let (scheduler, notes) = world();
    scheduler.spawn(family(notes.clone()));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(ms(15)).unwrap();
    assert_eq!(lists(&report), [vec![4], vec![5], vec![2, 3]]);
    assert!(report.aborted.iter().all(|task| task.took == ms(15)));
    assert_eq!(notes.take(), ["0 slow caught", "0 quick caught", "10 quick cleaned up"]);
    assert_eq!(scheduler.metrics().alive, 0);
    assert_eq!(scheduler.snapshot().tasks.len(), 0);
}

#[test]
fn with_a_grace_of_zero_the_children_take_the_turn_in_which_they_are_notified() {
    let (scheduler, notes) = world();
    scheduler.spawn(family(notes.clone()));
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::ZERO).unwrap();
    assert_eq!(notes.take(), ["0 slow caught", "0 quick caught"]);
    assert_eq!(lists(&report), [vec![], vec![5], vec![2, 3, 4]]);
}

#[test]
fn grandchildren_end_before_children() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.spawn(async move {
        let outer = scope(async |s| {
            let inner = async {
                let inner = scope(async |s| {
                    s.spawn(guarded(log.clone(), "grandchild", 10));
                });
                log.guard("child", 10, inner).await;
            };
            s.spawn(inner);
        });
        log.guard("parent", 10, outer).await;
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::MAX).unwrap();
    let expected = [
        "0 grandchild caught",
        "10 grandchild cleaned up",
        "10 child caught",
        "20 child cleaned up",
        "20 parent caught",
        "30 parent cleaned up",
    ];
    assert_eq!(notes.take(), expected);
    assert_eq!(lists(&report), [vec![2, 3, 4], vec![], vec![]]);
}

#[test]
fn a_scope_that_was_stopped_spawns_no_more_and_one_of_a_clean_up_does() {
    let (scheduler, notes) = world();
    let log = notes.clone();
    scheduler.spawn(async move {
        let children = scope(async |s| {
            let spawns = async {
                guarded(log.clone(), "child", 10).await;
                s.spawn(async { unreachable!("it is cancelled before its first turn") });
            };
            s.spawn(spawns);
        });
        let _cancelled = task::catch_cancel(children).await;
        let late = scope(async |s| s.spawn(async { 1 }).await.unwrap());
        log.add(format!("{}", late.await.unwrap()));
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::MAX).unwrap();
    assert_eq!(lists(&report), [vec![2, 3, 5], vec![4], vec![]]);
    assert_eq!(notes.take(), ["0 child caught", "10 child cleaned up", "10 1"]);
}

#[test]
fn tasks_spawned_inside_a_scope_of_block_on_clean_up_after_the_root() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let held = Rc::clone(&log);
    block_on(async {
        scope(async |s| {
            let held = Rc::clone(&held);
            s.spawn(async move {
                spawn(async move {
                    let _cancelled = task::catch_cancel(pending::<()>()).await.unwrap_err();
                    yield_now().await;
                    held.borrow_mut().push("cleaned up");
                });
                yield_now().await;
            });
        })
        .await
        .unwrap();
        yield_now().await;
        log.borrow_mut().push("the root has ended");
    });
    assert_eq!(log.take(), ["the root has ended", "cleaned up"]);
}

// ----- lost: forgotten, or polled elsewhere -----

/// Counts its drops.
#[derive(Clone, Default)]
struct Drops(Rc<Cell<u32>>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn the_children_of_a_forgotten_scope_are_aborted_immediately() {
    for grace in [Duration::ZERO, ms(1000), Duration::MAX] {
        let (scheduler, notes) = world();
        let log = notes.clone();
        scheduler.block_on(async {
            let mut lost = Box::pin(scope(async |s| {
                s.spawn(guarded(log.clone(), "idle", 10));
                s.spawn(sleep(ms(5)));
            }));
            assert!(poll_once(&mut lost).await.is_pending());
            std::mem::forget(lost);
        });
        scheduler.spawn(guarded(notes.clone(), "other", 20));
        scheduler.run_until_stalled();
        let report = scheduler.shutdown(grace).unwrap();
        let [finished, cancelled, aborted] = lists(&report);
        assert_eq!((finished.len() + cancelled.len() + aborted.len(), cancelled.len()), (3, 0));
        assert!(aborted.starts_with(&[3, 4]), "{report}");
        let notified = if grace.is_zero() { 1 } else { 2 };
        assert_eq!(notes.take().len(), notified, "the children are not even notified");
        assert_eq!(report.took, grace.min(ms(20)), "the shutdown does not wait for the children");
        assert_eq!(scheduler.metrics().alive, 0);
        scheduler.run().unwrap();
    }
}

#[test]
fn a_scope_forgotten_by_a_live_task_is_aborted_with_it() {
    let (scheduler, _) = world();
    scheduler.spawn(async {
        let mut lost = Box::pin(scope(async |s| {
            s.spawn(pending::<()>());
        }));
        assert!(poll_once(&mut lost).await.is_pending());
        std::mem::forget(lost);
        pending::<()>().await;
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::MAX).unwrap();
    assert_eq!(lists(&report), [vec![], vec![2], vec![3]]);
}

// No ring can reach a child that is no longer polled, so its timer or a waker held elsewhere is no reason to wait.
#[test]
fn a_forgotten_child_with_a_timer_or_a_waker_held_elsewhere_is_not_waited_for() {
    let began = Instant::now();
    for has_timer in [false, true] {
        let place = Rc::default();
        let kept = Rc::clone(&place);
        block_on(async move {
            let mut lost = Box::pin(scope(async |s| {
                if has_timer {
                    s.spawn(sleep(Duration::from_secs(3600)));
                } else {
                    s.spawn(leave_waker(kept));
                }
            }));
            assert!(poll_once(&mut lost).await.is_pending());
            std::mem::forget(lost);
        });
    }
    assert!(began.elapsed() < Duration::from_secs(600));
}

/// A scope with three children, one of which catches, polled once on its scheduler.
async fn started(drops: Drops, notes: Notes) -> Pin<Box<dyn Future<Output = [bool; 3]>>> {
    let mut moving = Box::pin(async move {
        scope(async |s| {
            let held = |drops: Drops| async move {
                let _held = drops;
                pending::<()>().await;
            };
            let one = s.spawn(held(drops.clone()));
            let two = s.spawn(async {
                if task::catch_cancel(pending::<()>()).await.is_err() {
                    yield_now().await;
                    notes.add("cleaned up");
                }
            });
            let three = s.spawn(async { sleep(Duration::from_secs(3600)).await });
            let outcomes = futures::join!(one, two, three);
            let is_aborted = |error| aborted(&error);
            [
                outcomes.0.is_err_and(is_aborted),
                outcomes.1.is_err_and(is_aborted),
                outcomes.2.is_err_and(is_aborted),
            ]
        })
        .await
        .unwrap()
    });
    assert!(poll_once(&mut moving).await.is_pending());
    moving
}

#[test]
fn a_scope_that_another_scheduler_polls_loses_its_children_and_continues() {
    for grace in [Duration::ZERO, ms(1000), Duration::MAX] {
        let (first, notes) = world();
        let drops = Drops::default();
        let counted = Rc::clone(&drops.0);
        let moving = first.block_on(started(drops, notes.clone()));
        let second = Scheduler::builder().virtual_time().build();
        let handle = second.spawn(moving);
        second.run_until_stalled();
        let report = first.shutdown(grace).unwrap();
        assert_eq!(lists(&report), [vec![], vec![], vec![3, 4, 5]]);
        assert_eq!(first.metrics().alive, 0);
        assert_eq!(second.block_on(handle).unwrap(), [true; 3]);
        assert_eq!(notes.take(), [""; 0], "no request could reach them");
        assert_eq!(counted.get(), 2, "the child's clone and the scope's own");
        assert_eq!(first.block_on(async { 7 }), 7);
    }
}

#[test]
fn on_a_real_clock_a_scope_that_another_scheduler_polls_is_not_waited_for() {
    let first = Scheduler::new();
    let began = Instant::now();
    let (_, notes) = world();
    let moving = first.block_on(started(Drops::default(), notes));
    let second = Scheduler::new();
    let handle = second.spawn(moving);
    second.run_until_stalled();
    let report = first.shutdown(Duration::MAX).unwrap();
    assert_eq!(report.aborted.len(), 3);
    assert_eq!(second.block_on(handle).unwrap(), [true; 3]);
    assert!(began.elapsed() < Duration::from_secs(600));
}

#[test]
fn the_shutdown_of_the_scheduler_that_polls_a_foreign_scope_ends_its_children() {
    let (first, notes) = world();
    let moving = first.block_on(started(Drops::default(), notes.clone()));
    let second = Scheduler::new();
    second.spawn(moving);
    second.run_until_stalled();
    let report = second.shutdown(Duration::MAX).unwrap();
    assert_eq!(lists(&report), [vec![], vec![1], vec![]]);
    assert_eq!((first.metrics().alive, second.metrics().alive), (0, 0));
    assert_eq!(notes.take(), ["0 cleaned up"]);
}

// ----- a failure that shuts down -----

#[test]
fn a_failure_that_shuts_down_drops_scopes_body_first() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let scheduler =
        Scheduler::builder().on_failure(FailurePolicy::Shutdown).on_report(|_| ()).build();
    let held = Rc::clone(&log);
    let handle = scheduler.spawn(async move {
        let held = &held;
        let logs = |what| LogsDrop(Rc::clone(held), what);
        let never = scope(async |s| {
            for name in ["first child", "second child"] {
                let logs = logs(name);
                s.spawn(async move {
                    let _logs = logs;
                    let _cancelled = task::catch_cancel(pending::<()>()).await;
                    unreachable!("a failure is not a request");
                });
            }
            let _logs = logs("body");
            pending::<()>().await;
        });
        let _never = never.await;
    });
    drop(scheduler.spawn(async {
        yield_now().await;
        std::panic::resume_unwind(Box::new("on purpose"))
    }));
    assert!(matches!(scheduler.run(), Err(RunError::Failed(_))));
    assert_eq!(log.take(), ["body", "first child", "second child"]);
    assert_eq!(scheduler.metrics().alive, 0);
    assert!(aborted(&scheduler.block_on(handle).unwrap_err()));
    scheduler.run().unwrap();
}

#[test]
fn a_failure_of_a_child_is_read_by_its_scope_and_shuts_nothing_down() {
    let reports = Rc::new(Cell::new(0));
    let seen = Rc::clone(&reports);
    let scheduler = Scheduler::builder()
        .on_failure(FailurePolicy::Shutdown)
        .slow_poll(Duration::MAX)
        .on_report(move |_| seen.set(seen.get() + 1))
        .build();
    let error = scheduler.block_on(scope(async |s| {
        s.try_spawn(async { Err::<(), _>("an error") });
        s.spawn(async { std::panic::resume_unwind(Box::new("a panic")) });
        s.collect_all();
    }));
    assert_eq!((error.unwrap_err().failures().len(), reports.get()), (2, 0));
}

#[test]
fn a_failure_inside_a_child_ends_the_run_that_the_scope_is_in() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let scheduler =
        Scheduler::builder().on_failure(FailurePolicy::Shutdown).on_report(|_| ()).build();
    let ended = scheduler.try_block_on(scope(async |s| {
        let logs = LogsDrop(Rc::clone(&log), "sibling");
        s.spawn(async move {
            let _logs = logs;
            pending::<()>().await;
        });
        s.spawn(async {
            drop(spawn(async { std::panic::resume_unwind(Box::new("on purpose")) }));
        });
        pending::<()>().await;
    }));
    assert!(matches!(ended, Err(RunError::Failed(_))));
    assert_eq!(log.take(), ["sibling"]);
    assert_eq!(scheduler.metrics().alive, 0);
    assert_eq!(scheduler.snapshot().tasks.len(), 0);
}

/// Logs its name when it is dropped.
struct LogsDrop(Rc<RefCell<Vec<&'static str>>>, &'static str);

impl Drop for LogsDrop {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

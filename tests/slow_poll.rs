//! A turn that takes too long is reported: which task took it, where that was spawned, and what it had waited for.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use turnwise::channel::{mpsc, oneshot};
use turnwise::scheduler::{Report, WaitsFor};
use turnwise::sync::{Barrier, Mutex, Notify};
use turnwise::task::scope;
use turnwise::{Scheduler, sleep, spawn, task, yield_now};

use trace::with_marks;

/// The slow turns that were reported: task, turn, and what the task had waited for, with places as marks.
#[derive(Clone, Default)]
struct Slow(Rc<RefCell<Vec<Report>>>);

impl Slow {
    fn scheduler(&self, limit: Duration) -> Scheduler {
        let seen = self.0.clone();
        let builder = Scheduler::builder().virtual_time().slow_poll(limit);
        builder.on_report(move |report| seen.borrow_mut().push(report.clone())).build()
    }

    fn take(&self) -> Vec<String> {
        let line = |report| {
            let Report::SlowTurn { task, turn, after, .. } = report else {
                panic!("{report}");
            };
            let after = match after {
                None => "nothing".to_owned(),
                Some(WaitsFor::Sleep { place, .. }) => format!("a sleep at {place}"),
                Some(other) => other.to_string(),
            };
            let line = format!("turn {turn} of {task} after {after}");
            with_marks(&line, file!(), include_str!("slow_poll.rs"))
        };
        self.0.take().into_iter().map(line).collect()
    }
}

/// Blocks the thread, and with it the scheduler. This takes real time, because real time is what is measured here,
/// whichever clock the scheduler has.
fn block(length: Duration) {
    thread::sleep(length);
}

fn hog() {
    block(LIMIT);
}

const LIMIT: Duration = Duration::from_millis(40);

#[test]
fn a_hog_is_caught_and_named() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(LIMIT);
    scheduler.spawn(sleep(Duration::from_millis(1)));
    task::Builder::new().name("hog").spawn_on(&scheduler, async {
        sleep(Duration::from_millis(10)).await; // [before]
        hog();
    });
    scheduler.run().unwrap();
    let Report::SlowTurn { took, spawned_at, .. } = slow.0.borrow()[0].clone() else {
        panic!("it was slow");
    };
    assert!(took >= LIMIT);
    assert_eq!(spawned_at.file(), file!());
    assert_eq!(slow.take(), ["turn 4 of #2 \"hog\" after a sleep at [before]"]);
}

#[test]
fn the_line_has_all_details() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(Duration::ZERO);
    scheduler.spawn(sleep(Duration::from_secs(1))); // [spawn]
    scheduler.run().unwrap();
    let reports = slow.0.take();
    let line = |report: &Report| {
        let line = with_marks(&report.to_string(), file!(), include_str!("slow_poll.rs"));
        let Report::SlowTurn { took, .. } = report else { panic!("{report}") };
        line.replace(&format!("{took:?}"), "TIME")
    };
    let lines: Vec<String> = reports.iter().map(line).collect();
    let expected = [
        "task #1, spawned at [spawn], blocked the scheduler for TIME in turn 1",
        "task #1, spawned at [spawn], blocked the scheduler for TIME in turn 2, after a sleep at \
         [spawn]",
    ];
    assert_eq!(lines, expected);
}

/// With a limit of zero every turn is reported.
#[test]
fn it_reports_what_each_turn_had_waited_for() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(Duration::ZERO);
    let (sender, mut receiver) = mpsc::channel(1);
    let mutex = Rc::new(Mutex::new(()).named("m"));
    let notify = Rc::new(Notify::new());
    let (theirs, notifies) = (Rc::clone(&mutex), Rc::clone(&notify));
    scheduler.spawn(async move {
        let guard = theirs.lock().await; // [lock]
        yield_now().await;
        drop(guard);
        sender.send(1).await.unwrap(); // [send]
        notifies.notify_one();
    });
    scheduler.spawn(async move {
        assert_eq!(receiver.recv().await, Some(1)); // [recv]
        let guard = mutex.lock().await; // [second lock]
        notify.notified().await; // [notified]
        drop(guard);
    });
    scheduler.run().unwrap();
    let expected = [
        "turn 1 of #1 after mutex \"m\" at [lock]",
        "turn 2 of #2 after nothing",
        "turn 3 of #1 after room in channel at [send]",
        "turn 4 of #2 after notify at [notified]",
    ];
    assert_eq!(slow.take(), expected);
}

#[test]
fn joins_channels_and_barriers_are_named_too() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(Duration::ZERO);
    scheduler.block_on(async {
        let child = task::Builder::new().name("child").spawn(async {}); // [child]
        child.await.unwrap();
        let (sender, receiver) = oneshot::channel::<()>();
        let sending = spawn(async { sender.send(()) });
        receiver.await.unwrap(); // [oneshot]
        drop(sending);
        Barrier::new(1).wait().await.unwrap(); // [barrier]
    });
    let expected = [
        "turn 1 of #1 main after nothing",
        "turn 2 of #2 \"child\" after nothing",
        "turn 3 of #1 main after task #2 \"child\", spawned at [child]",
        "turn 4 of #3 after nothing",
        "turn 5 of #1 main after barrier at [barrier]",
    ];
    assert_eq!(slow.take(), expected);
}

#[test]
fn it_can_be_turned_off() {
    let slow = Slow::default();
    slow.scheduler(Duration::MAX).block_on(async { hog() });
    assert!(slow.take().is_empty());
}

#[test]
fn it_is_on_at_100_ms_where_there_are_debug_assertions() {
    let slow = Slow::default();
    let seen = slow.0.clone();
    let scheduler = Scheduler::builder()
        .on_report(move |report| seen.borrow_mut().push(report.clone()))
        .build();
    scheduler.block_on(async { block(Duration::from_millis(100)) });
    assert_eq!(slow.take().len(), usize::from(cfg!(debug_assertions)));
}

#[test]
fn real_time_counts_and_not_that_of_a_virtual_clock() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(Duration::from_secs(3600));
    scheduler.block_on(async {
        turnwise::time::advance(Duration::from_secs(7200)).await;
        sleep(Duration::from_secs(7200)).await;
    });
    assert!(slow.take().is_empty());
}

#[test]
fn a_scheduler_inside_a_turn_has_a_meter_of_its_own() {
    let slow = Slow::default();
    let outer = slow.scheduler(Duration::ZERO);
    outer.block_on(async {
        sleep(Duration::from_secs(1)).await; // [outer]
        let inner = Scheduler::builder().virtual_time().slow_poll(Duration::MAX).build();
        inner.spawn(yield_now());
        inner.spawn(async { drop(Mutex::new(()).lock().await) });
        inner.run_until_stalled();
    });
    assert_eq!(
        slow.take(),
        ["turn 1 of #1 main after nothing", "turn 2 of #1 main after a sleep at [outer]"]
    );
}

#[test]
fn the_report_callback_may_take_snapshots_and_spawn() {
    let place = Rc::new(RefCell::new(None::<Scheduler>));
    let own = Rc::clone(&place);
    let builder = Scheduler::builder().slow_poll(LIMIT).on_report(move |_| {
        let own = own.borrow();
        let own = own.as_ref().unwrap();
        assert!(own.snapshot().to_string().contains("#1"));
        own.spawn(async {});
    });
    *place.borrow_mut() = Some(builder.build());
    if let Some(scheduler) = &*place.borrow() {
        scheduler.spawn(async {
            hog();
            yield_now().await;
        });
        scheduler.run().unwrap();
        assert_eq!(scheduler.metrics().spawned, 2);
    }
    drop(place.take()); // Its own callback refers to it.
}

// ----- children of scopes, whose turns are nested -----

#[test]
fn a_child_that_hogs_is_named_once_and_nothing_around_it_is() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(LIMIT);
    scheduler
        .block_on(scope(async |s| {
            let inner = scope(async |inner| {
                inner.spawn(async {});
                task::Builder::new().name("hog").spawn_in(inner, async {
                    sleep(Duration::from_secs(1)).await; // [hogged]
                    hog();
                });
                inner.spawn(yield_now());
            });
            task::Builder::new().name("child").spawn_in(s, async { inner.await.unwrap() });
            s.spawn(yield_now());
        }))
        .unwrap();
    let lines = slow.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with("of #5 \"hog\" after a sleep at [hogged]"), "{lines:?}");
}

#[test]
fn a_body_that_hogs_is_reported_as_its_task_and_not_as_a_child() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(LIMIT);
    scheduler.block_on(async {
        sleep(Duration::from_secs(1)).await; // [body]
        scope(async |s| {
            s.spawn(yield_now());
            hog();
            yield_now().await;
            s.spawn(async {});
        })
        .await
        .unwrap();
    });
    let lines = slow.take();
    assert_eq!(lines, ["turn 2 of #1 main after a sleep at [body]"]);
}

/// A task is slow only by its own time: a parent and its children are not added up.
#[test]
fn the_time_of_a_parent_excludes_that_of_its_children() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(2 * LIMIT);
    scheduler.block_on(async {
        hog();
        scope(async |s| {
            s.spawn(async { hog() });
            s.spawn(async { hog() });
        })
        .await
        .unwrap();
    });
    assert!(slow.take().is_empty());
    let scheduler = slow.scheduler(2 * LIMIT);
    scheduler.block_on(async {
        hog();
        scope(async |s| {
            s.spawn(async {});
        })
        .await
        .unwrap();
        hog();
    });
    assert_eq!(slow.take(), ["turn 1 of #1 main after nothing"]);
}

#[test]
fn what_a_task_has_waited_for_is_still_reported_after_the_turns_of_its_children() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(Duration::ZERO);
    scheduler.block_on(async {
        let lock = Mutex::new(()).named("m");
        drop(lock.lock().await); // [lock of the parent]
        scope(async |s| {
            s.spawn(async { Barrier::new(1).wait().await.is_ok() }); // [barrier of the child]
            s.spawn(async {});
        })
        .await
        .unwrap();
    });
    let expected = [
        "turn 2 of #2 after barrier at [barrier of the child]",
        "turn 3 of #3 after nothing",
        "turn 1 of #1 main after mutex \"m\" at [lock of the parent]",
    ];
    assert_eq!(slow.take(), expected);
}

#[test]
fn a_child_that_hogs_while_it_is_cancelled_or_dropped_is_named_too() {
    let slow = Slow::default();
    let scheduler = slow.scheduler(LIMIT);
    scheduler
        .block_on(scope(async |s| {
            let child = s.spawn(async {
                let _cancelled = task::catch_cancel(std::future::pending::<()>()).await;
                hog();
            });
            yield_now().await;
            child.cancel();
            child.await.unwrap();
            let child = s.spawn(async {
                let _hogs = Hogs;
                std::future::pending::<()>().await;
            });
            yield_now().await;
            child.abort();
            child.await.unwrap_err();
        }))
        .unwrap();
    let lines = slow.take();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(" of #2 ") && lines[1].contains(" of #3 "), "{lines:?}");
}

struct Hogs;

impl Drop for Hogs {
    fn drop(&mut self) {
        hog();
    }
}

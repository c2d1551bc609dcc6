//! Unread failures are reported: once, with the task's name and spawn location.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use turnwise::scheduler::{Builder, FailurePolicy, Report};
use turnwise::{
    AbortOnDrop, JoinHandle, Observer, RunError, Scheduler, Transition, spawn, task, yield_now,
};

use trace::{Log, with_marks};

/// The text with its place as a mark, if that line has one.
fn marked(text: &str) -> String {
    let source = include_str!("unread.rs");
    let (_, place) = text.split_once(&format!("{}:", file!())).unwrap();
    let line: usize = place.split_once(':').unwrap().0.parse().unwrap();
    let has_mark = source.lines().nth(line - 1).unwrap().contains(" // [");
    if has_mark { with_marks(text, file!(), source) } else { text.to_owned() }
}

/// Logs the reports, with places as marks.
fn reported(builder: Builder, log: &Log) -> Builder {
    let lines = log.clone();
    builder.slow_poll(Duration::MAX).on_report(move |report| {
        lines.say(marked(&report.to_string()));
    })
}

/// A scheduler, and what it reports.
fn reporting() -> (Scheduler, Log) {
    let log = Log::default();
    (reported(Scheduler::builder(), &log).build(), log)
}

#[test]
fn a_panic_that_is_never_awaited_is_reported_when_the_task_ends() {
    let (scheduler, log) = reporting();
    let name = task::Builder::new().name("doomed");
    drop(name.spawn_on(&scheduler, async { panic!("on purpose") })); // [spawn]
    assert!(log.take().is_empty());
    scheduler.run().unwrap();
    let expected = ["task #1 \"doomed\", spawned at [spawn], panicked, and nothing read that"];
    assert_eq!(log.take(), expected);
    scheduler.run().unwrap();
    drop(scheduler);
    assert!(log.take().is_empty(), "it is reported once");
}

#[test]
fn a_panic_whose_handle_is_dropped_afterwards_is_reported_then() {
    let (scheduler, log) = reporting();
    let handle = scheduler.spawn(async { panic!("on purpose") }); // [spawn]
    scheduler.run().unwrap();
    assert!(log.take().is_empty(), "the handle may still be awaited");
    drop(handle);
    assert_eq!(log.take(), ["task #1, spawned at [spawn], panicked, and nothing read that"]);
}

#[test]
fn a_panic_that_was_read_is_not_reported() {
    let (scheduler, log) = reporting();
    let handle = scheduler.spawn(async { panic!("on purpose") });
    assert!(scheduler.block_on(handle).unwrap_err().is_panic());
    scheduler.block_on(async {
        let guarded = AbortOnDrop::new(spawn(async { panic!("on purpose") }));
        assert!(guarded.await.unwrap_err().is_panic());
    });
    assert!(log.take().is_empty());
}

#[test]
fn an_error_of_a_fallible_task_is_reported_with_its_text() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        drop(task::try_spawn(async { "x".parse::<u8>() })); // [dropped before]
        let after = task::try_spawn(async { Err::<(), _>("late") }); // [dropped after]
        yield_now().await;
        yield_now().await;
        drop(after);
    });
    let expected = [
        "task #2, spawned at [dropped before], returned an error, and nothing read that: \
         ParseIntError { kind: InvalidDigit }",
        "task #3, spawned at [dropped after], returned an error, and nothing read that: \"late\"",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn an_error_that_was_read_or_a_success_is_not_reported() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        assert_eq!(task::try_spawn(async { Err::<(), _>(1) }).await.unwrap(), Err(1));
        drop(task::try_spawn(async { Ok::<_, ()>(1) }));
        drop(spawn(async { Err::<(), _>("an `Err` of a plain task is an ordinary output") }));
        yield_now().await;
    });
    let by_name =
        task::Builder::new().name("n").try_spawn_on(&scheduler, async { Err::<(), _>(2) });
    assert_eq!(scheduler.block_on(by_name).unwrap(), Err(2));
    let outside = scheduler.try_spawn(async { Err::<(), _>(3) });
    assert_eq!(scheduler.block_on(outside).unwrap(), Err(3));
    assert!(log.take().is_empty());
}

#[test]
fn an_abort_is_not_a_failure() {
    let (scheduler, log) = reporting();
    drop(AbortOnDrop::new(scheduler.try_spawn(pending::<Result<(), ()>>())));
    scheduler.run().unwrap();
    scheduler.spawn(pending::<()>());
    drop(scheduler);
    assert!(log.take().is_empty());
}

#[test]
fn a_reused_slot_has_no_old_error() {
    let (scheduler, log) = reporting();
    for _ in 0..3 {
        let handle = scheduler.try_spawn(async { Err::<(), _>(1) });
        assert!(scheduler.block_on(handle).unwrap().is_err());
        drop(scheduler.try_spawn(async { Ok::<_, u32>(()) }));
        scheduler.run().unwrap();
    }
    assert!(log.take().is_empty());
}

/// Keeps the reports themselves.
#[derive(Clone, Default)]
struct Keeper(Rc<RefCell<Vec<Report>>>);

impl Observer for Keeper {
    fn transition(&self, _: &Transition) {}

    fn reported(&self, report: &Report) {
        self.0.borrow_mut().push(report.clone());
    }
}

#[test]
fn the_observer_is_notified_too_and_a_report_carries_its_details() {
    let (keeper, log) = (Keeper::default(), Log::default());
    let scheduler = reported(Scheduler::builder().observer(keeper.clone()), &log).build();
    drop(scheduler.spawn(async { panic!("the {}", "reason") }));
    drop(scheduler.try_spawn(async { Err::<(), _>(7) }));
    scheduler.run().unwrap();
    let reports = keeper.0.take();
    let Report::UnreadPanic { task, spawned_at, message, .. } = &reports[0] else {
        panic!("{:?}", reports[0]);
    };
    assert_eq!((task.id.as_u64(), spawned_at.file()), (1, file!()));
    assert_eq!(message.as_deref(), Some("the reason"));
    assert!(matches!(&reports[1], Report::UnreadError { error, .. } if &**error == "7"));
    assert_eq!(log.take().len(), 2);
}

#[test]
fn the_report_callback_may_spawn_take_snapshots_and_drop_handles() {
    let place = Rc::new(RefCell::new(None::<Scheduler>));
    let (own, handles) = (Rc::clone(&place), Rc::new(RefCell::new(Vec::new())));
    let (held, count) = (Rc::clone(&handles), Rc::new(Cell::new(0)));
    let calls = Rc::clone(&count);
    let builder = Scheduler::builder().slow_poll(Duration::MAX).on_report(move |_| {
        calls.set(calls.get() + 1);
        let own = own.borrow();
        let own = own.as_ref().unwrap();
        assert_eq!(own.snapshot().turn, own.metrics().turns);
        own.spawn(async {});
        let dropped: Vec<JoinHandle<()>> = held.take();
        drop(dropped); // Their failure is printed: the callback is not called recursively.
    });
    *place.borrow_mut() = Some(builder.build());
    if let Some(scheduler) = &*place.borrow() {
        handles.borrow_mut().push(scheduler.spawn(async { panic!("the first") }));
        drop(scheduler.spawn(async { panic!("the second") }));
        scheduler.run().unwrap();
        assert_eq!((count.get(), scheduler.metrics().spawned), (1, 3));
    }
    drop(place.take()); // Its own callback refers to it.
}

#[test]
fn a_report_callback_that_panics_is_not_called_again() {
    let count = Rc::new(Cell::new(0));
    let calls = Rc::clone(&count);
    let builder = Scheduler::builder().slow_poll(Duration::MAX).on_report(move |_| {
        calls.set(calls.get() + 1);
        panic!("on purpose");
    });
    let scheduler = builder.build();
    drop(scheduler.spawn(async { panic!("the first") }));
    drop(scheduler.spawn(async { panic!("the second") }));
    scheduler.run().unwrap();
    assert_eq!(count.get(), 1);
}

/// An error whose `Debug` panics.
struct Unprintable;

impl fmt::Debug for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("cannot be printed")
    }
}

#[test]
fn an_error_that_cannot_be_printed_is_reported_anyway() {
    let (scheduler, log) = reporting();
    drop(scheduler.try_spawn(async { Err::<(), _>(Unprintable) })); // [spawn]
    scheduler.run().unwrap();
    let expected = "task #1, spawned at [spawn], returned an error, and nothing read that: \
                    (its `Debug` impl panicked)";
    assert_eq!(log.take(), [expected]);
}

#[test]
fn an_ignored_failure_is_not_reported() {
    let (keeper, log) = (Keeper::default(), Log::default());
    let builder = Scheduler::builder().observer(keeper.clone()).on_failure(FailurePolicy::Ignore);
    let scheduler = reported(builder, &log).build();
    drop(scheduler.spawn(async { panic!("on purpose") }));
    drop(scheduler.try_spawn(async { Err::<(), _>(()) }));
    scheduler.run().unwrap();
    assert!(keeper.0.take().is_empty() && log.take().is_empty());
}

// ----- tasks for other threads -----

#[test]
fn a_panic_that_went_to_a_remote_handle_is_not_reported() {
    let (scheduler, log) = reporting();
    let remote = scheduler.remote();
    let (kept, dropped) = (remote.clone(), remote);
    let kept = thread::spawn(move || kept.spawn(|| async { panic!("to the handle") }));
    let kept: task::RemoteHandle<()> = kept.join().unwrap();
    thread::spawn(move || drop(dropped.spawn(|| async { panic!("to no handle") }))).join().unwrap();
    scheduler.run().unwrap();
    assert_eq!(log.take().len(), 1, "only the one whose handle was dropped");
    assert!(kept.wait().unwrap_err().is_panic());
    assert!(log.take().is_empty());
}

// ----- the policy that shuts down -----

/// Logs its name when it is dropped.
struct LogsDrop(&'static str, Log);

impl Drop for LogsDrop {
    fn drop(&mut self) {
        self.1.say(self.0);
    }
}

async fn held(_logs: LogsDrop) {
    pending::<()>().await;
}

fn strict() -> (Scheduler, Log) {
    let log = Log::default();
    let builder = Scheduler::builder().on_failure(FailurePolicy::Shutdown);
    (reported(builder, &log).build(), log)
}

#[test]
fn a_failure_can_shut_the_scheduler_down() {
    let (scheduler, log) = strict();
    scheduler.spawn(held(LogsDrop("first", log.clone())));
    drop(scheduler.spawn(async { panic!("on purpose") })); // [spawn]
    scheduler.spawn(held(LogsDrop("second", log.clone())));
    let root = held(LogsDrop("root", log.clone()));
    let Err(RunError::Failed(report)) = scheduler.try_block_on(root) else { panic!("it failed") };
    let expected = "task #2, spawned at [spawn], panicked, and nothing read that";
    assert_eq!(log.take(), [expected, "first", "second", "root"]);
    assert!(matches!(*report, Report::UnreadPanic { .. }));
    let error = RunError::Failed(report);
    assert!(error.to_string().starts_with("the scheduler was shut down: task #2, spawned at "));
    assert_eq!(scheduler.metrics().alive, 0);
    assert_eq!(scheduler.block_on(async { spawn(async { 1 }).await.unwrap() }), 1, "it runs again");
}

#[test]
fn a_failure_ends_a_run_even_if_its_root_is_done() {
    let (scheduler, log) = strict();
    scheduler.spawn(held(LogsDrop("other", log.clone())));
    let ended = scheduler.try_block_on(async {
        let failed = task::try_spawn(async { Err::<(), _>(1) });
        yield_now().await;
        drop(failed);
    });
    assert!(matches!(ended, Err(RunError::Failed(_))));
    assert_eq!(log.take().len(), 2);
    assert_eq!(scheduler.metrics().alive, 0);
}

#[test]
fn a_failure_outside_all_runs_ends_the_next_one() {
    let (scheduler, log) = strict();
    let handle = scheduler.spawn(async { panic!("on purpose") });
    scheduler.run().unwrap();
    drop(handle);
    scheduler.spawn(held(LogsDrop("other", log.clone())));
    assert!(matches!(scheduler.run(), Err(RunError::Failed(_))));
    assert_eq!(log.take().len(), 2);
    scheduler.run().unwrap();
}

#[test]
fn a_failure_in_a_run_by_steps_ends_the_tasks_and_the_next_run() {
    let (scheduler, log) = strict();
    drop(scheduler.spawn(async { panic!("on purpose") }));
    scheduler.spawn(async {
        loop {
            yield_now().await;
        }
    });
    scheduler.spawn(held(LogsDrop("other", log.clone())));
    assert_eq!(scheduler.run_until_stalled(), 3);
    assert_eq!((log.take().len(), scheduler.metrics().alive), (2, 0));
    assert!(matches!(scheduler.run(), Err(RunError::Failed(_))));
    scheduler.run().unwrap();
}

#[test]
fn tasks_spawned_by_destructors_during_a_shutdown_are_dropped_too() {
    struct Spawns;
    impl Drop for Spawns {
        fn drop(&mut self) {
            drop(spawn(async { unreachable!("it never takes a turn") }));
        }
    }
    let (scheduler, _log) = strict();
    scheduler.spawn(async {
        let _spawns = Spawns;
        pending::<()>().await;
    });
    drop(scheduler.spawn(async { panic!("on purpose") }));
    assert!(matches!(scheduler.run(), Err(RunError::Failed(_))));
    assert_eq!((scheduler.metrics().spawned, scheduler.metrics().alive), (3, 0));
    assert_eq!(scheduler.metrics().ready, 0);
}

#[test]
#[should_panic(expected = "the scheduler was shut down: task #2")]
fn block_on_panics_with_the_failure() {
    strict().0.block_on(async {
        drop(task::try_spawn(async { Err::<(), _>(1) }));
        pending::<()>().await;
    });
}

/// The root completes in the same pass in which the failure occurs, so the tasks are ended after the main loop.
#[test]
fn a_shutdown_after_a_failure_ends_its_tasks_in_a_run_so_no_destructor_can_start_one() {
    struct Runs(Rc<Scheduler>, Log);
    impl Drop for Runs {
        fn drop(&mut self) {
            let nested = self.0.try_block_on(async { 7 });
            self.1.say(matches!(nested, Err(RunError::Nested(_))).to_string());
        }
    }
    let log = Log::default();
    let builder = Scheduler::builder().on_failure(FailurePolicy::Shutdown);
    let scheduler = Rc::new(builder.on_report(|_| {}).build());
    let runs = Runs(Rc::clone(&scheduler), log.clone());
    let result = scheduler.try_block_on(async {
        drop(spawn(async { panic!("on purpose") }));
        drop(spawn(async move {
            let _runs = runs;
            pending::<()>().await;
        }));
        yield_now().await;
    });
    assert!(matches!(result, Err(RunError::Failed(_))));
    assert_eq!(log.take(), ["true"]);
    assert_eq!(scheduler.metrics().alive, 0);
    assert_eq!(scheduler.block_on(async { spawn(async { 7 }).await.unwrap() }), 7);
}

//! Failures in a scope that does not return its `ScopeError` are reported, like those of a task whose handle was dropped.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use notes::{ms, poll_once};
use probe::{Count, OnDrop, text};
use turnwise::scheduler::{Builder, FailurePolicy, Report};
use turnwise::task::{self, Scope, catch_cancel, mask, scope, try_scope};
use turnwise::{RunError, Scheduler, select, sleep, spawn, timeout, yield_now};

type Lines = Rc<RefCell<Vec<String>>>;

/// A report without the place.
fn line(report: &Report) -> String {
    match report {
        Report::UnreadError { task, error, .. } => format!("{task}: {error}"),
        Report::UnreadPanic { task, message, .. } => {
            format!("{task} panicked: {}", message.as_deref().unwrap_or("?"))
        }
        other => other.to_string(),
    }
}

/// A scheduler with a virtual clock, and what it reports.
fn reporting(builder: Builder) -> (Scheduler, Lines) {
    let lines = Lines::default();
    let log = Rc::clone(&lines);
    let report = move |report: &Report| log.borrow_mut().push(line(report));
    // Printing a panic may take long, and slow turns are reported too.
    let builder = builder.virtual_time().slow_poll(std::time::Duration::MAX);
    (builder.on_report(report).build(), lines)
}

/// A child fails after 10 ms, another one in its clean-up, and a third one holds the scope until 50 ms.
fn fail_and_hold<'scope>(s: &'scope Scope<'scope, '_>) {
    s.try_spawn(async {
        sleep(ms(10)).await;
        Err::<(), _>("no answer")
    });
    task::Builder::new().name("odd").spawn_in(s, async {
        let _cancelled = catch_cancel(pending::<()>()).await;
        panic!("a bug");
    });
    s.spawn(mask(sleep(ms(50))));
}

/// A scope of these children.
async fn failing() -> Result<(), task::ScopeError> {
    scope(async |s| {
        fail_and_hold(s);
        pending::<()>().await;
    })
    .await
}

/// Polls such a scope until both have failed. It is still held then.
async fn keep_until_failed(failing: &mut (impl Future + Unpin)) {
    for wait in [20, 0, 0] {
        assert!(poll_once(failing).await.is_pending());
        sleep(ms(wait)).await;
    }
}

// ----- every way in which a scope may end without returning -----

#[test]
fn failures_are_reported_once_however_the_scope_ends_without_returning_them() {
    type End = fn(&Scheduler, turnwise::JoinHandle<()>);
    let ends: [(&str, End); 6] = [
        ("abort", |scheduler, handle| {
            handle.abort();
            assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
        }),
        ("cancel", |scheduler, handle| {
            handle.cancel();
            assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
        }),
        ("shutdown", |scheduler, _handle| drop(scheduler.shutdown(ms(1000)).unwrap())),
        ("shutdown without grace", |scheduler, _handle| drop(scheduler.shutdown(ms(1)).unwrap())),
        ("end of the `block_on`, and drop of the scheduler", |scheduler, _handle| {
            scheduler.block_on(async {});
        }),
        ("drop of the scheduler", |_, _| ()),
    ];
    for (how, end) in ends {
        let (scheduler, lines) = reporting(Scheduler::builder());
        let handle = scheduler.spawn(async {
            let _error = failing().await;
            unreachable!("no code after the scope runs");
        });
        scheduler.block_on(sleep(ms(20)));
        assert!(lines.borrow().is_empty(), "{how}: the scope may still return them");
        end(&scheduler, handle);
        drop(scheduler);
        assert_eq!(lines.take(), ["#3: \"no answer\"", "#4 \"odd\" panicked: a bug"], "{how}");
    }
}

#[test]
fn failures_in_a_scope_that_loses_a_select_are_reported() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    scheduler.block_on(async {
        select! {
            _ = failing() => unreachable!("it is held for longer"),
            () = sleep(ms(20)) => {}
        }
    });
    assert_eq!(lines.take(), ["#2: \"no answer\"", "#3 \"odd\" panicked: a bug"]);
}

#[test]
fn failures_in_a_scope_that_a_timeout_ends_are_reported_when_it_has_elapsed() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    scheduler.block_on(async {
        assert!(timeout(ms(20), failing()).await.is_err());
        assert_eq!(lines.take(), ["#2: \"no answer\"", "#3 \"odd\" panicked: a bug"]);
    });
    assert!(lines.take().is_empty(), "they are reported once");
}

#[test]
fn a_report_has_the_place_where_the_child_was_spawned() {
    let places = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&places);
    let builder = Scheduler::builder().virtual_time().on_report(move |report| {
        if let Report::UnreadError { spawned_at, .. } = report {
            seen.borrow_mut().push((spawned_at.file(), spawned_at.line()));
        }
    });
    let line = line!() + 3;
    let lost = scope(async |s| {
        s.spawn(mask(sleep(ms(50))));
        s.try_spawn(async { Err::<(), _>("no answer") });
    });
    builder.build().block_on(timeout(ms(20), lost)).unwrap_err();
    assert_eq!(places.take(), [(file!(), line)]);
}

#[test]
fn a_scope_that_is_dropped_outside_of_a_run_reports_its_failures() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    let mut kept = Box::pin(failing());
    scheduler.block_on(keep_until_failed(&mut kept));
    assert!(lines.borrow().is_empty());
    drop(kept);
    assert_eq!(lines.take(), ["#2: \"no answer\"", "#3 \"odd\" panicked: a bug"]);
}

#[test]
fn a_scope_that_is_dropped_after_its_scheduler_does_not_panic() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    let mut kept = Box::pin(failing());
    scheduler.block_on(keep_until_failed(&mut kept));
    drop(scheduler);
    drop(kept); // They are printed on stderr, as those of a handle that outlives its scheduler.
    assert!(lines.take().is_empty());
}

#[test]
fn a_scope_that_is_dropped_by_a_panic_reports_its_failures() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        scheduler.block_on(async {
            let mut failing = Box::pin(failing());
            keep_until_failed(&mut failing).await;
            panic!("on purpose");
        });
    }));
    assert_eq!(text(&*unwound.unwrap_err()), "on purpose");
    assert_eq!(lines.take(), ["#2: \"no answer\"", "#3 \"odd\" panicked: a bug"]);
}

#[test]
fn a_scope_inside_the_child_of_another_reports_its_own_failures() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    scheduler.block_on(async {
        let outer = scope(async |s| {
            s.spawn(async {
                let _error = failing().await;
            });
            s.try_spawn(async {
                sleep(ms(20)).await;
                Err::<(), _>("of the outer one")
            });
        });
        let error = outer.await.unwrap_err();
        assert_eq!(error.to_string(), "a child of the scope failed: #3: of the outer one");
    });
    assert_eq!(lines.take(), ["#4: \"no answer\"", "#5 \"odd\" panicked: a bug"]);
}

// ----- the body -----

#[test]
fn after_a_panic_of_the_body_the_failures_of_children_are_reported() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        scheduler.block_on(async {
            let _never = scope(async |s| {
                s.try_spawn(async {
                    let _cancelled = catch_cancel(pending::<()>()).await;
                    Err::<(), _>("in the clean-up")
                });
                yield_now().await;
                panic!("the body has a bug");
            })
            .await;
        });
    }));
    assert_eq!(text(&*unwound.unwrap_err()), "the body has a bug");
    assert_eq!(lines.take(), ["#2: \"in the clean-up\""]);
}

#[test]
fn a_panic_of_the_body_in_its_clean_up_is_not_swallowed_by_the_request() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    let handle = scheduler.spawn(timeout(ms(1000), async {
        let _never = scope(async |_| {
            let _cancelled = catch_cancel(pending::<()>()).await;
            panic!("the clean-up has a bug");
        })
        .await;
    }));
    scheduler.run_until_stalled();
    handle.cancel();
    let error = scheduler.block_on(handle).unwrap_err();
    assert_eq!(error.to_string(), "task #1 panicked: the clean-up has a bug");
    assert!(lines.take().is_empty());
}

#[test]
fn failures_of_the_body_are_reported_with_the_task_and_the_place_of_the_scope() {
    let reports = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&reports);
    let builder = Scheduler::builder().virtual_time().slow_poll(std::time::Duration::MAX);
    let scheduler =
        builder.on_report(move |report| log.borrow_mut().push(report.to_string())).build();
    let first = line!() + 2;
    scheduler.block_on(async {
        let failed = try_scope(async |s| {
            s.spawn(mask(sleep(ms(50))));
            yield_now().await;
            Err::<(), _>("out of paper")
        });
        assert!(timeout(ms(20), failed).await.is_err());
        let panicked = scope(async |s| {
            s.spawn(mask(sleep(ms(50))));
            yield_now().await;
            panic!("a bug");
        });
        select! {
            _ = panicked => unreachable!("it is held for longer"),
            () = sleep(ms(20)) => {}
        }
    });
    let file = file!();
    let task = "task #1 \"the body of a scope\", spawned at";
    let expected = [
        format!(
            "{task} {file}:{first}:22, returned an error, and nothing read that: \"out of paper\""
        ),
        format!("{task} {file}:{}:24, panicked, and nothing read that", first + 6),
    ];
    assert_eq!(reports.take(), expected);
}

#[test]
fn an_error_of_the_body_that_a_request_overtakes_is_reported() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    let handle = scheduler.spawn(async {
        let _never = try_scope(async |_| {
            let _cancelled = catch_cancel(pending::<()>()).await;
            Err::<(), _>("in the clean-up")
        })
        .await;
    });
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(ms(5)).unwrap();
    assert_eq!(report.cancelled.len(), 1);
    assert!(handle.is_finished());
    assert_eq!(lines.take(), ["#1 \"the body of a scope\": \"in the clean-up\""]);
}

#[test]
fn an_error_that_a_destructor_fails_a_dropped_scope_with_is_reported() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    scheduler.block_on(async {
        let mut lost = Box::pin(scope(async |s| {
            s.spawn(async {
                let _fails = OnDrop(|| s.fail("half written"));
                pending::<()>().await;
            });
        }));
        assert!(poll_once(&mut lost).await.is_pending());
    });
    assert_eq!(lines.take(), ["#1 \"the body of a scope\": \"half written\""]);
}

#[test]
fn on_a_foreign_executor_nothing_panics() {
    let lost = async {
        let token = task::CancelToken::new();
        let cancels = token.clone();
        let failing = try_scope(async |_| {
            cancels.cancel();
            let _cancelled = catch_cancel(pending::<()>()).await;
            Err::<(), _>("printed on stderr")
        });
        assert!(token.run_until_cancelled(failing).await.is_none());
    };
    futures::executor::block_on(lost);
}

// ----- what is no failure, or was returned -----

#[test]
fn children_that_were_only_cancelled_are_not_reported() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    scheduler.block_on(async {
        let work = scope(async |s| {
            s.spawn(pending::<()>());
            s.try_spawn(pending::<Result<(), String>>());
            s.try_spawn(async {
                let _cancelled = catch_cancel(pending::<()>()).await;
                Ok::<_, String>(())
            });
            s.spawn(pending::<()>()).abort();
            pending::<()>().await;
        });
        assert!(timeout(ms(20), work).await.is_err());
    });
    assert!(lines.take().is_empty());
}

#[test]
fn a_scope_error_that_was_returned_is_not_reported_even_if_it_is_dropped() {
    let (scheduler, lines) = reporting(Scheduler::builder());
    scheduler.block_on(async {
        drop(failing().await.unwrap_err());
        let caught = catch_cancel(timeout(ms(20), mask(failing()))).await;
        assert!(caught.unwrap().unwrap().is_err(), "a late value is a value");
    });
    assert!(lines.take().is_empty());
}

// ----- the policy -----

#[test]
fn a_failure_that_no_scope_returns_shuts_a_strict_scheduler_down() {
    let (scheduler, lines) = reporting(Scheduler::builder().on_failure(FailurePolicy::Shutdown));
    let dropped = Count::default();
    let token = dropped.token();
    scheduler.spawn(async move {
        let _token = token;
        pending::<()>().await;
    });
    scheduler.spawn(async {
        assert!(timeout(ms(20), failing()).await.is_err());
        pending::<()>().await;
    });
    let Err(RunError::Failed(report)) = scheduler.run() else { panic!("it failed") };
    assert_eq!(line(&report), "#3: \"no answer\"", "the first one");
    assert_eq!(lines.take(), ["#3: \"no answer\"", "#4 \"odd\" panicked: a bug"]);
    assert_eq!((dropped.get(), scheduler.metrics().alive), (1, 0));
    assert_eq!(scheduler.block_on(async { spawn(async { 1 }).await.unwrap() }), 1, "it runs again");
}

#[test]
fn scopes_that_a_strict_scheduler_drops_report_too_and_do_not_fail_the_next_run() {
    let (scheduler, lines) = reporting(Scheduler::builder().on_failure(FailurePolicy::Shutdown));
    let lost = async {
        let mut lost = Box::pin(failing());
        select! {
            _ = &mut lost => unreachable!("it is held for longer"),
            () = pending::<()>() => {}
        }
    };
    scheduler.spawn(lost);
    drop(scheduler.spawn(async {
        sleep(ms(20)).await;
        panic!("on purpose");
    }));
    let root = async {
        let _error = failing().await;
        pending::<()>().await;
    };
    let Err(RunError::Failed(report)) = scheduler.try_block_on(async {
        select! {
            () = root => {}
            _ = async { sleep(ms(15)).await; failing().await } => {}
        }
    }) else {
        panic!("it failed")
    };
    assert_eq!(line(&report), "#2 panicked: on purpose");
    let lines = lines.take();
    assert_eq!(lines[0], "#2 panicked: on purpose");
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(scheduler.block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
}

#[test]
fn a_shutdown_reports_failures_and_does_not_fail_the_next_run() {
    for grace in [ms(1), ms(1000)] {
        let builder = Scheduler::builder().on_failure(FailurePolicy::Shutdown);
        let (scheduler, lines) = reporting(builder);
        scheduler.spawn(async {
            let _never = failing().await;
        });
        scheduler.block_on(sleep(ms(20)));
        drop(scheduler.shutdown(grace).unwrap());
        assert_eq!(lines.take().len(), 2);
        scheduler.run().unwrap();
    }
}

#[test]
fn an_ignored_failure_of_a_scope_is_not_reported() {
    let (scheduler, lines) = reporting(Scheduler::builder().on_failure(FailurePolicy::Ignore));
    let printed = Arc::new(AtomicUsize::new(0));
    let error = Printed(Arc::clone(&printed));
    scheduler.block_on(async {
        let lost = scope(async |s| {
            s.spawn(mask(sleep(ms(50))));
            s.try_spawn(async { Err::<(), _>(error) });
        });
        assert!(timeout(ms(20), lost).await.is_err());
    });
    assert!(lines.take().is_empty());
    assert_eq!(printed.load(Ordering::Relaxed), 0);
}

/// Counts how often it is printed.
struct Printed(Arc<AtomicUsize>);

impl fmt::Debug for Printed {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Error for Printed {}

// ----- user code that is called -----

/// An error whose `Debug` and destructor panic.
struct Nasty;

impl fmt::Debug for Nasty {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("cannot be printed")
    }
}

impl fmt::Display for Nasty {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("cannot be printed")
    }
}

impl Error for Nasty {}

impl Drop for Nasty {
    fn drop(&mut self) {
        panic!("cannot be dropped")
    }
}

#[test]
fn an_error_that_cannot_be_printed_or_dropped_is_reported_and_the_next_one_too() {
    for unwinds in [false, true] {
        let (scheduler, lines) = reporting(Scheduler::builder());
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            scheduler.block_on(async {
                let mut lost = Box::pin(scope(async |s| {
                    s.collect_all();
                    s.try_spawn(async { Err::<(), _>(Nasty) });
                    s.spawn(async { std::panic::panic_any(Nasty) });
                    s.try_spawn(async { Err::<(), _>("fine") });
                    s.spawn(pending::<()>());
                }));
                assert!(poll_once(&mut lost).await.is_pending());
                assert!(!unwinds, "the scope is dropped by this panic");
            });
        }));
        assert_eq!(unwound.is_err(), unwinds);
        let expected = ["#2: (its `Debug` impl panicked)", "#3 panicked: ?", "#4: \"fine\""];
        assert_eq!(lines.take(), expected);
    }
}

#[test]
fn the_report_callback_may_use_the_scheduler_and_drop_another_scope() {
    let place = Rc::new(RefCell::new(None::<Scheduler>));
    let other = Rc::new(RefCell::new(None));
    let calls = Rc::new(Cell::new(0));
    let (own, held, count) = (Rc::clone(&place), Rc::clone(&other), Rc::clone(&calls));
    let builder = Scheduler::builder()
        .virtual_time()
        .slow_poll(std::time::Duration::MAX)
        .on_report(move |_| {
            count.set(count.get() + 1);
            let own = own.borrow();
            let own = own.as_ref().unwrap();
            assert_eq!(own.snapshot().turn, own.metrics().turns);
            own.spawn(async {});
            drop::<Option<Pin<Box<dyn Future<Output = _>>>>>(held.take()); // Printed on stderr.
        });
    *place.borrow_mut() = Some(builder.build());
    if let Some(scheduler) = &*place.borrow() {
        scheduler.block_on(async {
            let mut second: Pin<Box<dyn Future<Output = _>>> = Box::pin(failing());
            keep_until_failed(&mut second).await;
            let mut first = Box::pin(failing());
            keep_until_failed(&mut first).await;
            other.replace(Some(second));
        });
        assert_eq!(calls.get(), 2, "those of the first");
        scheduler.run().unwrap();
    }
    drop(place.take()); // Its own callback refers to it.
}

#[test]
fn a_callback_that_panics_while_a_panic_drops_the_scope_aborts_nothing() {
    let scheduler = Scheduler::builder().virtual_time().on_report(|_| panic!("in the callback"));
    let scheduler = scheduler.build();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        scheduler.block_on(async {
            let mut lost = Box::pin(failing());
            keep_until_failed(&mut lost).await;
            panic!("on purpose");
        });
    }));
    assert_eq!(text(&*unwound.unwrap_err()), "on purpose");
}

//! Outputs that are dropped unread: each failure among them is reported, or is an ordinary value.

#![allow(
    clippy::async_yields_async,
    reason = "a handle that outlives its `block_on` is what is tested"
)]
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::future::pending;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use turnwise::channel::{mpsc as local, oneshot};
use turnwise::generator::Generator;
use turnwise::scheduler::{Builder, FailurePolicy, Report};
use turnwise::sync::Promise;
use turnwise::task::{self, JoinError, JoinSet};
use turnwise::{
    JoinHandle, RunError, Scheduler, as_completed, blocking, gather, gather_handles, join,
    join_all, race, select, sleep, spawn, spawn_blocking, timeout, try_join_all, wait, yield_now,
};

use trace::{Log, with_marks};

/// Logs failures without their places.
fn logging(builder: Builder, log: &Log) -> Builder {
    let lines = log.clone();
    builder.slow_poll(Duration::MAX).on_report(move |report| {
        lines.say(match report {
            Report::UnreadPanic { task, message, .. } => format!("{task} panicked: {message:?}"),
            Report::UnreadError { task, error, .. } => format!("{task} failed: {error}"),
            Report::UnreadPromise { name, error, .. } => {
                format!("the promise {name:?} failed: {error}")
            }
            Report::UnreadJobPanic { name, message, .. } => {
                format!("the job {name:?} panicked: {message:?}")
            }
            other => other.to_string(),
        });
    })
}

/// A scheduler under virtual time, and what it reports.
fn reporting() -> (Scheduler, Log) {
    let log = Log::default();
    (logging(Scheduler::builder().virtual_time(), &log).build(), log)
}

fn seconds(count: u64) -> turnwise::time::Sleep {
    sleep(Duration::from_secs(count))
}

/// Fails after that many seconds; never ends for 0.
async fn fails_after(count: u64) {
    match count {
        0 => pending().await,
        _ => seconds(count).await,
    }
    panic!("after {count} s")
}

/// Tasks that fail after one and two seconds, and one that never ends.
fn three() -> [JoinHandle<()>; 3] {
    [1, 2, 0].map(|count| spawn(fails_after(count)))
}

const BOTH: [&str; 2] = [r#"#2 panicked: Some("after 1 s")"#, r#"#3 panicked: Some("after 2 s")"#];

/// Runs a future for ten seconds, then drops it; returns what is reported.
fn dropped_halfway<F: Future + 'static>(make: impl FnOnce() -> F) -> Vec<String> {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let future = make();
        assert!(timeout(Duration::from_secs(10), future).await.is_err());
    });
    let reports = log.take();
    drop(scheduler);
    assert!(log.take().is_empty(), "each is reported once");
    reports
}

// ----- shielded work -----

#[test]
fn an_err_of_shielded_work_whose_waiter_is_gone_is_reported() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let second = Duration::from_secs(1);
        let save = async {
            seconds(5).await;
            Err::<(), _>("the disk is full")
        };
        assert!(timeout(second, task::try_shield(save)).await.is_err());
        assert!(timeout(second, task::shield(fails_after(5))).await.is_err());
        seconds(9).await;
    });
    assert_eq!(
        log.take(),
        [r#"#2 failed: "the disk is full""#, r#"#3 panicked: Some("after 5 s")"#]
    );
}

#[test]
fn an_err_of_shielded_work_that_is_awaited_is_a_value() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        assert_eq!(task::try_shield(async { Err::<(), _>(7) }).await.unwrap(), Err(7));
        let unread = task::shield(async { Err::<(), _>("that of a plain task is an output") });
        assert!(timeout(Duration::ZERO, unread).await.is_err());
        yield_now().await;
    });
    assert!(log.take().is_empty());
}

// ----- join sets -----

#[test]
fn a_join_all_of_a_set_that_is_dropped_halfway_reports_what_has_failed() {
    let reports = dropped_halfway(|| {
        let mut set = JoinSet::new();
        set.spawn_with(task::Builder::new().name("named"), async { panic!("first") });
        set.try_spawn(async {
            seconds(2).await;
            Err("an error")
        });
        set.spawn(async { Err("of a plain task") });
        set.spawn(pending::<Result<(), &str>>());
        set.join_all()
    });
    assert_eq!(reports, [r#"#2 "named" panicked: Some("first")"#, r#"#3 failed: "an error""#]);
}

#[test]
fn a_join_all_of_a_set_returns_all_outputs_in_spawn_order_with_a_single_wake() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let mut set = JoinSet::new();
        for count in [3, 1, 2] {
            set.spawn(async move {
                seconds(count).await;
                assert_ne!(count, 1);
                count
            });
        }
        let outputs = set.join_all().await;
        assert_eq!(outputs[0].as_ref().unwrap(), &3);
        assert!(outputs[1].is_err());
        assert_eq!(outputs[2].as_ref().unwrap(), &2);
        drop(outputs);
        assert!(JoinSet::<()>::new().join_all().await.is_empty());
    });
    assert!(log.take().is_empty(), "what is returned is read");
    assert_eq!(scheduler.metrics().turns, 8, "each task took two, and so did the root");
}

#[test]
fn the_shutdown_of_a_set_reports_what_had_failed_in_it() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { panic!("first") });
        set.try_spawn(async { Err::<(), _>("an error") });
        set.spawn(pending());
        yield_now().await;
        assert!(log.take().is_empty());
        set.shutdown().await;
        assert!(set.is_empty());
        set.spawn(async { panic!("detached") });
        yield_now().await;
        set.detach_all();
        set.spawn(async { panic!("dropped") });
        yield_now().await;
    });
    assert_eq!(
        log.take(),
        [
            r#"#2 panicked: Some("first")"#,
            r#"#3 failed: "an error""#,
            r#"#5 panicked: Some("detached")"#,
            r#"#6 panicked: Some("dropped")"#,
        ]
    );
}

// ----- what combinators have collected -----

#[test]
fn panics_that_a_combinator_has_collected_are_reported_when_it_is_dropped() {
    assert_eq!(dropped_halfway(|| join_all(three())), BOTH);
    assert_eq!(dropped_halfway(|| wait(three())), BOTH);
    assert_eq!(dropped_halfway(|| gather_handles(three())), BOTH);
    assert_eq!(dropped_halfway(|| gather([1, 2, 0].map(fails_after))), BOTH);
    let joined = || async {
        let [first, second, third] = three();
        join!(first, second, third)
    };
    assert_eq!(dropped_halfway(joined), BOTH);
    // More than thirty futures are polled in another way.
    let many = || join_all(three().into_iter().chain((0..40).map(|_| spawn(pending()))));
    assert_eq!(dropped_halfway(many), BOTH);
}

#[test]
fn panics_that_a_try_join_all_has_collected_are_reported_when_it_fails() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let failed = spawn(fails_after(1));
        let works: [LocalBoxFuture<'_, Result<Result<(), JoinError>, &str>>; 2] = [
            async { Ok(failed.await) }.boxed_local(),
            async {
                seconds(2).await;
                Err("no answer")
            }
            .boxed_local(),
        ];
        assert_eq!(try_join_all(works).await.unwrap_err(), "no answer");
    });
    assert_eq!(log.take(), [r#"#2 panicked: Some("after 1 s")"#]);
}

#[test]
fn a_wait_that_is_dropped_reports_errors_that_were_declared_and_names() {
    let reports = dropped_halfway(|| {
        let named = task::Builder::new().name("named");
        wait([
            named.spawn(async { panic!("first") }),
            task::try_spawn(async { Err::<(), _>("an error") }),
            spawn(pending()),
        ])
    });
    assert_eq!(reports, [r#"#2 "named" panicked: Some("first")"#, r#"#3 failed: "an error""#]);
}

#[test]
fn of_the_outputs_of_as_completed_those_that_were_not_returned_are_reported() {
    let reports = dropped_halfway(|| async {
        let mut completed = as_completed(three());
        seconds(5).await;
        let first = completed.next().await.unwrap();
        pending::<()>().await;
        drop(first);
    });
    assert_eq!(reports, [BOTH[1]]);
}

#[test]
fn a_panic_in_a_nested_combinator_is_reported_once() {
    let pairs = || {
        let [first, second, third] = three();
        join_all([join_all([first, second]), join_all([third])])
    };
    assert_eq!(dropped_halfway(pairs), BOTH);
}

#[test]
fn a_panic_that_a_combinator_returns_or_shows_is_read() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let fails = || spawn(async { panic!("read") });
        drop(join_all([fails()]).await);
        drop(join!(fails(), fails()));
        drop(wait([fails()]).await);
        drop(as_completed([fails()]).next().await);
        let is_panic = |output: &Result<(), JoinError>| {
            assert!(output.as_ref().unwrap_err().is_panic());
            false
        };
        let shown = wait([fails(), spawn(pending())]).until(is_panic);
        assert!(timeout(Duration::from_secs(1), shown).await.is_err());
    });
    assert!(log.take().is_empty());
}

#[test]
fn a_loser_that_has_failed_is_reported_like_a_dropped_handle() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let [first, second, _third] = three();
        seconds(3).await;
        assert!(race((first, second)).await.is_err());
        assert_eq!(log.take(), [BOTH[1]], "the handle of the loser was dropped");
        let loser = spawn(async { panic!("lost") });
        yield_now().await;
        select! {
            biased;
            () = async {} => {}
            _ = loser => unreachable!("the first is ready"),
        }
    });
    assert_eq!(log.take(), [r#"#5 panicked: Some("lost")"#]);
}

#[test]
fn a_collected_panic_ends_the_run_if_that_is_the_policy_and_nothing_if_it_is_ignored() {
    let failing = || async {
        let joined = join_all(three());
        assert!(timeout(Duration::from_secs(5), joined).await.is_err());
        pending::<()>().await;
    };
    let log = Log::default();
    let shutdown = Scheduler::builder().virtual_time().on_failure(FailurePolicy::Shutdown);
    let error = logging(shutdown, &log).build().try_block_on(failing()).unwrap_err();
    assert!(matches!(error, RunError::Failed(_)), "{error}");
    assert_eq!(log.take(), BOTH);
    let ignore = Scheduler::builder().virtual_time().on_failure(FailurePolicy::Ignore);
    assert!(logging(ignore, &log).build().try_block_on(failing()).is_err());
    assert!(log.take().is_empty());
}

#[test]
fn a_report_callback_may_drop_errors_of_its_own() {
    let kept = Log::default();
    let lines = kept.clone();
    let mut errors = Vec::new();
    let builder =
        Scheduler::builder().virtual_time().slow_poll(Duration::MAX).on_report(move |report| {
            lines.say(matches!(report, Report::UnreadPanic { .. }).to_string());
            let error = Scheduler::new().spawn(async {});
            errors.push(error);
            errors.clear();
        });
    builder.build().block_on(async {
        assert!(timeout(Duration::from_secs(5), join_all(three())).await.is_err());
    });
    assert_eq!(kept.take(), ["true", "true"]);
}

// ----- blocking jobs -----

#[test]
fn the_panic_of_a_job_whose_handle_is_dropped_is_reported_by_its_scheduler() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let named = blocking::Builder::new().name("backup");
        drop(named.spawn(|| panic!("no space"))); // dropped before or after its end
        let (go, wait) = mpsc::channel::<()>();
        let late = spawn_blocking(move || {
            wait.recv().unwrap();
            panic!("late")
        });
        drop(late); // dropped before its end
        go.send(()).unwrap();
        drop(spawn_blocking(|| Err::<(), _>("an output")));
        assert!(spawn_blocking(|| panic!("read")).await.unwrap_err().is_panic());
    });
    assert!(scheduler.shutdown(Duration::MAX).unwrap().is_clean());
    let mut reports = log.take();
    reports.sort();
    assert_eq!(
        reports,
        [
            r#"the job None panicked: Some("late")"#,
            r#"the job Some("backup") panicked: Some("no space")"#,
        ]
    );
}

#[test]
fn the_panic_of_a_job_that_has_ended_is_reported_when_its_handle_is_dropped() {
    let (scheduler, log) = reporting();
    let handle = scheduler.block_on(async { spawn_blocking(|| panic!("over")) });
    while !handle.is_finished() {
        thread::yield_now();
    }
    scheduler.run().unwrap();
    assert!(log.take().is_empty(), "it may still be read");
    drop(handle);
    assert_eq!(log.take(), [r#"the job None panicked: Some("over")"#]);
}

#[test]
fn the_panic_of_a_job_that_was_collected_on_another_thread_is_reported_by_its_scheduler() {
    let (scheduler, log) = reporting();
    let failed = scheduler.block_on(async { spawn_blocking(|| panic!("far away")) });
    let (go, wait) = mpsc::channel::<()>();
    let waits = spawn_blocking(move || assert!(wait.recv().is_err()));
    let collect = move || {
        while !failed.is_finished() {
            thread::yield_now();
        }
        let mut both = join_all([failed, waits]);
        assert!((&mut both).now_or_never().is_none(), "it has collected the first, and is dropped");
    };
    thread::spawn(collect).join().unwrap();
    assert!(log.take().is_empty(), "it is reported on the thread of its scheduler");
    scheduler.block_on(yield_now());
    assert_eq!(log.take(), [r#"the job None panicked: Some("far away")"#]);
    drop(go);
}

#[test]
fn a_job_that_panics_unread_ends_the_run_if_that_is_the_policy() {
    let log = Log::default();
    let builder = Scheduler::builder().on_failure(FailurePolicy::Shutdown);
    let scheduler = logging(builder, &log).build();
    let outcome = scheduler.try_block_on(async {
        drop(spawn_blocking(|| panic!("no space")));
        pending::<()>().await;
    });
    assert!(matches!(outcome, Err(RunError::Failed(_))), "{outcome:?}");
    assert_eq!(log.take(), [r#"the job None panicked: Some("no space")"#]);
}

// ----- tasks of a `Remote` -----

#[test]
fn the_panic_of_a_remote_task_whose_handle_is_dropped_is_reported_whenever_that_is() {
    let (scheduler, log) = reporting();
    let remote = scheduler.remote();
    drop(remote.spawn(|| async { panic!("detached") }));
    let ended = remote.spawn(|| async { panic!("ended") });
    let read = remote.spawn(|| async { panic!("read") });
    scheduler.run().unwrap();
    assert_eq!(log.take(), [r#"#1 panicked: Some("detached")"#]);
    thread::spawn(move || drop(ended)).join().unwrap();
    assert!(log.take().is_empty(), "it is reported on the thread of its scheduler");
    scheduler.run().unwrap();
    assert_eq!(log.take(), [r#"#2 panicked: Some("ended")"#]);
    assert!(read.wait().unwrap_err().is_panic());
    drop(remote);
    drop(scheduler);
    assert!(log.take().is_empty());
}

#[test]
fn reports_of_jobs_and_promises_are_one_line() {
    let log = Log::default();
    let lines = log.clone();
    let say = move |report: &Report| {
        lines.say(with_marks(&report.to_string(), file!(), include_str!("unread_outputs.rs")));
    };
    let scheduler = Scheduler::builder().slow_poll(Duration::MAX).on_report(say).build();
    scheduler.block_on(async {
        let (promise, named) = (Promise::<()>::new(), Promise::<()>::new().named("answer"));
        promise.fail("no such page").unwrap(); // [fail]
        named.fail("gone").unwrap(); // [fail too]
        drop((promise, named));
    });
    for named in [false, true] {
        scheduler.block_on(async {
            drop(if named {
                blocking::Builder::new().name("backup").spawn(|| panic!("on purpose")) // [named]
            } else {
                spawn_blocking(|| panic!("on purpose")) // [spawn]
            });
        });
        scheduler.shutdown(Duration::MAX).unwrap();
    }
    let expected = [
        "a promise, which failed at [fail], was dropped, and nothing read its error: no such page",
        r#"promise "answer", which failed at [fail too], was dropped, and nothing read its error: gone"#,
        "a blocking job, submitted at [spawn], panicked, and nothing read that",
        r#"blocking job "backup", submitted at [named], panicked, and nothing read that"#,
    ];
    assert_eq!(log.take(), expected);
}

// ----- promises -----

#[test]
fn the_error_of_a_promise_that_nothing_reads_is_reported_with_the_last_handle() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let promise = Promise::<()>::new().named("answer");
        let other = promise.clone();
        let mut waiter = promise.get();
        assert!((&mut waiter).now_or_never().is_none());
        promise.fail("no such page").unwrap();
        drop((promise, other));
        assert!(log.take().is_empty(), "a future may still read it");
        drop(waiter);
    });
    assert_eq!(log.take(), [r#"the promise Some("answer") failed: no such page"#]);
}

#[test]
fn a_promise_whose_outcome_was_read_or_is_no_error_is_not_reported() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let failed = || {
            let promise = Promise::<()>::new();
            promise.fail("read").unwrap();
            promise
        };
        assert!(failed().await.is_err());
        assert!(failed().try_get().unwrap().is_err());
        failed().on_done(|outcome| assert!(outcome.is_err()));
        drop(Promise::<()>::new());
        let [set, cancelled] = [Promise::new(), Promise::new()];
        set.set(()).unwrap();
        assert!(cancelled.cancel());
        yield_now().await;
    });
    assert!(log.take().is_empty());
}

// ----- ordinary values -----

#[test]
fn values_that_are_dropped_unread_are_no_failures_even_if_they_are_errors() {
    let (scheduler, log) = reporting();
    scheduler.block_on(async {
        let (sender, receiver) = oneshot::channel::<Result<(), &str>>();
        sender.send(Err("in a channel")).unwrap();
        drop(receiver);
        let (sender, receiver) = local::unbounded::<Result<(), &str>>();
        sender.send(Err("in a queue")).unwrap();
        drop((sender, receiver));
        let mut generator = Generator::new(async |co| {
            co.yield_(1).await;
            Err::<(), _>("returned by a generator")
        });
        assert_eq!((generator.next(), generator.next()), (Some(1), None));
        drop(generator);
        drop(spawn(async { Err::<(), _>("of a plain task") }));
        let both = async { join!(async { Err::<(), _>("of a branch") }, pending::<()>()) };
        assert!(timeout(Duration::ZERO, both).await.is_err());
        yield_now().await;
    });
    assert!(log.take().is_empty());
}

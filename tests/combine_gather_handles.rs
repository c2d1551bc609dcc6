//! `gather_handles`: the tasks behind the handles are what is gathered, as if `gather` had spawned them. And what
//! `first_error` and `first_failure` see, in a `gather` and in a `wait`.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod folded;
mod notes;
mod probe;

use std::future::pending;
use std::rc::Rc;

use folded::Recorded;
use notes::{Notes, ms, started, world};
use probe::{Count, Log, virtual_time};
use proptest::prelude::{Just, Strategy, prop, prop_oneof, proptest};
use turnwise::combine::{Done, FirstError, Gather};
use turnwise::scheduler::Report;
use turnwise::sync::Mutex;
use turnwise::task::{__has_no_regions, Builder, try_spawn};
use turnwise::{
    JoinError, JoinHandle, RunError, Scheduler, block_on, gather, gather_handles, select, sleep,
    spawn, time, timeout, wait, yield_now,
};

/// Few are polled together, and of many only those that were woken.
const FEW_AND_MANY: [u64; 2] = [3, 100];

#[test]
fn outputs_come_in_the_order_of_the_handles_and_no_task_is_added() {
    for count in FEW_AND_MANY {
        let scheduler = virtual_time();
        scheduler.block_on(async {
            let handles = (0..count).rev().map(|number| {
                spawn(async move {
                    sleep(ms(number)).await;
                    number
                })
            });
            let outputs = gather_handles(handles).await;
            let numbers: Vec<u64> = outputs.into_iter().map(Result::unwrap).collect();
            assert_eq!(numbers, (0..count).rev().collect::<Vec<_>>());
        });
        assert_eq!(scheduler.metrics().spawned, count + 1);
    }
    assert!(block_on(gather_handles(Vec::<JoinHandle<()>>::new())).is_empty());
}

#[test]
fn dropping_it_aborts_the_tasks_themselves() {
    for count in FEW_AND_MANY {
        let dropped = Count::default();
        block_on(async {
            let handles = (0..count).map(|_| {
                let token = dropped.token();
                spawn(async move {
                    let _token = token;
                    pending::<()>().await;
                })
            });
            let mut gathered = gather_handles(handles);
            select! {
                _ = &mut gathered => unreachable!("they never end"),
                () = yield_now() => {}
            }
            drop(gathered);
            yield_now().await;
            assert_eq!(dropped.get() as u64, count);
        });
    }
}

#[test]
fn a_request_that_reaches_it_is_passed_on_to_the_tasks_and_waits_for_their_clean_ups() {
    for count in FEW_AND_MANY {
        let (scheduler, notes) = world();
        let theirs = notes.clone();
        let waiter = started(&scheduler, async move {
            let cleans_up = |number| {
                let notes: Notes = theirs.clone();
                async move { notes.guard_and_resume("it", number, pending::<()>()).await }
            };
            gather_handles((0..count).map(|number| spawn(cleans_up(number)))).await.len()
        });
        waiter.cancel_with("closing time");
        let error = scheduler.block_on(waiter).unwrap_err();
        assert_eq!(error.reason(), Some("closing time"));
        let lines = notes.take();
        assert_eq!(lines.iter().filter(|line| line.ends_with("it caught")).count() as u64, count);
        assert_eq!(*lines.last().unwrap(), format!("{} it resumes", count - 1));
        assert!(__has_no_regions());
    }
}

#[test]
fn a_timeout_cancels_the_tasks_themselves() {
    virtual_time().block_on(async {
        let endless = spawn(pending::<()>());
        let abort = endless.abort_handle();
        assert!(timeout(ms(10), gather_handles([endless])).await.is_err());
        assert!(abort.is_finished());
    });
}

#[test]
fn it_gathers_tasks_that_have_finished_and_those_of_another_scheduler() {
    let other = Scheduler::new();
    let handles = [1, 2, 3].map(|number| other.spawn(async move { number }));
    other.run().unwrap();
    let sum = |outputs: Vec<Result<i32, JoinError>>| outputs.into_iter().flatten().sum::<i32>();
    assert_eq!(sum(virtual_time().block_on(gather_handles(handles))), 6);
    let handles = [1, 2].map(|number| other.spawn(async move { number }));
    other.run().unwrap();
    assert_eq!(sum(futures::executor::block_on(gather_handles(handles))), 3);
}

#[test]
fn a_report_names_the_tasks_and_the_cycle() {
    let outcome = Scheduler::new().try_block_on(async {
        let lock = Rc::new(Mutex::new(()).named("accounts"));
        let _guard = lock.lock().await;
        let theirs = Rc::clone(&lock);
        let task = Builder::new().name("clerk").spawn(async move { drop(theirs.lock().await) });
        gather_handles([task]).await.len()
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain, "{text}");
    assert!(text.contains("cycle: #1 -> #2 -> mutex \"accounts\" -> #1"), "{text}");
}

#[test]
fn flatten_merges_the_two_ways_to_fail() {
    virtual_time().block_on(async {
        let parse = |text: &'static str| async move { Ok::<i32, AnyError>(text.parse()?) };
        let outputs = gather_handles(["1", "two"].map(|text| spawn(parse(text)))).flatten().await;
        assert_eq!(format!("{outputs:?}"), "[Ok(1), Err(ParseIntError { kind: InvalidDigit })]");
    });
}

// ----- failures that nothing reads -----

type AnyError = Box<dyn std::error::Error>;

/// A scheduler, and what it reports, without the places.
fn reporting() -> (Scheduler, Recorded, Log) {
    let log = Log::default();
    let reported = log.clone();
    let builder = Scheduler::builder().virtual_time().slow_poll(std::time::Duration::MAX);
    let builder = builder.on_report(move |report| {
        let (spawned_at, message) = match report {
            Report::UnreadPanic { spawned_at, message, .. } => (spawned_at, message.as_deref()),
            Report::UnreadError { spawned_at, error, .. } => (spawned_at, Some(&**error)),
            _ => panic!("{report}"),
        };
        let line = report.to_string().replace(&spawned_at.to_string(), "here");
        reported.note(format!("{line}: {}", message.unwrap()));
    });
    let (builder, recorded) = Recorded::attach(builder);
    (builder.build(), recorded, log)
}

/// Three tasks: one that panics, one that fails, and one that never ends.
fn three() -> [JoinHandle<Result<(), &'static str>>; 3] {
    let panics = async {
        sleep(ms(1)).await;
        panic!("a bug")
    };
    let fails = async {
        sleep(ms(2)).await;
        Err("refused")
    };
    [Builder::new().name("odd").spawn(panics), try_spawn(fails), spawn(pending())]
}

#[test]
fn what_it_has_received_and_does_not_return_is_reported_like_that_of_dropped_handles() {
    let (scheduler, _, log) = reporting();
    scheduler.block_on(async {
        let handles = three();
        sleep(ms(3)).await;
        drop(handles);
    });
    let expected = log.take();
    assert_eq!(expected.len(), 2);
    assert!(expected[0].contains("\"odd\"") && expected[1].contains("refused"), "{expected:?}");
    for polled_for in [0, 1, 3] {
        let (scheduler, _, log) = reporting();
        scheduler.block_on(async {
            let mut gathered = gather_handles(three());
            select! {
                _ = &mut gathered => unreachable!("the third never ends"),
                () = sleep(ms(polled_for)) => sleep(ms(5)).await,
            }
            assert!(log.take().is_empty(), "they may still be returned");
            drop(gathered); // It may have received none of them, one, or both.
            assert_eq!(log.take(), expected);
        });
    }
}

#[test]
fn after_the_first_failure_the_other_tasks_continue_and_their_failures_are_reported() {
    let (scheduler, _, log) = reporting();
    let error = scheduler.block_on(async {
        let error = gather_handles(three()).first_failure().await.unwrap_err();
        sleep(ms(5)).await;
        error
    });
    assert_eq!(error.to_string(), "task #2 panicked: a bug");
    let reported = log.take();
    assert!(matches!(&*reported, [line] if line.contains("refused")), "{reported:?}");
    assert_eq!(scheduler.metrics().alive, 1, "the third was not aborted");
}

// ----- the first error, and the first failure -----

/// Ends after a second with an error, and after nine without one.
async fn one_or_nine(seconds: u64) -> Result<u64, AnyError> {
    sleep(ms(1000 * seconds)).await;
    if seconds == 1 { Err("page 1 is down".into()) } else { Ok(seconds) }
}

#[test]
fn first_error_sees_the_error_that_a_task_returns() {
    virtual_time().block_on(async {
        let start = time::now();
        let spawned = || [9, 1].map(|seconds| spawn(one_or_nine(seconds)));
        let error = gather([9, 1].map(one_or_nine)).first_error().await.unwrap_err();
        assert_eq!(error.to_string(), "page 1 is down");
        let error = gather_handles(spawned()).first_error().await.unwrap_err();
        assert_eq!(error.to_string(), "page 1 is down");
        let Done { done, pending } = wait(spawned()).first_error().await;
        assert!(matches!(&*done, [(_, Ok(Err(_)))]) && pending.len() == 1);
        assert_eq!(time::now() - start, ms(3000));
    });
}

#[test]
fn first_error_sees_panics_and_cancelled_tasks_too() {
    virtual_time().block_on(async {
        let start = time::now();
        let panics = || async {
            sleep(ms(1000)).await;
            panic!("a bug") as Result<u64, AnyError>
        };
        let spawned = || [spawn(one_or_nine(9)), spawn(panics())];
        let error = gather_handles(spawned()).first_error().await.unwrap_err();
        assert!(error.downcast::<JoinError>().unwrap().is_panic());
        let Done { done, .. } = wait(spawned()).first_error().await;
        assert!(done[0].1.as_ref().unwrap_err().is_panic());
        let cancelled = spawned();
        cancelled[0].cancel();
        let error = gather_handles(cancelled).first_error().await.unwrap_err();
        assert!(error.downcast::<JoinError>().unwrap().is_cancelled());
        assert_eq!(time::now() - start, ms(2000));
    });
}

#[test]
fn first_failure_is_for_all_outputs_and_does_not_look_into_them() {
    virtual_time().block_on(async {
        let start = time::now();
        let outputs = gather([9, 1].map(one_or_nine)).first_failure().await.unwrap();
        assert!(outputs[0].is_ok() && outputs[1].is_err());
        let spawned = [9, 1].map(|seconds| spawn(one_or_nine(seconds)));
        assert_eq!(wait(spawned).first_failure().await.done.len(), 2);
        assert_eq!(time::now() - start, ms(18_000));
    });
}

// ----- the same as a gather that has spawned the tasks itself -----

#[derive(Clone, Copy, Debug)]
enum End {
    Value,
    Error,
    Panic,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    All,
    Flat,
    FirstError,
    FirstFailure,
}

type Output = Result<u64, AnyError>;

/// Awaits it, and prints what it returns.
async fn outcome(gathered: Gather<Output>, mode: Mode) -> String {
    async fn first<T: std::fmt::Debug, E: std::fmt::Display>(
        first: FirstError<Output, T, E>,
    ) -> String {
        match first.await {
            Ok(values) => format!("{values:?}"),
            Err(error) => error.to_string(),
        }
    }
    match mode {
        Mode::All => format!("{:?}", gathered.await),
        Mode::Flat => format!("{:?}", gathered.flatten().await),
        Mode::FirstError => first(gathered.first_error()).await,
        Mode::FirstFailure => first(gathered.first_failure()).await,
    }
}

/// Plays the tasks, and returns all that can be seen.
fn play(tasks: &[(u64, End)], mode: Mode, limit: u64, spawns_itself: bool) -> Vec<String> {
    let (scheduler, recorded, log) = reporting();
    let futures = (0..).zip(tasks.iter().copied()).map(|(number, (at, end))| {
        let log = log.clone();
        async move {
            let _guard = log.on_drop(&format!("{number} has gone"));
            sleep(ms(at)).await;
            log.note(format!("{number} ends"));
            match end {
                End::Value => Ok(number),
                End::Error => Err::<u64, AnyError>(format!("error {number}").into()),
                End::Panic => panic!("panic {number}"),
            }
        }
    });
    let futures = futures.collect::<Vec<_>>();
    scheduler.block_on(async {
        let start = time::now();
        let gathered = if spawns_itself {
            gather(futures)
        } else {
            gather_handles(futures.into_iter().map(spawn).collect::<Vec<_>>())
        };
        let line = select! {
            line = outcome(gathered, mode) => line,
            () = sleep(ms(limit)) => "dropped".to_owned(),
        };
        log.note(format!("{:?}: {line}", time::now() - start));
    });
    recorded.check(&scheduler);
    scheduler.run().unwrap();
    recorded.check(&scheduler);
    log.take()
}

fn tasks() -> impl Strategy<Value = Vec<(u64, End)>> {
    let end = prop_oneof![
        6 => Just(End::Value),
        1 => Just(End::Error),
        1 => Just(End::Panic),
    ];
    prop::collection::vec((0..12_u64, end), 0..45)
}

proptest! {
    #[test]
    fn gathered_handles_behave_as_if_gather_had_spawned_the_tasks(
        tasks in tasks(),
        mode in prop_oneof![
            Just(Mode::All),
            Just(Mode::Flat),
            Just(Mode::FirstError),
            Just(Mode::FirstFailure),
        ],
        limit in 0..20_u64,
    ) {
        assert_eq!(play(&tasks, mode, limit, true), play(&tasks, mode, limit, false));
    }
}

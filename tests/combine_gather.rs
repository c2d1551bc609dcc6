//! `gather`: outputs in argument order, failures as values.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod notes;
mod probe;

use std::future::{pending, ready};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::time::Duration;

use notes::{Notes, ms, started, world};
use probe::{Count, Log, text, virtual_time};
use turnwise::combine::Gather;
use turnwise::scheduler::{FailurePolicy, Report};
use turnwise::sync::Mutex;
use turnwise::task::{__has_no_regions, catch_cancel, mask};
use turnwise::{
    JoinError, RunError, Scheduler, block_on, gather, join, select, sleep, spawn, time, timeout,
    yield_now,
};

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

/// Logs lines with the virtual time in milliseconds, as the asyncio programs print it.
struct Clock {
    start: std::time::Instant,
    log: Log,
}

impl Clock {
    fn new() -> Rc<Self> {
        Rc::new(Clock { start: time::now(), log: Log::default() })
    }

    fn note(&self, what: &str) {
        let now = (time::now() - self.start).as_millis();
        self.log.note(format!("[{now}] {what}"));
    }
}

/// asyncio's program 03.
#[test]
fn outputs_come_in_the_order_of_the_futures_and_not_of_completion() {
    let log = virtual_time().block_on(async {
        let clock = Clock::new();
        let my_task = |duration| {
            let clock = Rc::clone(&clock);
            async move {
                seconds(duration).await;
                clock.note(&format!("my_task({duration}) finishes"));
                format!("Slept for {duration} seconds")
            }
        };
        for line in gather([my_task(2), my_task(1), my_task(3)]).await {
            clock.note(&line.unwrap());
        }
        clock.note("end");
        clock.log.take()
    });
    let expected = [
        "[1000] my_task(1) finishes",
        "[2000] my_task(2) finishes",
        "[3000] my_task(3) finishes",
        "[3000] Slept for 2 seconds",
        "[3000] Slept for 1 seconds",
        "[3000] Slept for 3 seconds",
        "[3000] end",
    ];
    assert_eq!(log, expected);
}

/// asyncio's program 06.
#[test]
fn tasks_take_turns_in_argument_order() {
    let log = Log::default();
    let factorial = |name: &'static str, number: u64| {
        let log = log.clone();
        async move {
            let mut f = 1;
            for i in 2..=number {
                log.note(format!("Task {name}: Compute factorial({i})..."));
                seconds(1).await;
                f *= i;
            }
            log.note(format!("Task {name}: factorial({number}) = {f}"));
            f
        }
    };
    let outputs = virtual_time().block_on(async {
        gather([factorial("A", 2), factorial("B", 3), factorial("C", 4)]).await
    });
    let outputs: Vec<u64> = outputs.into_iter().map(Result::unwrap).collect();
    assert_eq!(outputs, [2, 6, 24]);
    let expected = [
        "Task A: Compute factorial(2)...",
        "Task B: Compute factorial(2)...",
        "Task C: Compute factorial(2)...",
        "Task A: factorial(2) = 2",
        "Task B: Compute factorial(3)...",
        "Task C: Compute factorial(3)...",
        "Task B: factorial(3) = 6",
        "Task C: Compute factorial(4)...",
        "Task C: factorial(4) = 24",
    ];
    assert_eq!(log.take(), expected);
}

/// A task's own error, or its panic.
type AnyError = Box<dyn std::error::Error>;

/// asyncio's program 07.
#[test]
fn a_failure_is_a_value_in_its_place_or_ends_the_wait_and_the_others_continue() {
    let log = virtual_time().block_on(async {
        let clock = Clock::new();
        let factorial = |name: &'static str, number: u64| {
            let clock = Rc::clone(&clock);
            async move {
                let mut f = 1;
                for i in 2..=number {
                    seconds(1).await;
                    if name == "B" && i == 3 {
                        return Err::<u64, AnyError>("B failed".into());
                    }
                    f *= i;
                }
                clock.note(&format!("Task {name}: factorial({number}) = {f}"));
                Ok(f)
            }
        };
        let all = || gather([factorial("A", 2), factorial("B", 3), factorial("C", 4)]).flatten();
        clock.note(&format!("{:?}", all().await));
        let error = all().first_error().await.unwrap_err();
        clock.note(&format!("gather raised: {error}"));
        seconds(5).await;
        clock.note("end");
        clock.log.take()
    });
    let expected = [
        "[1000] Task A: factorial(2) = 2",
        "[3000] Task C: factorial(4) = 24",
        "[3000] [Ok(2), Err(\"B failed\"), Ok(24)]",
        "[4000] Task A: factorial(2) = 2",
        "[5000] gather raised: B failed",
        "[6000] Task C: factorial(4) = 24",
        "[10000] end",
    ];
    assert_eq!(log, expected);
}

/// asyncio's program 19, except that page 9 is silently dropped at the end.
#[test]
fn after_the_first_error_the_other_tasks_continue_as_long_as_the_loop_runs() {
    let log = virtual_time().block_on(async {
        let clock = Clock::new();
        let get_page = |n: u64| {
            let clock = Rc::clone(&clock);
            async move {
                seconds(n).await;
                if n == 1 {
                    return Err::<(), AnyError>("page 1 is down".into());
                }
                clock.note(&format!("page {n} answered"));
                Ok(())
            }
        };
        let pages = gather([1, 2, 3, 9].map(get_page)).first_error().await;
        clock.note(&format!("gather raised: {}", pages.unwrap_err()));
        seconds(4).await;
        clock.note("main returns");
        clock.log.take()
    });
    let expected = [
        "[1000] gather raised: page 1 is down",
        "[2000] page 2 answered",
        "[3000] page 3 answered",
        "[5000] main returns",
    ];
    assert_eq!(log, expected);
}

#[test]
fn a_panic_and_an_abort_are_values_in_their_places() {
    let outputs = block_on(async {
        gather((0..3).map(|number| async move {
            yield_now().await;
            assert!(number != 1, "a bug");
            number
        }))
        .await
    });
    assert_eq!(*outputs[0].as_ref().unwrap(), 0);
    assert_eq!(outputs[1].as_ref().unwrap_err().to_string(), "task #3 panicked: a bug");
    assert_eq!(*outputs[2].as_ref().unwrap(), 2);
    let failed = block_on(async {
        gather([async { panic!("a bug") as Result<(), JoinError> }]).first_error().await
            as Result<Vec<()>, JoinError>
    });
    assert!(failed.unwrap_err().is_panic());
}

#[test]
fn all_values_come_if_there_is_no_error() {
    let values = block_on(async { gather((0..100).map(ready)).first_failure().await });
    assert_eq!(values.unwrap(), (0..100).collect::<Vec<_>>());
    assert!(block_on(async { gather(Vec::<std::future::Ready<()>>::new()).await }).is_empty());
}

#[test]
fn dropping_it_aborts_the_tasks_that_have_not_completed() {
    let dropped = Count::default();
    block_on(async {
        let held = dropped.clone();
        let gathered = gather((0..3).map(move |_| {
            let token = held.token();
            async move {
                let _token = token;
                pending::<()>().await;
            }
        }));
        yield_now().await;
        drop(gathered);
        yield_now().await;
        assert_eq!(dropped.get(), 3);
    });
}

#[test]
fn the_tasks_run_whether_it_is_awaited_or_not() {
    let done = Count::default();
    block_on(async {
        let counted = done.clone();
        let gathered = gather([async move { counted.add() }]);
        yield_now().await;
        assert_eq!(done.get(), 1);
        assert!(gathered.await[0].is_ok());
    });
}

#[test]
fn outside_of_a_scheduler_the_panic_says_what_to_do() {
    let refused = catch_unwind(|| drop(gather([ready(1)])));
    let text = text(&*refused.unwrap_err());
    assert!(text.contains("`gather` needs a running scheduler"), "{text}");
}

#[test]
fn a_report_names_the_tasks_and_the_cycle() {
    let outcome = Scheduler::new().try_block_on(async {
        let lock = Rc::new(Mutex::new(()).named("accounts"));
        let _guard = lock.lock().await;
        let theirs = Rc::clone(&lock);
        gather([async move { drop(theirs.lock().await) }]).await.len()
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(
        report.certain && text.contains("waits for gather           at tests/combine_gather.rs:"),
        "{text}"
    );
    assert!(text.contains(", with #2 (spawned at tests/combine_gather.rs:"), "{text}");
    assert!(text.contains("cycle: #1 -> gather -> #2 -> mutex \"accounts\" -> #1"), "{text}");
}

// ----- a request that reaches the waiter -----

/// Two tasks that wait until they are cancelled, and then clean up for 1 s and 2 s.
fn two_that_clean_up(notes: &Notes) -> Gather<()> {
    gather([1, 2].map(|number| {
        let notes = notes.clone();
        async move {
            notes.guard_and_resume(&number.to_string(), number * 1000, pending::<()>()).await;
        }
    }))
}

const BOTH_CLEAN_UP: [&str; 4] = ["0 1 caught", "0 2 caught", "1000 1 resumes", "2000 2 resumes"];

/// `asyncio.gather(..., return_exceptions=True)` does the same.
#[test]
fn if_its_waiter_is_cancelled_the_tasks_are_asked_first_and_their_clean_ups_are_waited_for() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    let waiter = started(&scheduler, async move { two_that_clean_up(&gathers).await.len() });
    waiter.cancel_with("closing time");
    let error = scheduler.block_on(waiter).unwrap_err();
    assert_eq!(error.reason(), Some("closing time"));
    notes.add("the waiter has ended");
    assert_eq!(notes.take()[..4], BOTH_CLEAN_UP);
    assert_eq!(scheduler.metrics().alive, 0);
    assert!(__has_no_regions());
}

#[test]
fn the_tasks_receive_the_reason_of_the_request() {
    let scheduler = virtual_time();
    let waits = || async {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        assert_eq!(cancelled.reason(), "the deadline has passed");
    };
    let gathered = async { gather([waits(), waits()]).await.len() };
    let elapsed = scheduler.block_on(async { timeout(ms(1000), gathered).await.is_err() });
    assert!(elapsed);
}

#[test]
fn first_failure_waits_for_all_clean_ups_if_its_waiter_is_cancelled() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    let waiter =
        started(
            &scheduler,
            async move { two_that_clean_up(&gathers).first_failure().await.is_ok() },
        );
    waiter.cancel();
    assert!(scheduler.block_on(waiter).unwrap_err().is_cancelled());
    assert_eq!(notes.take(), BOTH_CLEAN_UP);
    assert!(__has_no_regions());
}

#[test]
fn a_catch_around_it_receives_the_request_after_the_tasks_have_ended() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    let waiter = started(&scheduler, async move {
        let cancelled = catch_cancel(two_that_clean_up(&gathers)).await.unwrap_err();
        gathers.add(format!("the waiter has caught {}", cancelled.reason()));
    });
    waiter.cancel();
    scheduler.block_on(waiter).unwrap();
    let lines = notes.take();
    assert_eq!(lines[..4], BOTH_CLEAN_UP);
    assert_eq!(lines[4], "2000 the waiter has caught cancelled");
}

#[test]
fn if_a_neighbour_takes_the_request_the_outputs_say_how_the_tasks_ended() {
    let scheduler = virtual_time();
    let waiter = started(&scheduler, async {
        let tasks = gather([1, 2].map(|number| async move {
            if number == 1 { pending().await } else { mask(seconds(1)).await }
        }));
        join!(tasks, async { catch_cancel(pending::<()>()).await.is_err() })
    });
    waiter.cancel();
    let (outputs, caught) = scheduler.block_on(waiter).unwrap();
    assert!(caught && outputs[0].as_ref().unwrap_err().is_cancelled());
    assert!(outputs[1].is_ok(), "it has ended by itself");
    assert!(__has_no_regions());
}

#[test]
fn if_a_neighbour_takes_the_request_first_failure_returns_the_failure() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    let waiter = started(&scheduler, async move {
        let tasks = two_that_clean_up(&gathers).first_failure();
        let caught = async { catch_cancel(pending::<()>()).await.is_err() };
        let (outputs, caught) = join!(tasks, caught);
        assert!(caught && outputs.unwrap_err().is_cancelled());
        gathers.add("the first failure");
    });
    waiter.cancel();
    scheduler.block_on(waiter).unwrap();
    scheduler.run().unwrap();
    let expected =
        ["0 1 caught", "0 2 caught", "1000 1 resumes", "1000 the first failure", "2000 2 resumes"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn a_timeout_that_only_borrows_it_cancels_the_tasks_and_the_outputs_can_be_read_after_that() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    scheduler.block_on(async {
        let mut tasks = two_that_clean_up(&gathers);
        assert!(timeout(ms(500), &mut tasks).await.is_err());
        gathers.add("elapsed");
        let outputs = tasks.await;
        assert!(outputs.iter().all(|output| output.as_ref().unwrap_err().is_cancelled()));
    });
    let expected =
        ["500 1 caught", "500 2 caught", "1500 1 resumes", "2500 2 resumes", "2500 elapsed"];
    assert_eq!(notes.take(), expected);
    assert!(__has_no_regions());
}

#[test]
fn of_two_timeouts_around_it_the_one_that_asked_first_elapses_after_the_clean_ups() {
    for (outer, inner) in [(700, 500), (500, 700)] {
        let (scheduler, notes) = world();
        let inside = async { timeout(ms(inner), two_that_clean_up(&notes)).await.is_err() };
        let outcome = scheduler.block_on(timeout(ms(outer), inside));
        // If the inner one has elapsed, what the outer one wraps has ended by itself.
        assert_eq!(outcome.ok(), (inner < outer).then_some(true));
        let expected = ["500 1 caught", "500 2 caught", "1500 1 resumes", "2500 2 resumes"];
        assert_eq!(notes.take(), expected);
        assert!(__has_no_regions());
    }
}

#[test]
fn in_a_shutdown_the_tasks_of_a_gather_clean_up_within_the_grace_period() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    started(&scheduler, async move { two_that_clean_up(&gathers).await.len() });
    let report = scheduler.shutdown(ms(10_000)).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.took, ms(2000));
    assert_eq!(notes.take(), BOTH_CLEAN_UP);
}

#[test]
fn an_abort_of_its_waiter_and_a_drop_abort_the_tasks_without_a_request() {
    for aborts in [true, false] {
        let (scheduler, notes) = world();
        let gathers = notes.clone();
        let waiter = started(&scheduler, async move {
            let tasks = two_that_clean_up(&gathers);
            if aborts {
                tasks.await;
            } else {
                assert!(timeout(ms(0), pending::<()>()).await.is_err());
                drop(tasks);
            }
        });
        if aborts {
            waiter.abort();
        }
        scheduler.run().unwrap();
        assert!(notes.take().is_empty());
        assert_eq!(scheduler.metrics().alive, 0);
    }
}

#[test]
fn an_abort_during_the_clean_ups_ends_them() {
    let (scheduler, notes) = world();
    let gathers = notes.clone();
    let waiter = started(&scheduler, async move { two_that_clean_up(&gathers).await.len() });
    waiter.cancel();
    scheduler.run_until_stalled();
    waiter.abort();
    scheduler.run().unwrap();
    assert_eq!(notes.take(), ["0 1 caught", "0 2 caught"]);
    assert!(__has_no_regions());
}

#[test]
fn a_report_says_that_a_gather_holds_the_request() {
    let scheduler = Scheduler::new();
    let waiter = started(&scheduler, async { gather([mask(pending::<()>())]).await.len() });
    waiter.cancel();
    let Err(RunError::Deadlock(report)) = scheduler.run() else { panic!("it is a deadlock") };
    let text = report.to_string();
    assert!(
        text.contains("asked to end (cancelled); held by the gather at tests/combine_gather.rs:")
    );
    assert!(
        text.contains("asked to end (cancelled); held by the mask at tests/combine_gather.rs:")
    );
}

// ----- panics that are not returned -----

/// A scheduler, and what it reports: each line with the message of the panic, and without the place.
fn reporting(policy: FailurePolicy) -> (Scheduler, Log) {
    let log = Log::default();
    let reported = log.clone();
    let builder = Scheduler::builder().virtual_time().slow_poll(Duration::MAX).on_failure(policy);
    let builder = builder.on_report(move |report| {
        let Report::UnreadPanic { spawned_at, message, .. } = report else { panic!("{report}") };
        assert_eq!(spawned_at.file(), file!());
        let line = report.to_string().replace(&spawned_at.to_string(), "here");
        reported.note(format!("{line}: {}", message.as_deref().unwrap()));
    });
    (builder.build(), log)
}

/// The first panics after a second, the second after two, and the third never ends.
async fn one_of_three(number: u64) {
    if number == 3 {
        pending::<()>().await;
    }
    seconds(number).await;
    panic!("bug {number}");
}

const BOTH_REPORTED: [&str; 2] = [
    "task #2, spawned at here, panicked, and nothing read that: bug 1",
    "task #3, spawned at here, panicked, and nothing read that: bug 2",
];

#[test]
fn the_panics_in_a_gather_that_is_dropped_are_reported_once_and_like_those_of_dropped_handles() {
    let (scheduler, log) = reporting(FailurePolicy::Report);
    scheduler.block_on(async {
        let handles = [1, 2, 3].map(|number| spawn(one_of_three(number)));
        seconds(3).await;
        drop(handles);
    });
    assert_eq!(log.take(), BOTH_REPORTED);

    for polled_for in [0, 1500, 2500] {
        let (scheduler, log) = reporting(FailurePolicy::Report);
        scheduler.block_on(async {
            let mut tasks = gather([1, 2, 3].map(one_of_three));
            select! {
                _ = &mut tasks => unreachable!("the third never ends"),
                () = sleep(ms(polled_for)) => seconds(3).await,
            }
            assert!(log.take().is_empty(), "they may still be returned");
            drop(tasks); // It may have collected none of them, one, or both.
            assert_eq!(log.take(), BOTH_REPORTED);
        });
        scheduler.run().unwrap();
        drop(scheduler);
        assert!(log.take().is_empty());
    }
}

#[derive(Clone, Copy)]
enum Lost {
    InTimeout,
    InSelect,
    ByCancel,
    ByAbort,
}

#[test]
fn the_panics_in_a_gather_that_times_out_is_cancelled_aborted_or_loses_are_reported() {
    for lost in [Lost::InTimeout, Lost::InSelect, Lost::ByCancel, Lost::ByAbort] {
        let (scheduler, log) = reporting(FailurePolicy::Report);
        let waiter = started(&scheduler, async move {
            let tasks = gather([1, 2, 3].map(one_of_three));
            match lost {
                Lost::InTimeout => assert!(timeout(ms(2500), tasks).await.is_err()),
                Lost::InSelect => select! {
                    _ = tasks => unreachable!("the third never ends"),
                    () = sleep(ms(2500)) => {}
                },
                Lost::ByCancel | Lost::ByAbort => drop(tasks.await),
            }
        });
        scheduler.block_on(sleep(ms(2500)));
        match lost {
            Lost::ByCancel => waiter.cancel(),
            Lost::ByAbort => waiter.abort(),
            Lost::InTimeout | Lost::InSelect => {}
        }
        let is_ended = scheduler.block_on(waiter).is_err();
        assert_eq!(is_ended, matches!(lost, Lost::ByCancel | Lost::ByAbort));
        assert_eq!(log.take(), BOTH_REPORTED);
    }
}

#[test]
fn a_panic_that_a_gather_returns_is_a_value_and_not_reported() {
    let (scheduler, log) = reporting(FailurePolicy::Report);
    scheduler.block_on(async {
        let outputs = gather([1, 2].map(one_of_three)).await;
        assert!(outputs.iter().all(|output| output.as_ref().unwrap_err().is_panic()));
        drop(outputs);
        let error = gather([1].map(one_of_three)).first_failure().await.unwrap_err();
        assert!(error.is_panic());
    });
    assert!(log.take().is_empty());
}

/// Two tasks that panic when they are cancelled: the first immediately, the second after a second.
fn two_that_panic_when_cancelled() -> Gather<()> {
    gather([0, 1].map(|number| async move {
        let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        seconds(number).await;
        panic!("bug {}", number + 1);
    }))
}

#[test]
fn if_first_failure_is_cancelled_all_panics_are_reported_and_otherwise_those_after_the_first() {
    let (scheduler, log) = reporting(FailurePolicy::Report);
    let waiter =
        started(&scheduler, async { two_that_panic_when_cancelled().first_failure().await });
    waiter.cancel();
    assert!(scheduler.block_on(waiter).unwrap_err().is_cancelled());
    assert_eq!(log.take(), BOTH_REPORTED);

    let (scheduler, log) = reporting(FailurePolicy::Report);
    let waiter = started(&scheduler, async {
        let neighbour = async {
            let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            seconds(5).await;
        };
        join!(two_that_panic_when_cancelled().first_failure(), neighbour).0
    });
    waiter.cancel();
    let error = scheduler.block_on(waiter).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "task #2 panicked: bug 1");
    assert_eq!(log.take(), BOTH_REPORTED[1..]);

    let (scheduler, log) = reporting(FailurePolicy::Report);
    scheduler.block_on(async {
        let error = gather([1, 2].map(one_of_three)).first_failure().await.unwrap_err();
        assert_eq!(error.to_string(), "task #2 panicked: bug 1");
        assert!(log.take().is_empty());
        seconds(2).await;
    });
    assert_eq!(log.take(), BOTH_REPORTED[1..], "the second was detached");
}

#[test]
fn flatten_reports_the_panics_that_it_does_not_return_converted() {
    async fn fallible(number: u64) -> Result<(), AnyError> {
        one_of_three(number).await;
        Ok(())
    }
    for is_early in [true, false] {
        let (scheduler, log) = reporting(FailurePolicy::Report);
        scheduler.block_on(async {
            let mut tasks = gather([1, 2, 3].map(fallible));
            if is_early {
                assert!(timeout(ms(2500), tasks.flatten()).await.is_err());
                return;
            }
            select! {
                _ = &mut tasks => unreachable!("the third never ends"),
                () = sleep(ms(2500)) => {}
            }
            drop(tasks.flatten());
        });
        assert_eq!(log.take(), BOTH_REPORTED);
    }
    let (scheduler, log) = reporting(FailurePolicy::Report);
    let outputs = scheduler.block_on(async { gather([1, 2].map(fallible)).flatten().await });
    let text = format!("{outputs:?}");
    assert!(text.contains("bug 1") && text.contains("bug 2") && log.take().is_empty(), "{text}");
}

/// An error that cannot be made from that of a join.
#[derive(Debug)]
struct Refused;

impl From<JoinError> for Refused {
    fn from(error: JoinError) -> Self {
        panic!("refused: {error}")
    }
}

#[test]
fn if_a_conversion_panics_the_other_panics_are_reported() {
    let (scheduler, log) = reporting(FailurePolicy::Report);
    let waiter = started(&scheduler, async {
        let fallible = async |number| {
            one_of_three(number).await;
            Ok::<(), Refused>(())
        };
        gather([1, 2].map(fallible)).flatten().await
    });
    let refused = scheduler.block_on(waiter).unwrap_err();
    assert_eq!(refused.to_string(), "task #1 panicked: refused: task #2 panicked: bug 1");
    assert_eq!(log.take(), BOTH_REPORTED[1..]);
}

#[test]
fn a_panic_that_a_gather_does_not_return_can_shut_the_scheduler_down_or_be_ignored() {
    async fn lose() {
        assert!(timeout(ms(1500), gather([1, 3].map(one_of_three))).await.is_err());
        pending::<()>().await;
    }
    let (scheduler, log) = reporting(FailurePolicy::Shutdown);
    let Err(RunError::Failed(report)) = scheduler.try_block_on(lose()) else {
        panic!("it is a failure")
    };
    assert!(matches!(*report, Report::UnreadPanic { .. }), "{report}");
    assert_eq!(log.take(), BOTH_REPORTED[..1]);
    assert_eq!(scheduler.metrics().alive, 0);

    let (scheduler, log) = reporting(FailurePolicy::Ignore);
    assert!(matches!(scheduler.try_block_on(lose()), Err(RunError::Deadlock(_))));
    assert!(log.take().is_empty());
}

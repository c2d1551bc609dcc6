//! `gather`: outputs in argument order, failures as values.

mod probe;

use std::future::{pending, ready};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::time::Duration;

use probe::{Count, Log, text, virtual_time};
use turnwise::sync::Mutex;
use turnwise::{JoinError, RunError, Scheduler, block_on, gather, sleep, time, yield_now};

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
        let pages = gather([1, 2, 3, 9].map(get_page)).flatten().first_error().await;
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
        gather([async { panic!("a bug") }]).flatten().first_error().await
            as Result<Vec<()>, JoinError>
    });
    assert!(failed.unwrap_err().is_panic());
}

#[test]
fn all_values_come_if_there_is_no_error() {
    let values = block_on(async { gather((0..100).map(ready)).first_error().await });
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

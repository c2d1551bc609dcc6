//! Several tasks at once, as in the lecture: `gather` returns results in argument order, `as_completed` in completion
//! order, and `wait` hands back the tasks that are still pending. Each section ports a Python program of the lecture
//! and prints the same lines.
//!
//! Run it with `cargo run --example gather`.

use std::time::{Duration, Instant};

use thiserror::Error;
use turnwise::combine::Done;
use turnwise::{JoinError, Scheduler, as_completed, gather, sleep, task, time, wait};

fn main() {
    let sections: [(&str, fn()); 4] = [
        ("gather", || section(factorials)),
        ("gather, with a failure", || section(a_failure)),
        ("as_completed", || section(in_completion_order)),
        ("await, gather, wait", || section(ways_to_wait)),
    ];
    for (title, run) in sections {
        println!("--- {title}");
        run();
    }
}

/// Runs one section on its own scheduler, whose virtual clock starts at 0.
fn section<F: Future<Output = ()>>(program: impl FnOnce(Clock) -> F) {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async { program(Clock(time::now())).await });
}

/// Prints lines with the time since the section started: the lecture's `log`.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn log(self, line: impl AsRef<str>) {
        println!("[{}] {}", (time::now() - self.0).as_millis(), line.as_ref());
    }
}

async fn seconds(number: u64) {
    sleep(Duration::from_secs(number)).await;
}

/// Why a task of these programs fails: with the lecture's `ValueError`, or with a panic, which does not happen here.
#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Value(&'static str),
    #[error(transparent)]
    Join(#[from] JoinError),
}

// ----- 06: the three take turns, and the results come in argument order -----

async fn factorials(clock: Clock) {
    async fn factorial(name: &str, number: u64) -> u64 {
        let mut product = 1;
        for factor in 2..=number {
            println!("Task {name}: Compute factorial({factor})...");
            seconds(1).await;
            product *= factor;
        }
        println!("Task {name}: factorial({number}) = {product}");
        product
    }

    let results = gather([("A", 2), ("B", 3), ("C", 4)].map(|(name, n)| factorial(name, n))).await;
    let results: Vec<u64> = results.into_iter().filter_map(Result::ok).collect();
    println!("{results:?}");
    clock.log("end");
}

// ----- 07: a failure is one of the results, or ends the wait; the other tasks continue in both cases -----

async fn a_failure(clock: Clock) {
    async fn factorial(clock: Clock, name: &str, number: u64) -> Result<u64, Failure> {
        let mut product = 1;
        for factor in 2..=number {
            seconds(1).await;
            if name == "B" && factor == 3 {
                return Err(Failure::Value("B failed"));
            }
            product *= factor;
        }
        clock.log(format!("Task {name}: factorial({number}) = {product}"));
        Ok(product)
    }
    let all = || gather([("A", 2), ("B", 3), ("C", 4)].map(|(name, n)| factorial(clock, name, n)));

    clock.log("return_exceptions = True");
    let shown = all().flatten().await.into_iter().map(|result| match result {
        Ok(value) => format!("'{value}'"),
        Err(error) => format!("\"ValueError('{error}')\""),
    });
    clock.log(format!("[{}]", shown.collect::<Vec<_>>().join(", ")));

    clock.log("return_exceptions = False");
    if let Err(error) = all().first_error().await {
        clock.log(format!("gather raised: {error}"));
        seconds(5).await;
    }
    clock.log("end");
}

// ----- 12: each result as soon as it is available -----

async fn in_completion_order(clock: Clock) {
    async fn fact(number: u64) -> (u64, u64) {
        let mut product = 1;
        for factor in 2..=number {
            seconds(1).await;
            product *= factor;
        }
        (number, product)
    }

    let mut results = as_completed([fact(4), fact(3), fact(2)]);
    let mut count = 0;
    while let Some((number, result)) = results.next().await {
        clock.log(format!("#{count}: Factorial({number}) = {result}"));
        count += 1;
    }
}

// ----- 23: which tasks are done, and which are still pending -----

async fn ways_to_wait(clock: Clock) {
    async fn job(number: u64) -> Result<u64, Failure> {
        seconds(number).await;
        if number == 2 { Err(Failure::Value("two")) } else { Ok(number) }
    }

    if let Ok(value) = job(1).await {
        clock.log(format!("await: {value}"));
    }
    let results = gather([job(3), job(1)]).await.into_iter();
    clock.log(format!("gather: {:?}", results.flatten().flatten().collect::<Vec<_>>()));

    let tasks = [1, 2, 5].map(|n| task::Builder::new().name(format!("job{n}")).spawn(job(n)));
    let names = tasks.each_ref().map(|task| (task.id(), task.name().unwrap_or_default()));
    let name_of = |id| names.iter().find(|name| name.0 == id).map_or("", |name| &name.1);
    let Done { done, pending } = wait(tasks).timeout(Duration::from_secs(3)).await;
    let ended: Vec<&str> = done.iter().map(|(id, _)| name_of(*id)).collect();
    let running: Vec<&str> = pending.iter().map(|task| name_of(task.id())).collect();
    clock.log(format!("wait: done {} pending {}", python(&ended), python(&running)));
    for task in pending {
        if let Ok(Ok(value)) = task.await {
            clock.log(format!("wait_for: {value}"));
        }
    }
    for (_, outcome) in done {
        if let Ok(Err(error)) = outcome {
            clock.log(format!("the error stayed in its task: {error}"));
        }
    }
}

/// Formats a list of names as Python prints it.
fn python(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("[{}]", quoted.join(", "))
}

// Output:
//
// --- gather
// Task A: Compute factorial(2)...
// Task B: Compute factorial(2)...
// Task C: Compute factorial(2)...
// Task A: factorial(2) = 2
// Task B: Compute factorial(3)...
// Task C: Compute factorial(3)...
// Task B: factorial(3) = 6
// Task C: Compute factorial(4)...
// Task C: factorial(4) = 24
// [2, 6, 24]
// [3000] end
// --- gather, with a failure
// [0] return_exceptions = True
// [1000] Task A: factorial(2) = 2
// [3000] Task C: factorial(4) = 24
// [3000] ['2', "ValueError('B failed')", '24']
// [3000] return_exceptions = False
// [4000] Task A: factorial(2) = 2
// [5000] gather raised: B failed
// [6000] Task C: factorial(4) = 24
// [10000] end
// --- as_completed
// [1000] #0: Factorial(2) = 2
// [2000] #1: Factorial(3) = 6
// [3000] #2: Factorial(4) = 24
// --- await, gather, wait
// [1000] await: 1
// [4000] gather: [3, 1]
// [7000] wait: done ['job1', 'job2'] pending ['job5']
// [9000] wait_for: 5
// [9000] the error stayed in its task: two

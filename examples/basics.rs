//! The first programs of the lecture: coroutines that do nothing until awaited, `gather`, tasks that yield and one that
//! does not, the life of a task, and a nested event loop. Each section ports a Python program of the lecture and prints
//! the same lines: the virtual time in milliseconds, and a message.
//!
//! Run it with `cargo run --example basics`.

use std::fmt;
use std::time::{Duration, Instant};

use turnwise::generator::AsyncGenerator;
use turnwise::{JoinError, RunError, Scheduler, gather, join, sleep, spawn, time, yield_now};

fn main() {
    let sections: [(&str, Section); 7] = [
        ("my_task", |world| world.run(sleep_and_say(world.clock))),
        ("a coroutine does nothing until it is awaited", nothing_until_awaited),
        ("compute", compute_in_main),
        ("foo", what_a_run_returns),
        ("cooperative turns", |world| world.run(turns(world))),
        ("the life of a task", |world| world.run(lives(world.clock))),
        ("a nested event loop", |world| world.run(notebook(world))),
    ];
    for (title, run) in sections {
        println!("--- {title}");
        run(&World::new());
    }
}

type Section = fn(&World);

/// A scheduler with a virtual clock, which starts at 0.
struct World {
    scheduler: Scheduler,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        let scheduler = Scheduler::builder().virtual_time().build();
        let clock = Clock(scheduler.block_on(async { time::now() }));
        World { scheduler, clock }
    }

    /// The lecture's `asyncio.run`.
    fn run<T>(&self, program: impl Future<Output = T>) -> T {
        self.scheduler.block_on(program)
    }

    /// The lecture's `log`, for lines outside of a run.
    fn log(&self, line: impl AsRef<str>) {
        self.run(async { self.clock.log(line) });
    }
}

/// Prints lines with the time since the section started.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn log(self, line: impl AsRef<str>) {
        println!("[{}] {}", (time::now() - self.0).as_millis(), line.as_ref());
    }
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

// ----- 03: three concurrent tasks take as long as the longest -----

async fn my_task(clock: Clock, duration: u64) -> String {
    sleep(seconds(duration)).await;
    clock.log(format!("my_task({duration}) finishes"));
    format!("Slept for {duration} seconds")
}

async fn sleep_and_say(clock: Clock) {
    // The results come in argument order, whichever task finishes first.
    for line in gather([2, 1, 3].map(|duration| my_task(clock, duration))).await {
        clock.log(line.expect("it only sleeps"));
    }
    clock.log("end");
}

// ----- 04, 05: calling a coroutine does not run it -----

async fn compute(a: i32, b: i32) -> i32 {
    println!("Compute...");
    sleep(seconds(1)).await;
    a + b
}

async fn print_sum(a: i32, b: i32) {
    println!("{a} + {b} = {}", compute(a, b).await);
}

fn nothing_until_awaited(world: &World) {
    world.log("call without await");
    let never = print_sum(7, 7);
    world.log("nothing was printed; now drop it");
    drop(never);
    world.log("run it");
    world.run(print_sum(1, 2));
    world.log("end");
}

fn compute_in_main(world: &World) {
    world.log("start");
    world.run(async {
        let (a, b) = (1, 2);
        let result = compute(a, b).await;
        println!("{a} + {b} = {result}");
    });
    world.log("end");
}

// ----- 20: what a run returns -----

#[allow(clippy::unused_async, reason = "a coroutine need not await anything")]
async fn foo() {}

#[allow(clippy::unused_async, reason = "a coroutine need not await anything")]
async fn bar() -> i32 {
    42
}

fn what_a_run_returns(world: &World) {
    let () = world.run(foo());
    world.log("foo -> None"); // Python's name for `()`
    let answer = world.run(bar());
    world.log(format!("bar -> {answer}"));
}

// ----- 21: tasks that yield, and one that does not -----

async fn polite(clock: Clock, name: &'static str) {
    for number in 0..3 {
        clock.log(format!("{name} {number}"));
        yield_now().await; // `sleep(0)`
    }
}

async fn ticker(clock: Clock) {
    for number in 0..5 {
        sleep(seconds(1)).await;
        clock.log(format!("tick {number}"));
    }
}

/// One of its turns takes four and a half seconds, during which no other task can run.
async fn greedy(World { scheduler, clock }: &World) {
    sleep(Duration::from_millis(500)).await;
    clock.log("greedy blocks");
    scheduler.advance(Duration::from_millis(4500)); // the lecture's `time.sleep`
    clock.log("greedy lets go");
}

async fn turns(world: &World) {
    gather(["a", "b", "c"].map(|name| polite(world.clock, name))).await;
    join!(ticker(world.clock), greedy(world));
}

// ----- 22: the life of a task -----

#[derive(Debug)]
struct ValueError(&'static str);

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

type Outcome = Result<Result<&'static str, ValueError>, JoinError>;

async fn work(clock: Clock, kind: &'static str) -> Result<&'static str, ValueError> {
    clock.log(format!("work {kind} starts"));
    sleep(seconds(1)).await;
    if kind == "bad" { Err(ValueError("no luck")) } else { Ok(kind) }
}

/// Formats the states as Python prints a dictionary.
fn states(all: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let all: Vec<String> =
        all.into_iter().map(|(kind, state)| format!("'{kind}': '{state}'")).collect();
    format!("{{{}}}", all.join(", "))
}

fn state(outcome: &Outcome) -> String {
    match outcome {
        Ok(Ok(value)) => format!("done: {value}"),
        Ok(Err(error)) => format!("error: ValueError: {error}"),
        Err(_) => "cancelled".into(),
    }
}

async fn lives(clock: Clock) {
    let kinds = ["good", "bad", "unwanted"];
    let tasks = kinds.map(|kind| spawn(work(clock, kind)));
    let look = || {
        let state = |finished| if finished { "done" } else { "pending" };
        let finished = tasks.iter().map(|task| state(task.is_finished()).to_owned());
        states(kinds.into_iter().zip(finished))
    };
    clock.log(format!("created: {}", look()));
    yield_now().await;
    clock.log(format!("started: {}", look()));
    tasks[2].cancel();
    let is_finished = tasks[2].is_finished();
    clock.log(format!("cancel asked: {}", if is_finished { "done" } else { "pending" }));
    sleep(seconds(2)).await;
    // All tasks have finished, so these awaits return immediately.
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await);
    }
    let finished = kinds.into_iter().zip(outcomes.iter().map(state));
    clock.log(format!("finished: {}", states(finished)));
    for (kind, outcome) in kinds.into_iter().zip(outcomes) {
        clock.log(match outcome {
            Ok(Ok(value)) => format!("await {kind} -> {value}"),
            Ok(Err(error)) => format!("await {kind} raises {error}"),
            Err(_) => format!("await {kind} raises cancelled"),
        });
    }
}

// ----- 53: a run inside a running loop -----

fn rng(n: u32) -> AsyncGenerator<'static, u32> {
    AsyncGenerator::new(async move |co| {
        for number in 0..n {
            co.yield_(number).await;
        }
    })
}

async fn foo_of(n: u32) {
    let mut numbers = rng(n);
    while let Some(number) = numbers.next().await {
        println!("{number}");
    }
}

async fn notebook(World { scheduler, clock }: &World) {
    if let Err(RunError::Nested(_)) = scheduler.try_block_on(foo_of(5)) {
        clock.log("run_until_complete: This event loop is already running");
    }
    if let Err(RunError::Nested(_)) = Scheduler::new().try_block_on(foo_of(5)) {
        clock.log("asyncio.run: asyncio.run() cannot be called from a running event loop");
    }
    foo_of(5).await;
}

// Output:
//
// --- my_task
// [1000] my_task(1) finishes
// [2000] my_task(2) finishes
// [3000] my_task(3) finishes
// [3000] Slept for 2 seconds
// [3000] Slept for 1 seconds
// [3000] Slept for 3 seconds
// [3000] end
// --- a coroutine does nothing until it is awaited
// [0] call without await
// [0] nothing was printed; now drop it
// [0] run it
// Compute...
// 1 + 2 = 3
// [1000] end
// --- compute
// [0] start
// Compute...
// 1 + 2 = 3
// [1000] end
// --- foo
// [0] foo -> None
// [0] bar -> 42
// --- cooperative turns
// [0] a 0
// [0] b 0
// [0] c 0
// [0] a 1
// [0] b 1
// [0] c 1
// [0] a 2
// [0] b 2
// [0] c 2
// [500] greedy blocks
// [5000] greedy lets go
// [5000] tick 0
// [6000] tick 1
// [7000] tick 2
// [8000] tick 3
// [9000] tick 4
// --- the life of a task
// [0] created: {'good': 'pending', 'bad': 'pending', 'unwanted': 'pending'}
// [0] work good starts
// [0] work bad starts
// [0] work unwanted starts
// [0] started: {'good': 'pending', 'bad': 'pending', 'unwanted': 'pending'}
// [0] cancel asked: pending
// [2000] finished: {'good': 'done: good', 'bad': 'error: ValueError: no luck', 'unwanted': 'cancelled'}
// [2000] await good -> good
// [2000] await bad raises no luck
// [2000] await unwanted raises cancelled
// --- a nested event loop
// [0] run_until_complete: This event loop is already running
// [0] asyncio.run: asyncio.run() cannot be called from a running event loop
// 0
// 1
// 2
// 3
// 4

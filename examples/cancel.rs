//! Timeouts and cancellation, as in the lecture: `wait_for`, a coroutine that catches `CancelledError` and takes five
//! seconds to clean up, `shield`, and two tasks that print. Each section but the third ports a Python program of the
//! lecture and prints the same lines: the virtual time in milliseconds, and a message. The third prints what the slide
//! shows, which current Python no longer prints.
//!
//! Run it with `cargo run --example cancel`.

use std::time::{Duration, Instant};

use turnwise::task::{catch_cancel, shield};
use turnwise::time::Elapsed;
use turnwise::{Scheduler, sleep, spawn, time, timeout};

fn main() {
    let sections: [(&str, fn()); 5] = [
        ("wait_for", || section(give_up)),
        ("a coroutine that catches the cancellation", || section(catch)),
        ("the same, as the slide shows it", || section(catch_as_on_the_slide)),
        ("shield", || section(protect)),
        ("create_task", || section(speak)),
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

    /// The lecture's `strftime("%X")`.
    fn time(self) -> String {
        let seconds = (time::now() - self.0).as_secs();
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

// ----- 08: a future that misses its deadline is dropped -----

async fn eternity() {
    sleep(seconds(3600)).await;
    println!("yay!");
}

async fn give_up(clock: Clock) {
    if timeout(seconds(1), eternity()).await.is_err() {
        println!("timeout!");
    }
    clock.log("after wait_for");
    clock.log("end");
}

// ----- 09: a coroutine that catches the cancellation may take time to clean up -----

/// Returns `None`, as a Python function without a `return` does.
async fn swallowing() -> Option<()> {
    if let Err(_cancelled) = catch_cancel(eternity()).await {
        println!("closed");
        sleep(seconds(5)).await;
    }
    None
}

async fn reraising() -> Option<()> {
    if let Err(cancelled) = catch_cancel(eternity()).await {
        println!("closed");
        sleep(seconds(5)).await;
        cancelled.resume().await;
    }
    None
}

/// As Python's `wait_for` since 3.9: a future that catches the request and returns a value gives that value.
async fn catch(clock: Clock) {
    clock.log("swallowing");
    report(clock, timeout(seconds(1), swallowing()).await);
    clock.log("re-raising");
    report(clock, timeout(seconds(1), reraising()).await);
    clock.log("end");
}

fn report(clock: Clock, outcome: Result<Option<()>, Elapsed>) {
    match outcome {
        Ok(result) => clock.log(format!("wait_for returned {result:?}")),
        Err(_) => println!("timeout!"),
    }
    clock.log("after wait_for");
}

/// What the slide shows, and Python 3.7 and 3.8 printed for a coroutine that swallows the request. Here it is what a
/// future prints that resumes it.
async fn catch_as_on_the_slide(clock: Clock) {
    if timeout(seconds(1), reraising()).await.is_err() {
        println!("timeout!");
    }
    clock.log("after wait_for");
}

// ----- 10: a shielded future continues after the timeout -----

async fn protect(clock: Clock) {
    let eternity = async move {
        sleep(seconds(5)).await;
        println!("yay!");
        clock.log("eternity ends");
    };
    if timeout(seconds(1), shield(eternity)).await.is_err() {
        println!("timeout!");
        clock.log("timed out");
        sleep(seconds(5)).await;
    }
    clock.log("end");
}

// ----- 11: spawned tasks run while another task waits -----

async fn say(word: &str, delay: u64) {
    println!("heh{word}");
    sleep(seconds(delay)).await;
    println!("{word}");
}

async fn speak(clock: Clock) {
    let first = spawn(say("Hi_1", 2));
    let second = spawn(say("Hi_2", 1));
    println!("{}", clock.time());
    for task in [first, second] {
        task.await.expect("it only prints");
    }
    println!("{}", clock.time());
}

// Output:
//
// --- wait_for
// timeout!
// [1000] after wait_for
// [1000] end
// --- a coroutine that catches the cancellation
// [0] swallowing
// closed
// [6000] wait_for returned None
// [6000] after wait_for
// [6000] re-raising
// closed
// timeout!
// [12000] after wait_for
// [12000] end
// --- the same, as the slide shows it
// closed
// timeout!
// [6000] after wait_for
// --- shield
// timeout!
// [1000] timed out
// yay!
// [5000] eternity ends
// [6000] end
// --- create_task
// 00:00:00
// hehHi_1
// hehHi_2
// Hi_2
// Hi_1
// 00:00:02

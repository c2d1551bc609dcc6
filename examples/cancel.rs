//! Timeouts and cancelling, as on the slides: `wait_for`, a coroutine that catches `CancelledError` and takes
//! five seconds to clean up, `shield`, and two tasks that speak. Each section but the third is a Python program
//! of the course, and prints what that prints: the virtual time in milliseconds, and a line. The third prints
//! what the slide says, which Python does no longer.
//!
//! Run it with `cargo run --example cancel`.

use std::time::{Duration, Instant};

use turnwise::task::{catch_cancel, shield};
use turnwise::{JoinError, Scheduler, sleep, spawn, time, timeout};

fn main() {
    let sections: [(&str, fn()); 5] = [
        ("wait_for", || section(give_up)),
        ("a coroutine that catches the cancellation", || section(catch)),
        ("the same, as the slide has it", || section(catch_as_on_the_slide)),
        ("shield", || section(protect)),
        ("create_task", || section(speak)),
    ];
    for (title, run) in sections {
        println!("--- {title}");
        run();
    }
}

/// Runs one section, in a virtual time of its own that begins at 0.
fn section<F: Future<Output = ()>>(program: impl FnOnce(Clock) -> F) {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async { program(Clock(time::now())).await });
}

/// Prints lines with the time since the section began: the course's `log`.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn log(self, line: impl AsRef<str>) {
        println!("[{}] {}", (time::now() - self.0).as_millis(), line.as_ref());
    }

    /// The course's `strftime("%X")`.
    fn time(self) -> String {
        let seconds = (time::now() - self.0).as_secs();
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

// ----- 08: whoever is too slow is dropped -----

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

// ----- 09: whoever catches it may take his time -----

/// Returns what Python's functions return that return nothing.
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

/// Python's `wait_for`, since 3.9: the result of a task that was cancelled and returns all the same counts.
async fn wait_for<T: 'static>(
    after: Duration,
    work: impl Future<Output = T> + 'static,
) -> Result<T, JoinError> {
    let mut task = spawn(work);
    if let Ok(in_time) = timeout(after, &mut task).await {
        return in_time;
    }
    task.cancel();
    task.await
}

async fn catch(clock: Clock) {
    clock.log("swallowing");
    report(clock, &wait_for(seconds(1), swallowing()).await);
    clock.log("re-raising");
    report(clock, &wait_for(seconds(1), reraising()).await);
    clock.log("end");
}

fn report(clock: Clock, outcome: &Result<Option<()>, JoinError>) {
    match outcome {
        Ok(result) => clock.log(format!("wait_for returned {result:?}")),
        Err(_) => println!("timeout!"),
    }
    clock.log("after wait_for");
}

/// What the slide says is printed, and Python 3.7 and 3.8 did print: here it is what `timeout` does.
async fn catch_as_on_the_slide(clock: Clock) {
    if timeout(seconds(1), swallowing()).await.is_err() {
        println!("timeout!");
    }
    clock.log("after wait_for");
}

// ----- 10: what is shielded goes on -----

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

// ----- 11: tasks run while somebody else waits -----

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
        task.await.expect("it only speaks");
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
// --- the same, as the slide has it
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

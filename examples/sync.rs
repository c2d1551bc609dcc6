//! The coordination tools of the slides: future, lock, event, semaphore, condition, barrier. Each section is
//! a Python program of the course, and prints what that prints: the virtual time in milliseconds, and a line.
//!
//! Run it with `cargo run --example sync`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use turnwise::sync::{Barrier, Condvar, Event, Mutex, Promise, Semaphore};
use turnwise::{JoinHandle, Scheduler, join_all, sleep, spawn, time};

fn main() {
    let sections: [(&str, fn()); 6] = [
        ("a future, awaited many times", || section(promise)),
        ("a lock", || section(lock)),
        ("an event", || section(event)),
        ("a semaphore", || section(semaphore)),
        ("a condition", || section(condition)),
        ("a barrier", || section(barrier)),
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
}

async fn seconds(number: u64) {
    sleep(Duration::from_secs(number)).await;
}

/// Waits for tasks, none of which fails.
async fn all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for outcome in join_all(tasks).await {
        outcome.expect("no task of these programs panics");
    }
}

//! The synchronization primitives of the lecture: future, lock, event, semaphore, condition, barrier. Each section
//! ports a Python program of the lecture and prints the same lines: the virtual time in milliseconds, and a message.
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

/// Waits for all tasks, none of which fails.
async fn all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for outcome in join_all(tasks).await {
        outcome.expect("no task of these programs panics");
    }
}

// ----- 24: a future is awaited many times, and every waiter gets the same result -----

async fn promise(clock: Clock) {
    for end in ["result", "error", "cancel"] {
        let promise = Promise::new();
        let waiters = (0..3).map(|number| {
            let promise = promise.clone();
            spawn(wait_for(clock, format!("{end}-{number}"), promise))
        });
        let waiters: Vec<_> = waiters.collect();
        seconds(1).await;
        clock.log(state(&promise));
        match end {
            "result" => {
                promise.set("the answer").expect("it is not settled");
                if promise.set("another").is_err() {
                    clock.log("second set_result refused");
                }
            }
            "error" => promise.fail("the reason").expect("it is not settled"),
            _ => assert!(promise.cancel()),
        }
        clock.log(state(&promise));
        all(waiters).await;
        wait_for(clock, format!("{end}-late"), promise).await;
    }
}

async fn wait_for(clock: Clock, name: String, promise: Promise<&'static str>) {
    match promise.get().await {
        Ok(value) => clock.log(format!("{name} got {value}")),
        Err(error) if error.is_cancelled() => clock.log(format!("{name} sees a cancelled future")),
        Err(error) => clock.log(format!("{name} got error {error}")),
    }
}

/// The lecture's `state`. The name of the error type is written out, since the error here is a plain string.
fn state(promise: &Promise<&'static str>) -> String {
    match promise.try_get() {
        None => "pending".to_owned(),
        Some(Ok(value)) => format!("done: {value}"),
        Some(Err(error)) if error.is_cancelled() => "cancelled".to_owned(),
        Some(Err(error)) => format!("error: ValueError: {error}"),
    }
}

/// Formats a bool as Python prints it.
fn python(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

// ----- 25: a lock is handed over in FIFO order -----

async fn lock(clock: Clock) {
    let (safe, careless) = (Rc::new(Mutex::new(0)), Rc::new(Cell::new(0)));
    let locked = ["a", "b", "c"].map(|name| {
        let safe = Rc::clone(&safe);
        spawn(async move {
            let mut account = safe.lock().await;
            let value = *account;
            seconds(1).await;
            *account = value + 1;
            clock.log(format!("{name} safe {account}"));
        })
    });
    all(locked).await;
    // The same without a lock: all three read before any of them writes, and two additions are lost.
    let unlocked = ["a", "b", "c"].map(|name| {
        let account = Rc::clone(&careless);
        spawn(async move {
            let value = account.get();
            seconds(1).await;
            account.set(value + 1);
            clock.log(format!("{name} unsafe {}", account.get()));
        })
    });
    all(unlocked).await;
    let (locked, unsafe_sum) = (safe.is_locked(), careless.get());
    let safe_sum = *safe.lock().await;
    clock.log(format!("{{'safe': {safe_sum}, 'unsafe': {unsafe_sum}}} locked: {}", python(locked)));
}

// ----- 26: an event releases every task that waits for it -----

async fn event(clock: Clock) {
    async fn waiter(clock: Clock, name: &str, event: Rc<Event>) {
        clock.log(format!("{name} waits"));
        event.wait().await;
        clock.log(format!("{name} goes on"));
    }

    let event = Rc::new(Event::new());
    let waiters = ["a", "b", "c"].map(|name| spawn(waiter(clock, name, Rc::clone(&event))));
    seconds(1).await;
    event.set();
    clock.log("set");
    all(waiters).await;
    waiter(clock, "late", Rc::clone(&event)).await;
    event.clear();
    let task = spawn(waiter(clock, "after clear", Rc::clone(&event)));
    seconds(1).await;
    clock.log(format!("still waiting: {}", python(!task.is_finished())));
    event.set();
    all([task]).await;
}

// ----- 27: five users, two places -----

async fn semaphore(clock: Clock) {
    let (places, inside) = (Rc::new(Semaphore::new(2)), Rc::new(Cell::new(0)));
    let users = [("a", 3), ("b", 1), ("c", 1), ("d", 2), ("e", 1)].map(|(name, time)| {
        let (places, inside) = (Rc::clone(&places), Rc::clone(&inside));
        spawn(async move {
            let _place = places.acquire().await.expect("it is never closed");
            inside.set(inside.get() + 1);
            clock.log(format!("{name} enters; inside: {}", inside.get()));
            seconds(time).await;
            inside.set(inside.get() - 1);
            clock.log(format!("{name} leaves"));
        })
    });
    all(users).await;
}

// ----- 28: a condition releases the lock while it waits -----

async fn condition(clock: Clock) {
    let (lock, changed) = (Rc::new(Mutex::new(())), Rc::new(Condvar::new()));
    let waiters = ["a", "b", "c"].map(|name| {
        let (lock, changed) = (Rc::clone(&lock), Rc::clone(&changed));
        spawn(async move {
            let guard = lock.lock().await;
            clock.log(format!("{name} waits"));
            let _guard = changed.wait(guard).await;
            clock.log(format!("{name} woken, holds the lock: {}", python(lock.is_locked())));
            seconds(1).await;
        })
    });
    seconds(1).await;
    {
        let _guard = lock.lock().await;
        clock.log("notify one; the notifier keeps the lock for 1 s");
        changed.notify_one();
        seconds(1).await;
    }
    seconds(3).await;
    {
        let _guard = lock.lock().await;
        clock.log("notify all");
        changed.notify_all();
    }
    all(waiters).await;
    clock.log("end");
}

// ----- 29: all continue when the third arrives -----

async fn barrier(clock: Clock) {
    let (barrier, passed) = (Rc::new(Barrier::new(3)), Rc::new(RefCell::new(Vec::new())));
    let runners = [("a", 3), ("b", 1), ("c", 2)].map(|(name, time)| {
        let (barrier, passed) = (Rc::clone(&barrier), Rc::clone(&passed));
        spawn(async move {
            for lap in [1, 2] {
                seconds(time).await;
                clock.log(format!("{name} arrives, lap {lap}"));
                let arrival = barrier.wait().await.expect("it is never broken");
                passed.borrow_mut().push((lap, arrival.index(), name));
            }
        })
    });
    all(runners).await;
    passed.borrow_mut().sort_unstable();
    for (lap, index, name) in passed.take() {
        clock.log(format!("lap {lap} index {index} {name}"));
    }
}

// Output:
//
// --- a future, awaited many times
// [1000] pending
// [1000] second set_result refused
// [1000] done: the answer
// [1000] result-0 got the answer
// [1000] result-1 got the answer
// [1000] result-2 got the answer
// [1000] result-late got the answer
// [2000] pending
// [2000] error: ValueError: the reason
// [2000] error-0 got error the reason
// [2000] error-1 got error the reason
// [2000] error-2 got error the reason
// [2000] error-late got error the reason
// [3000] pending
// [3000] cancelled
// [3000] cancel-0 sees a cancelled future
// [3000] cancel-1 sees a cancelled future
// [3000] cancel-2 sees a cancelled future
// [3000] cancel-late sees a cancelled future
// --- a lock
// [1000] a safe 1
// [2000] b safe 2
// [3000] c safe 3
// [4000] a unsafe 1
// [4000] b unsafe 1
// [4000] c unsafe 1
// [4000] {'safe': 3, 'unsafe': 1} locked: False
// --- an event
// [0] a waits
// [0] b waits
// [0] c waits
// [1000] set
// [1000] a goes on
// [1000] b goes on
// [1000] c goes on
// [1000] late waits
// [1000] late goes on
// [1000] after clear waits
// [2000] still waiting: True
// [2000] after clear goes on
// --- a semaphore
// [0] a enters; inside: 1
// [0] b enters; inside: 2
// [1000] b leaves
// [1000] c enters; inside: 2
// [2000] c leaves
// [2000] d enters; inside: 2
// [3000] a leaves
// [3000] e enters; inside: 2
// [4000] d leaves
// [4000] e leaves
// --- a condition
// [0] a waits
// [0] b waits
// [0] c waits
// [1000] notify one; the notifier keeps the lock for 1 s
// [2000] a woken, holds the lock: True
// [5000] notify all
// [5000] b woken, holds the lock: True
// [6000] c woken, holds the lock: True
// [7000] end
// --- a barrier
// [1000] b arrives, lap 1
// [2000] c arrives, lap 1
// [3000] a arrives, lap 1
// [4000] b arrives, lap 2
// [5000] c arrives, lap 2
// [6000] a arrives, lap 2
// [6000] lap 1 index 0 b
// [6000] lap 1 index 1 c
// [6000] lap 1 index 2 a
// [6000] lap 2 index 0 b
// [6000] lap 2 index 1 c
// [6000] lap 2 index 2 a

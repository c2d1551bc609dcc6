//! A tour of the crate in four parts: tasks take turns; they sleep, and are joined; one panics; and two wait for each
//! other, until the scheduler explains why nothing can run any more.
//!
//! Run it with `cargo run --example tour`. Its output is at the end of this file.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use turnwise::{JoinError, JoinHandle, RunError, Scheduler};
use turnwise::{sleep, spawn, task, time, yield_now};

fn main() -> Result<(), Box<dyn Error>> {
    taking_turns(&Scheduler::new())?;
    sleeping_and_joining(&Scheduler::builder().virtual_time().build())?;
    a_panic_is_caught(&Scheduler::new());
    a_deadlock_is_explained(&Scheduler::new());
    Ok(())
}

fn named(name: &str) -> task::Builder {
    task::Builder::new().name(name)
}

/// A task runs until it yields. Then the next ready task takes its turn: first in, first out.
pub(crate) fn taking_turns(scheduler: &Scheduler) -> Result<(), RunError> {
    println!("-- taking turns");
    for name in ["foo", "bar"] {
        named(name).spawn_on(scheduler, async move {
            for _ in 0..2 {
                println!("I'm {name}");
                yield_now().await;
            }
        });
    }
    scheduler.run() // until every task has completed
}

/// A spawned task runs on its own; awaiting its handle returns its output. When all tasks sleep, a virtual clock jumps
/// to the next deadline, so this hour passes immediately.
pub(crate) fn sleeping_and_joining(scheduler: &Scheduler) -> Result<(), JoinError> {
    println!("-- sleeping and joining");
    scheduler.block_on(async {
        let start = time::now();
        let bread = named("bread").spawn(cook("bread", 60));
        let tea = named("tea").spawn(cook("tea", 4));
        println!("breakfast: {} and {}", bread.await?, tea.await?);
        println!("it took {:?}", time::now() - start);
        Ok(())
    })
}

async fn cook(food: &'static str, minutes: u64) -> String {
    sleep(Duration::from_secs(60 * minutes)).await;
    println!("{food} is ready");
    format!("{minutes} minutes' {food}")
}

/// A panic ends its own task, and awaiting that task's handle returns an error. No other task is affected. (The panic
/// is also printed to stderr, as always in Rust.)
pub(crate) fn a_panic_is_caught(scheduler: &Scheduler) {
    println!("-- a panic is caught");
    scheduler.block_on(async {
        let shares = [4, 0, 5].map(|guests| spawn(async move { 20 / guests }));
        for share in shares {
            match share.await {
                Ok(share) => println!("a share is {share}"),
                Err(error) => println!("{error}"),
            }
        }
    });
}

/// At a door Alice waits for Bob to go first, and Bob for Alice. Nothing will ever wake either of them, and the
/// scheduler detects it: both waits are on its own lists, and no waker is held elsewhere.
pub(crate) fn a_deadlock_is_explained(scheduler: &Scheduler) {
    println!("-- a deadlock is explained");
    let [alice, bob] = [Guest::default(), Guest::default()];
    alice.set(Some(named("alice").spawn_on(scheduler, after_you(Rc::clone(&bob)))));
    bob.set(Some(named("bob").spawn_on(scheduler, after_you(Rc::clone(&alice)))));
    if let Err(report) = scheduler.run() {
        println!("{report}");
    }
}

/// The handle of a guest, once it has been spawned.
type Guest = Rc<Cell<Option<JoinHandle<()>>>>;

async fn after_you(guest: Guest) {
    if let Some(guest) = guest.take() {
        println!("{}: after you!", task::name().unwrap_or_default());
        let _gone = guest.await;
    }
}

// Output:
//
// -- taking turns
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// -- sleeping and joining
// tea is ready
// bread is ready
// breakfast: 60 minutes' bread and 4 minutes' tea
// it took 3600s
// -- a panic is caught
// a share is 5
// task #3 panicked: attempt to divide by zero
// a share is 4
// -- a deadlock is explained
// alice: after you!
// bob: after you!
// deadlock at turn 2: 2 tasks can never run again
//   #1 "alice"  waits for task #2 "bob", spawned at examples/tour.rs:81:31, since turn 1
//   #2 "bob"    waits for task #1 "alice", spawned at examples/tour.rs:80:35, since turn 2
// cycle: #1 -> #2 -> #1
// certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held outside the scheduler

//! Three philosophers dine with three forks. Each takes the left fork first: a deadlock, and its explanation with
//! names, places and the cycle. Then the same with one more rule, and all of them eat.
//!
//! Run it with `cargo run --example philosophers`.

use std::rc::Rc;
use std::time::Duration;

use turnwise::sync::Mutex;
use turnwise::{RunError, Scheduler, sleep, task};

const NAMES: [&str; 3] = ["Plato", "Hypatia", "Kant"];

type Fork = Rc<Mutex<u32>>;

/// Lays a fork to the left of each plate. A fork counts how often it was used.
fn lay_table() -> Vec<Fork> {
    let fork = |name: &&str| Rc::new(Mutex::new(0).named(format!("fork left of {name}")));
    NAMES.iter().map(fork).collect()
}

/// Takes one fork, thinks for a second, takes the other fork, and eats.
async fn dine(name: &'static str, first: Fork, second: Fork) {
    let mut one = first.lock().await;
    sleep(Duration::from_secs(1)).await;
    let mut other = second.lock().await;
    *one += 1;
    *other += 1;
    println!("{name} eats");
}

/// Seats all philosophers, and runs until they have eaten.
fn dinner(forks: &[Fork], is_polite: bool) -> Result<(), RunError> {
    let scheduler = Scheduler::builder().virtual_time().build();
    for (seat, &name) in NAMES.iter().enumerate() {
        let (left, right) = (seat, (seat + 1) % forks.len());
        // The rule: take the fork with the lower number first. Then no cycle can form.
        let first = if is_polite { left.min(right) } else { left };
        let second = left + right - first;
        let guest = dine(name, Rc::clone(&forks[first]), Rc::clone(&forks[second]));
        task::Builder::new().name(name).spawn_on(&scheduler, guest);
    }
    scheduler.run()
}

fn main() {
    match dinner(&lay_table(), false) {
        Ok(()) => println!("all have eaten"),
        Err(error) => println!("{error}\n"),
    }

    let forks = lay_table();
    match dinner(&forks, true) {
        Ok(()) => println!("all have eaten"),
        Err(error) => println!("{error}"),
    }
    for fork in &forks {
        println!("{fork:?}");
    }
}

// Output:
//
// deadlock at turn 6: 3 tasks can never run again
//   #1 "Plato"    waits for mutex "fork left of Hypatia" at examples/philosophers.rs:26:28, held by #2 "Hypatia" (locked at examples/philosophers.rs:24:25), since turn 4
//   #2 "Hypatia"  waits for mutex "fork left of Kant"    at examples/philosophers.rs:26:28, held by #3 "Kant" (locked at examples/philosophers.rs:24:25), since turn 5
//   #3 "Kant"     waits for mutex "fork left of Plato"   at examples/philosophers.rs:26:28, held by #1 "Plato" (locked at examples/philosophers.rs:24:25), since turn 6
// cycle: #1 -> mutex "fork left of Hypatia" -> #2 -> mutex "fork left of Kant" -> #3 -> mutex "fork left of Plato" -> #1
// certain: no timer, no armed I/O, no blocking job, no waker and no `Remote` held outside the scheduler
//
// Hypatia eats
// Plato eats
// Kant eats
// all have eaten
// Mutex { value: 2, name: "fork left of Plato" }
// Mutex { value: 2, name: "fork left of Hypatia" }
// Mutex { value: 2, name: "fork left of Kant" }

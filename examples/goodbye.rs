//! The program of the README's "Ending things": whoever is asked to end says goodbye first.

use std::future::pending;
use std::time::Duration;
use turnwise::task::{catch_cancel, scope};
use turnwise::{Scheduler, sleep, task, timeout};

async fn serve(name: &str) {
    match catch_cancel(pending::<()>()).await {
        Ok(()) => println!("{name} has gone"),
        Err(cancelled) => {
            println!("{name} is told to go: {}", cancelled.reason());
            sleep(Duration::from_secs(1)).await;
            println!("{name} has been shown out");
        }
    }
}

fn main() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let guests = [String::from("alice"), String::from("bob")];
    let evening = scope(async |s| {
        for guest in &guests {
            s.spawn(serve(guest)); // A child may borrow: it is over before the scope is.
        }
    });
    let evening = timeout(Duration::from_secs(5), evening);
    println!("{}", scheduler.block_on(evening).expect_err("nobody leaves by himself"));

    task::Builder::new().name("carol").spawn_on(&scheduler, serve("carol"));
    scheduler.spawn(pending::<()>());
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::from_secs(5)).expect("it is not called by a task");
    println!("{report}");
}

// Output:
//
// alice is told to go: the deadline has passed
// bob is told to go: the deadline has passed
// alice has been shown out
// bob has been shown out
// the deadline has passed
// carol is told to go: shutdown
// carol has been shown out
// shutdown after 1s: 1 finished, 1 cancelled, 0 aborted, 0 still blocking
//   finished   #4 "carol"  after 1s, spawned at examples/goodbye.rs:30:40
//   cancelled  #5          after 0ns, spawned at examples/goodbye.rs:31:15

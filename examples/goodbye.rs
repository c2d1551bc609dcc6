//! The program of the README's "Cancelling and shutting down": a task that is cancelled says goodbye first.

use std::future::pending;
use std::time::Duration;
use turnwise::task::{catch_cancel, scope};
use turnwise::{Scheduler, sleep, task, timeout};

async fn serve(name: &str) {
    match catch_cancel(pending::<()>()).await {
        Ok(()) => println!("{name} has left"),
        Err(cancelled) => {
            println!("{name} is asked to leave: {}", cancelled.reason());
            sleep(Duration::from_secs(1)).await;
            println!("{name} has said goodbye");
        }
    }
}

fn main() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let guests = [String::from("alice"), String::from("bob")];
    let evening = scope(async |s| {
        for guest in &guests {
            s.spawn(serve(guest)); // A child may borrow: it ends before the scope does.
        }
    });
    let evening = timeout(Duration::from_secs(5), evening);
    println!("{}", scheduler.block_on(evening).expect_err("no guest leaves unasked"));

    task::Builder::new().name("carol").spawn_on(&scheduler, serve("carol"));
    scheduler.spawn(pending::<()>());
    scheduler.run_until_stalled();
    let report = scheduler.shutdown(Duration::from_secs(5)).expect("not called from a task");
    println!("{report}");
}

// Output:
//
// alice is asked to leave: the deadline has passed
// bob is asked to leave: the deadline has passed
// alice has said goodbye
// bob has said goodbye
// the deadline has passed
// carol is asked to leave: shutdown
// carol has said goodbye
// shutdown after 1s: 1 finished, 1 cancelled, 0 aborted, 0 still blocking
//   finished   #4 "carol"  after 1s, spawned at examples/goodbye.rs:30:40
//   cancelled  #5          after 0ns, spawned at examples/goodbye.rs:31:15

//! Two hogs. One computes, or blocks the thread, without ever giving way: it is caught, and named with the
//! place that it came from. The other waits, but only for what is there already: a budget makes it give way.
//!
//! Run it with `cargo run --example hog`.

use std::thread;
use std::time::Duration;

use turnwise::channel::mpsc;
use turnwise::scheduler::Report;
use turnwise::{Scheduler, sleep, task, yield_now};

/// Longer than any turn of a good citizen. Where debug assertions are on, 100 ms are the default.
const LIMIT: Duration = Duration::from_millis(500);

/// A report names the time as well; it is left out here, since it is never the same.
fn tell(report: &Report) {
    let Report::SlowTurn { task, spawned_at, took, after, .. } = report else {
        return println!("{report}");
    };
    assert!(*took >= LIMIT);
    println!("caught: {task}, spawned at {spawned_at}");
    if let Some(after) = after {
        println!("        after it had waited for {after}");
    }
}

async fn resize(mut pictures: mpsc::Receiver<&'static str>) {
    while let Some(picture) = pictures.recv().await {
        // This should be handed to a thread of its own: while it lasts nobody else has a turn.
        thread::sleep(LIMIT);
        println!("{picture} is resized");
    }
}

async fn tick() {
    for second in 1..=3 {
        sleep(Duration::from_secs(1)).await;
        println!("tick {second}");
    }
}

fn one_that_blocks() {
    let scheduler = Scheduler::builder().virtual_time().slow_poll(LIMIT).on_report(tell).build();
    let (sender, receiver) = mpsc::channel(1);
    scheduler.spawn(tick());
    task::Builder::new().name("resizer").spawn_on(&scheduler, resize(receiver.named("pictures")));
    scheduler.block_on(async move {
        sleep(Duration::from_millis(1500)).await;
        sender.send("cat.png").await.expect("the resizer is there");
        drop(sender);
        sleep(Duration::from_secs(2)).await;
    });
}

/// A receiver whose channel is never empty, beside somebody else who would like to have a turn.
fn one_that_never_waits(budget: u32) {
    let scheduler = Scheduler::builder().budget(budget).build();
    let (sender, mut receiver) = mpsc::unbounded();
    (1..=9).for_each(|number| sender.send(number).expect("the receiver is there"));
    drop(sender);
    scheduler.spawn(async move {
        while let Some(number) = receiver.recv().await {
            print!(" {number}");
        }
    });
    scheduler.spawn(async {
        for _ in 0..3 {
            print!(" me!");
            yield_now().await;
        }
    });
    scheduler.run().expect("both come to an end");
    println!();
}

fn main() {
    one_that_blocks();
    print!("\nwithout a budget:  ");
    one_that_never_waits(0);
    print!("with a budget of 3:");
    one_that_never_waits(3);
}

// Output:
//
// tick 1
// cat.png is resized
// caught: #2 "resizer", spawned at examples/hog.rs:47:42
//         after it had waited for a message on channel "pictures" at examples/hog.rs:29:40
// tick 2
// tick 3
//
// without a budget:   1 2 3 4 5 6 7 8 9 me! me! me!
// with a budget of 3: 1 2 3 me! 4 5 6 me! 7 8 9 me!

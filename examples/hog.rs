//! Two tasks that hog the thread. One blocks it without yielding: it is reported with its name and the place where it
//! was spawned. The other awaits, but only futures that are ready: a budget makes it yield.
//!
//! Run it with `cargo run --example hog`.

use std::thread;
use std::time::Duration;

use turnwise::channel::mpsc;
use turnwise::scheduler::Report;
use turnwise::{Scheduler, sleep, task, yield_now};

/// Longer than any turn of a well-behaved task. With debug assertions, the default is 100 ms.
const LIMIT: Duration = Duration::from_millis(500);

/// The report also has the time that the turn took; it is left out here, since it varies.
fn show(report: &Report) {
    let Report::SlowTurn { task, spawned_at, took, after, .. } = report else {
        return println!("{report}");
    };
    assert!(*took >= LIMIT);
    println!("caught: {task}, spawned at {spawned_at}");
    if let Some(after) = after {
        println!("        after waiting for {after}");
    }
}

async fn resize(mut pictures: mpsc::Receiver<&'static str>) {
    while let Some(picture) = pictures.recv().await {
        // This belongs on a thread of its own: until it returns, no other task gets a turn.
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

fn a_task_that_blocks() {
    let scheduler = Scheduler::builder().virtual_time().slow_poll(LIMIT).on_report(show).build();
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

/// A receiver whose channel is never empty, beside a task that needs turns as well.
fn a_task_that_never_waits(budget: u32) {
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
    scheduler.run().expect("both complete");
    println!();
}

fn main() {
    a_task_that_blocks();
    print!("\nwithout a budget:  ");
    a_task_that_never_waits(0);
    print!("with a budget of 3:");
    a_task_that_never_waits(3);
}

// Output:
//
// tick 1
// cat.png is resized
// caught: #2 "resizer", spawned at examples/hog.rs:47:42
//         after waiting for a message on channel "pictures" at examples/hog.rs:29:40
// tick 2
// tick 3
//
// without a budget:   1 2 3 4 5 6 7 8 9 me! me! me!
// with a budget of 3: 1 2 3 me! 4 5 6 me! 7 8 9 me!

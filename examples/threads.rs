//! Two schedulers on two threads, and a plain thread that uses both. A scheduler stays on its thread. A `Remote` may
//! leave it, and spawns tasks there; their outputs come back.
//!
//! ```text
//! cargo run --example threads
//! ```

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use futures::channel::oneshot;
use turnwise::{Remote, Scheduler, task::RemoteError, yield_now};

/// Runs a scheduler on its own thread until the returned sender sends, or is dropped.
fn start() -> (Remote, oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let scheduler = Scheduler::new();
        sender.send(scheduler.remote()).expect("the receiver waits for it");
        let _stopped_or_dropped = scheduler.block_on(stopped);
    });
    (receiver.recv().expect("the thread has just started"), stop, thread)
}

fn main() -> Result<(), RemoteError> {
    let (kitchen, close_kitchen, kitchen_thread) = start();
    let (bar, close_bar, bar_thread) = start();

    // A plain thread spawns a task on a scheduler, and blocks until its output arrives. Only the closure is sent: it
    // creates the future on the other thread, so the future need not be `Send`.
    let order = kitchen.spawn(|| async {
        let plate = Rc::new(RefCell::new(Vec::new()));
        for layer in ["bread", "cheese", "bread"] {
            plate.borrow_mut().push(layer);
            yield_now().await;
        }
        plate.take().join(", ")
    });
    println!("the kitchen made: {}", order.wait()?);

    // A task of one scheduler spawns a task on the other, and awaits it: no thread blocks.
    let to_kitchen = kitchen.clone();
    let menu = bar.spawn(move || async move {
        let snack = to_kitchen.spawn(|| async { "olives" }).await;
        snack.map(|snack| format!("lemonade and {snack}"))
    });
    println!("the bar serves: {}", menu.wait()??);

    // A panic in that task is an error here, and affects no other task.
    let burnt = kitchen.spawn(|| async { panic!("the toast is burnt") });
    println!("the kitchen reports: {}", burnt.wait().expect_err("it is burnt"));
    println!("the kitchen made: {}", kitchen.spawn(|| async { "new toast" }).wait()?);

    // A remote may outlive its scheduler, and then returns errors instead of hanging.
    drop((close_kitchen, close_bar));
    for thread in [kitchen_thread, bar_thread] {
        thread.join().expect("a task's panic does not end the thread");
    }
    let too_late = kitchen.spawn(|| async { "soup" });
    println!("after closing time: {}", too_late.wait().expect_err("the scheduler is gone"));
    Ok(())
}

// Output:
//
// the kitchen made: bread, cheese, bread
// the bar serves: lemonade and olives
// the kitchen reports: task #4 panicked: the toast is burnt
// the kitchen made: new toast
// after closing time: the task was never spawned: its scheduler was dropped

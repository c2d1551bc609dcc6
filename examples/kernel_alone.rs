//! The executor by itself: `src/kernel` without the rest of the crate.
//!
//! The folder is compiled here as a module. What the crate adds to it (handles, timers, cancellation, reports) is
//! missing; what remains spawns tasks, gives them turns, and returns when no task is left.

#[path = "../src/kernel/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the other layers use what this example does not"
)]
mod kernel;

use std::future::poll_fn;
use std::panic::Location;
use std::rc::Rc;
use std::task::Poll;

use kernel::{Kernel, NoHooks, Run, SpawnMeta};

/// Yields to the other tasks: wakes its own task, and returns pending once.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn main() {
    let kernel = Kernel::new(Rc::new(NoHooks));
    for name in ["foo", "bar"] {
        let task = async move {
            for turn in 1..=2 {
                println!("I'm {name}, in turn {turn}");
                yield_now().await;
            }
        };
        let (slot, id) = kernel.spawn(task, SpawnMeta::at(Location::caller()), None);
        kernel.detach(slot, id); // No handle will take its output.
    }
    let ended = Run::outermost(&kernel, Location::caller(), None);
    println!("completed: {}", ended.is_ok());
    kernel.close();
}

// Output:
//
// I'm foo, in turn 1
// I'm bar, in turn 1
// I'm foo, in turn 2
// I'm bar, in turn 2
// completed: true

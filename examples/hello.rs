//! The program on the first screen of the README: two tasks take turns.

use turnwise::{RunError, Scheduler, yield_now};

fn main() -> Result<(), RunError> {
    let scheduler = Scheduler::new();
    for name in ["foo", "bar"] {
        scheduler.spawn(async move {
            for _ in 0..2 {
                println!("I'm {name}");
                yield_now().await;
            }
        });
    }
    scheduler.run()
}

// Output:
//
// I'm foo
// I'm bar
// I'm foo
// I'm bar

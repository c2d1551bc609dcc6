//! The program on the first screen of the README: two tasks take turns, and a deadlock explains itself.

use std::future::pending;
use turnwise::{RunError, Scheduler, task, yield_now};

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
    scheduler.run()?;

    let stuck = scheduler.try_block_on(async {
        let worker = task::Builder::new().name("worker").spawn(pending::<()>());
        worker.await
    });
    println!("{}", stuck.expect_err("nobody wakes the worker"));
    Ok(())
}

// Output:
//
// I'm foo
// I'm bar
// I'm foo
// I'm bar
// deadlock at turn 8: 2 of 2 tasks can never run again
//   #3 main      waits for task #4 "worker", spawned at examples/hello.rs:19:58, since turn 7
//   #4 "worker"  waits for nothing that could wake it: no waker was kept, since turn 8
// certain: no timer, no armed I/O, no blocking job, no waker and no remote handle held outside the scheduler

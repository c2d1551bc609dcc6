//! Prints hello in a task on smol.

use smol::LocalExecutor;

fn main() {
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async { executor.spawn(async { println!("hello") }).await }));
}

//! Prints hello in a task on a `StaticLocalExecutor`.

use async_executor::LocalExecutor;
use futures_lite::future::block_on;

fn main() {
    let executor = LocalExecutor::new().leak();
    block_on(executor.run(async { executor.spawn(async { println!("hello") }).await }));
}

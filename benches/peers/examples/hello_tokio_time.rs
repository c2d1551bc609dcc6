//! Prints hello in a task on tokio, in a `LocalSet`.

use std::io;

use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

fn main() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let hello = async { spawn_local(async { println!("hello") }).await };
    LocalSet::new().block_on(&runtime, hello)?;
    Ok(())
}

//! Prints hello in a task on tokio, in a `LocalRuntime`.

use std::io;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

fn main() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async { spawn_local(async { println!("hello") }).await })?;
    Ok(())
}

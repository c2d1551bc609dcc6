//! Prints hello in a task on tokio, by plain `spawn`.

use std::io;

use tokio::runtime::Builder;

fn main() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(async { println!("hello") }).await })?;
    Ok(())
}

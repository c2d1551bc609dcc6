//! Prints hello in a task on monoio, with `io_uring`.

use std::io;

use monoio::{IoUringDriver, RuntimeBuilder};

fn main() -> io::Result<()> {
    let mut runtime = RuntimeBuilder::<IoUringDriver>::new().enable_timer().build()?;
    runtime.block_on(async { monoio::spawn(async { println!("hello") }).await });
    Ok(())
}

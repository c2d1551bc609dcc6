//! Prints hello in a task on monoio, with epoll.

use std::io;

use monoio::{LegacyDriver, RuntimeBuilder};

fn main() -> io::Result<()> {
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?;
    runtime.block_on(async { monoio::spawn(async { println!("hello") }).await });
    Ok(())
}

//! Prints hello in a task on compio.

use std::io;

use compio_runtime::Runtime;

fn main() -> io::Result<()> {
    let runtime = Runtime::new()?;
    runtime.block_on(async { compio_runtime::spawn(async { println!("hello") }).await })?;
    Ok(())
}

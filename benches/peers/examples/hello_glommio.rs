//! Prints hello in a task on glommio.

use glommio::{LocalExecutorBuilder, Placement};

fn main() -> glommio::Result<(), ()> {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).io_memory(1 << 20).make()?;
    executor.run(async { glommio::spawn_local(async { println!("hello") }).await });
    Ok(())
}

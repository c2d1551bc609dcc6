//! Prints hello in a task on a `LocalPool`.

use futures::executor::LocalPool;
use futures::task::{LocalSpawnExt, SpawnError};

fn main() -> Result<(), SpawnError> {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let hello = async { spawner.spawn_local_with_handle(async { println!("hello") }) };
    let handle = pool.run_until(hello)?;
    pool.run_until(handle);
    Ok(())
}

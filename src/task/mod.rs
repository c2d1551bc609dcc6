//! Tasks: spawning, naming and joining them, and giving way.

mod spawn;
mod builder;
mod join;
mod yield_now;
mod current;

pub use crate::kernel::{Ending, TaskId};
pub use builder::Builder;
pub use current::{id, name, try_id};
pub use join::{AbortHandle, AbortOnDrop, JoinError, JoinHandle};
pub use spawn::spawn;
pub use yield_now::{YieldNow, yield_now};

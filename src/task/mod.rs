//! Tasks: spawning, naming and joining them, giving way, and spawning from other threads.

mod spawn;
mod builder;
mod join;
mod join_error;
mod yield_now;
mod current;
mod remote;
mod remote_error;
mod scope;

pub use crate::kernel::{Ending, TaskId};
pub use builder::Builder;
pub use current::{id, name, try_id};
pub use join::{AbortHandle, AbortOnDrop, JoinHandle};
pub use join_error::JoinError;
pub use remote::RemoteHandle;
pub use remote_error::RemoteError;
pub use scope::{ChildError, Scope, ScopeError, ScopedHandle, scope};
pub use spawn::spawn;
pub use yield_now::{YieldNow, yield_now};

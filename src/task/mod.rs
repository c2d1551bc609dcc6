//! Tasks: spawning, naming, joining and cancelling them, giving way, and spawning from other threads.

mod spawn;
mod builder;
mod join;
mod join_error;
mod cancel;
mod yield_now;
mod current;
mod remote;
mod remote_error;
mod scope;

pub use crate::kernel::{Ending, TaskId};
pub use builder::Builder;
pub use cancel::{
    CancelToken, Cancelled, CatchCancel, DropGuard, Mask, RunUntilCancelled, Shield,
    TokenCancelled, cancelling, catch_cancel, checkpoint, mask, shield,
};
pub use current::{id, name, try_id};
pub use join::{AbortHandle, AbortOnDrop, Flatten, JoinHandle};
pub use join_error::JoinError;
pub use remote::RemoteHandle;
pub use remote_error::RemoteError;
pub use scope::{ChildError, Scope, ScopeError, ScopedHandle, scope};
pub use spawn::spawn;
pub use yield_now::{YieldNow, yield_now};

//! Tasks: spawning, naming, joining and cancelling them, giving way, and spawning from other threads.

mod spawn;
mod fallible;
mod builder;
mod join;
mod join_error;
mod cancel;
mod yield_now;
mod current;
mod local;
mod heritage;
mod remote;
mod remote_error;
mod endings;
mod join_set;
mod join_next;
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
pub use join_next::{JoinNext, JoinNextWithId, JoinSetAll, Shutdown};
pub use join_set::JoinSet;
#[doc(hidden)]
pub use local::Place as __Place;
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use remote::RemoteHandle;
pub use remote_error::RemoteError;
pub use scope::{ChildError, Scope, ScopeError, ScopedHandle, scope};
pub use spawn::{spawn, try_spawn};
pub use yield_now::{YieldNow, yield_now};

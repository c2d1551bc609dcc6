//! Cancelling: asking a task to end, and being asked.
//!
//! What all this means together is told in the docs of [`task`](crate::task#cancelling). What is here are the futures
//! through which a request goes; who gets it is found out by the kernel, in `regions.rs` and `requests.rs`.

mod catch;
mod cancelled;
mod mask;
mod shield;
mod token;

pub use cancelled::Cancelled;
pub use catch::{CatchCancel, catch_cancel};
pub use mask::{Mask, mask};
pub use shield::{Shield, shield};
pub use token::{CancelToken, DropGuard, RunUntilCancelled, TokenCancelled};

use crate::kernel::{TaskKey, find};
use crate::task::{YieldNow, yield_now};

/// Gives way, and by that lets the task be cancelled here: a request to end is delivered while the task
/// waits, and never while it computes.
///
/// The same as [`yield_now`], under the name that says why it stands there.
///
/// # Cancel safety
///
/// Dropping the future does nothing; the turn that it asked for may come all the same.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn, task, yield_now};
///
/// block_on(async {
///     let endless = spawn(async { loop { task::checkpoint().await } });
///     yield_now().await;
///     endless.cancel();
///     assert!(endless.await.unwrap_err().is_cancelled());
/// });
/// ```
pub fn checkpoint() -> YieldNow {
    yield_now()
}

/// Returns how often the task whose turn it is was asked to end, and is not done with that: 0 if nobody has
/// asked, or if the clean-up after the last request is over. Also 0 outside of all turns.
///
/// Only requests on the whole task count, not those of a timeout in it.
///
/// # Example
///
/// ```
/// use std::future::pending;
/// use turnwise::{block_on, spawn, task, yield_now};
///
/// block_on(async {
///     let handle = spawn(async {
///         let cancelled = task::catch_cancel(pending::<()>()).await.unwrap_err();
///         let during = task::cancelling();
///         drop(cancelled);
///         (during, task::cancelling())
///     });
///     yield_now().await;
///     handle.cancel();
///     handle.cancel();
///     assert_eq!(handle.await.unwrap(), (2, 0));
/// });
/// ```
#[doc(alias = "uncancel")]
pub fn cancelling() -> u32 {
    let Some(task) = TaskKey::current() else { return 0 };
    find(task.scheduler).map_or(0, |kernel| kernel.cancelling(task))
}

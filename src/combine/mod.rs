//! Combinators: wait for several futures as one.
//!
//! Use one when a task has to wait for several things: for all of them, for the first, or for each as it completes.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{Scheduler, join, race, sleep};
//!
//! async fn after(seconds: u64) -> u64 {
//!     sleep(Duration::from_secs(seconds)).await;
//!     seconds
//! }
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! scheduler.block_on(async {
//!     assert_eq!(join!(after(2), after(1)), (2, 1)); // both
//!     assert_eq!(race((after(2), after(1))).await, 1); // the first; the other one is dropped
//! });
//! ```
//!
//! | | waits for | the others | children |
//! |---|---|---|---|
//! | [`join!`](crate::join), [`join_all`] | all | | polled in place |
//! | [`try_join!`](crate::try_join), [`try_join_all`] | all, or the first error | are dropped | polled in place |
//! | [`select!`](crate::select), [`race`] | the first | are dropped | polled in place |
//! | [`as_completed`] | one after another, as they complete | continue | polled in place, or handles of tasks |
//! | [`gather`] | all, with failures as values, or the first error | continue | tasks that it spawns |
//! | [`gather_handles`] | the same | continue | handles of tasks; dropping it aborts them |
//! | [`wait`] | all, the first, the first error, or a time limit | continue | handles of tasks; dropping it detaches them |
//! | [`task::scope`](crate::task::scope()) | all; after a failure, their clean-ups | are cancelled | tasks that it spawns |
//!
//! A scope and a [`JoinSet`](crate::task::JoinSet) are groups of tasks that can grow. Combinators that poll in place
//! spawn nothing: their futures may borrow, and they work on any executor. If several futures are ready, the first in
//! the order in which they were given wins (except in a `try_join!` or [`try_join_all`] whose budget was used up, which
//! goes on after the future that used it up).
//!
//! The others that are *dropped* receive no request first, so a [`catch_cancel`](crate::task::catch_cancel) in them is
//! not notified; those that are *cancelled* may clean up. See [Cancelling](crate::task#cancelling).

mod rotation;
mod branch;
mod lanes;
mod join;
mod select;
mod race;
mod bells;
mod children;
mod group;
mod join_all;
mod task_result;
mod task_output;
mod gathered;
mod gather;
mod as_completed;
mod wait;

pub use as_completed::{AsCompleted, NextCompleted, as_completed};
pub use gather::{FirstError, Gather, gather, gather_handles};
pub use join_all::{JoinAll, TryJoinAll, join_all, try_join_all};
pub use race::{Race, RaceIndexed, Racers, race};
pub use task_result::{Gatherable, Spawned, TaskResult, UseGatherHandles};
pub use wait::{Done, Wait, wait};

#[doc(hidden)]
pub mod __private {
    //! What the expansions of the macros refer to. Not a public API.

    pub use super::branch::{Branch, poll_enabled};
    pub use super::lanes::{Join, JoinEnd, JoinLane, TryJoin};
    pub use std::future::{IntoFuture, poll_fn};
    pub use std::option::Option::{self, None, Some};
    pub use std::pin::pin;
    pub use std::result::Result::{Err, Ok};
    pub use std::task::Poll;
}

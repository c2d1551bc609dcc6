//! Combinators: several futures as one.
//!
//! | | waits for | the others | children |
//! |---|---|---|---|
//! | [`join!`](crate::join), [`join_all`] | all | | polled in place |
//! | [`try_join!`](crate::try_join), [`try_join_all`] | all, or the first error | are dropped | polled in place |
//! | [`select!`](crate::select), [`race`] | the first | are dropped | polled in place |
//! | [`as_completed`] | one after the other, as they come | go on | polled in place, or handles of tasks |
//! | [`gather`] | all, failures as values | go on | tasks that it makes |
//! | [`wait`] | all, the first, the first error, a time | go on | handles of tasks |
//! | [`task::scope`](crate::task::scope()) | all; after a failure for their clean-ups | are cancelled | tasks that it makes |
//!
//! A scope and a [`JoinSet`](crate::task::JoinSet) are groups of tasks that grow. Those that poll in place make no
//! task: their futures may borrow, and they work on any executor. The first that is ready is the first in the
//! order in which they were given.
//!
//! Others that are *dropped* are not asked before, so no [`catch_cancel`](crate::task::catch_cancel) in them is
//! told; those that are *cancelled* may clean up. See [Cancelling](crate::task#cancelling).

mod branch;
mod lanes;
mod join;
mod select;
mod race;
mod bells;
mod children;
mod group;
mod join_all;
mod gather;
mod as_completed;
mod wait;

pub use as_completed::{AsCompleted, NextCompleted, as_completed};
pub use gather::{FirstError, Gather, gather};
pub use join_all::{JoinAll, TryJoinAll, join_all, try_join_all};
pub use race::{Race, RaceIndexed, Racers, race};
pub use wait::{Done, Wait, wait};

#[doc(hidden)]
pub mod __private {
    //! What the macros need at the place where they are used. Not for anybody else.

    pub use super::branch::{Branch, poll_enabled};
    pub use super::lanes::{Join, JoinEnd, JoinLane};
    pub use std::future::{IntoFuture, poll_fn};
    pub use std::option::Option::{self, None, Some};
    pub use std::pin::pin;
    pub use std::result::Result::{Err, Ok};
    pub use std::task::Poll;
}

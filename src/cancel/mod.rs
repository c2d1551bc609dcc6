//! Cancelling: making cancel requests and receiving them.
//!
//! The docs of [`task`](crate::task#cancelling) describe how it all works together. This module has the futures that a
//! request passes through, and the tree of regions that they form; `settle.rs` decides which region receives it.
//! `DESIGN.md` has the files in the order in which to read them.
#![allow(
    clippy::inline_always,
    reason = "measured: `catch_ready` and `timeout_ready` of `benches/count.rs`"
)]

mod request;
mod top;
mod poller;
mod tree;
mod leave;
mod settle;
mod moves;
mod thread;
mod root;
mod explain;
mod details;
mod region;
mod clean_up;
mod passage;
mod group_region;
mod body_region;
mod task_region;
mod cancelled;
mod catch;
mod mask;
mod token;

pub(crate) use body_region::{BodyRegion, Closing};
pub use cancelled::Cancelled;
pub(crate) use catch::catch_cancel_at;
pub use catch::{CatchCancel, catch_cancel};
pub(crate) use details::EmittedRequests;
pub(crate) use group_region::GroupRegion;
pub(crate) use mask::mask_at;
pub use mask::{Mask, mask};
pub(crate) use passage::Passage;
pub(crate) use request::Reason;
pub use root::cancelling;
pub(crate) use root::{Roots, after_turn, cancel};
pub(crate) use task_region::TaskRegion;
#[doc(hidden)]
pub use thread::__is_empty;
pub(crate) use thread::{cool, warm};
pub use token::{CancelToken, DropGuard, RunUntilCancelled, TokenCancelled};
pub(crate) use tree::Role;

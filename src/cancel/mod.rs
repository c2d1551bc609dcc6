//! Cancelling: making cancel requests and receiving them.
//!
//! The docs of [`task`](crate::task#cancelling) describe how it all works together. This module has the futures that a
//! request passes through; `regions.rs` and `requests.rs` decide which region receives it.

mod request;
mod regions;
mod requests;
mod thread;
mod region;
mod cancelling;
mod cancelled;
mod catch;
mod mask;
mod token;

pub use cancelled::Cancelled;
pub use cancelling::cancelling;
pub(crate) use cancelling::{Roots, after_last_turn, after_turn, cancel};
pub use catch::{CatchCancel, catch_cancel};
pub use mask::{Mask, mask};
pub(crate) use region::{Passage, Region};
pub(crate) use regions::Role;
pub(crate) use request::{Reason, Request};
pub(crate) use thread::{cool, has_left, left, warm};
pub use token::{CancelToken, DropGuard, RunUntilCancelled, TokenCancelled};

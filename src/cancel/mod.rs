//! Cancelling: asking a task to end, and being asked.
//!
//! What all this means together is told in the docs of [`task`](crate::task#cancelling). What is here are the futures
//! through which a request goes; which region gets it is decided in `regions.rs` and `requests.rs`.

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

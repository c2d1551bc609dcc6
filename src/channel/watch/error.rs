//! The error of waiting for a change.

use thiserror::Error;

/// All senders were dropped, so the value will not change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("all senders were dropped: the value will not change again")]
pub struct RecvError(pub(super) ());

//! What waiting for a change can end with.

use thiserror::Error;

/// All senders are gone, so nothing will change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("all senders are gone, and nothing will change any more")]
pub struct RecvError(pub(super) ());

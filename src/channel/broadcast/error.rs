//! The errors of receiving.

use thiserror::Error;

/// The error of [`Receiver::recv`](super::Receiver::recv).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecvError {
    /// All senders were dropped, and all values were received.
    #[error("all senders were dropped, and the channel is empty")]
    Closed,
    /// The receiver was too slow: this many values were lost since it last received one. The next call returns the
    /// oldest one still kept.
    #[error("the receiver lagged behind and lost {0} {values}", values = values(*.0))]
    Lagged(u64),
}

/// The error of [`Receiver::try_recv`](super::Receiver::try_recv).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// There is no value now, but one may still be sent.
    #[error("the channel is empty")]
    Empty,
    /// All senders were dropped, and all values were received.
    #[error("all senders were dropped, and the channel is empty")]
    Closed,
    /// The receiver was too slow: this many values were lost since it last received one. The next call returns the
    /// oldest one still kept.
    #[error("the receiver lagged behind and lost {0} {values}", values = values(*.0))]
    Lagged(u64),
}

/// The noun to print after `count`.
fn values(count: u64) -> &'static str {
    if count == 1 { "value" } else { "values" }
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(lost) => TryRecvError::Lagged(lost),
        }
    }
}

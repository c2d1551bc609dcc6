//! What receiving can end with instead of a value.

use thiserror::Error;

/// What receiving can end with instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecvError {
    /// All senders are gone, and everything was received.
    #[error("the channel is empty, and all senders are gone")]
    Closed,
    /// The receiver was too slow: so many values were lost since it last received one. The next call gives
    /// the oldest that is kept.
    #[error("the receiver was too slow and has lost {0} values")]
    Lagged(u64),
}

/// What [`Receiver::try_recv`](super::Receiver::try_recv) can end with instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// Nothing is there, but something may come.
    #[error("the channel is empty")]
    Empty,
    /// All senders are gone, and everything was received.
    #[error("the channel is empty, and all senders are gone")]
    Closed,
    /// The receiver was too slow: so many values were lost since it last received one. The next call gives
    /// the oldest that is kept.
    #[error("the receiver was too slow and has lost {0} values")]
    Lagged(u64),
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(lost) => TryRecvError::Lagged(lost),
        }
    }
}

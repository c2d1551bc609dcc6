//! What sending and receiving can end with, in the channels that have one receiver.

use std::fmt;

use thiserror::Error;

/// Nobody will receive the value, which is handed back.
///
/// # Example
///
/// ```
/// use turnwise::channel::{SendError, mpsc};
///
/// let (sender, receiver) = mpsc::unbounded();
/// drop(receiver);
/// let SendError(value) = sender.send("hello").unwrap_err();
/// assert_eq!(value, "hello");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("the channel is closed: its receiver is gone or takes no more")]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

/// The value cannot be sent now, and is handed back.
///
/// # Example
///
/// ```
/// use turnwise::channel::{TrySendError, mpsc};
///
/// let (sender, receiver) = mpsc::channel(1);
/// sender.try_send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// drop(receiver);
/// assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TrySendError<T> {
    /// There is no room, or others have waited for it longer.
    #[error("the channel is full")]
    Full(T),
    /// Nobody will receive it.
    #[error("the channel is closed: its receiver is gone or takes no more")]
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }

    /// Returns whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }

    /// Returns whether nobody will receive it.
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySendError::Closed(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Closed(..)" })
    }
}

/// There is nothing to receive now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// Nothing is there, but something may come.
    #[error("the channel is empty")]
    Empty,
    /// Nothing is there, and nothing will come.
    #[error("the channel is empty, and nobody can send any more")]
    Disconnected,
}

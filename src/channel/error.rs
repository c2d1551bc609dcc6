//! The errors of sending and receiving that several kinds of channel share.

use std::fmt;

use thiserror::Error;

/// The channel is closed. The value is handed back.
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
#[error("the channel is closed: its receiver was dropped or closed")]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

/// The value could not be sent without waiting. It is handed back.
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
    /// The channel is full, or earlier waits for capacity are queued.
    #[error("the channel is full, or other senders are already waiting")]
    Full(T),
    /// The channel is closed.
    #[error("the channel is closed: its receiver was dropped or closed")]
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }

    /// Returns whether this is [`Full`](TrySendError::Full).
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }

    /// Returns whether this is [`Closed`](TrySendError::Closed).
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySendError::Closed(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Closed(..)" })
    }
}

/// No value could be received without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// The channel is empty, but a value may still be sent.
    #[error("the channel is empty")]
    Empty,
    /// The channel is empty, and no value can be sent any more.
    #[error("the channel is closed and empty")]
    Disconnected,
}

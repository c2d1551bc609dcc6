//! What putting and getting can end with.

use std::fmt;

use thiserror::Error;

/// The queue was shut down, and the item is handed back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("the queue was shut down and takes no more items")]
pub struct PutError<T>(pub T);

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").finish_non_exhaustive()
    }
}

/// The item cannot be put now, and is handed back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TryPutError<T> {
    /// There is no room, or others have waited for it longer.
    #[error("the queue is full")]
    #[doc(alias = "QueueFull")]
    Full(T),
    /// The queue was shut down.
    #[error("the queue was shut down and takes no more items")]
    #[doc(alias = "QueueShutDown")]
    ShutDown(T),
}

impl<T> TryPutError<T> {
    /// Returns the item.
    pub fn into_inner(self) -> T {
        match self {
            TryPutError::Full(item) | TryPutError::ShutDown(item) => item,
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full(..)",
            TryPutError::ShutDown(_) => "ShutDown(..)",
        })
    }
}

/// The queue was shut down, and nothing is left in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the queue was shut down and has no more items")]
pub struct GetError(pub(super) ());

/// No item can be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryGetError {
    /// There is none, or it is being handed to somebody.
    #[error("the queue is empty")]
    #[doc(alias = "QueueEmpty")]
    Empty,
    /// There is none, and there will never be one.
    #[error("the queue was shut down and has no more items")]
    #[doc(alias = "QueueShutDown")]
    ShutDown,
}

/// `task_done` was called more often than items were put: asyncio's `ValueError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`task_done` was called more often than items were put")]
#[doc(alias = "ValueError")]
pub struct TaskDoneError(pub(super) ());

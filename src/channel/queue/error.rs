//! The errors of putting and getting.

use std::fmt;

use thiserror::Error;

/// The queue was shut down. The item is handed back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("the queue was shut down and accepts no more items")]
pub struct PutError<T>(pub T);

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").finish_non_exhaustive()
    }
}

/// The item could not be put without waiting. It is handed back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TryPutError<T> {
    /// The queue is full, or earlier waits for room are queued.
    #[error("the queue is full, or other tasks are already waiting for room")]
    #[doc(alias = "QueueFull")]
    Full(T),
    /// The queue was shut down.
    #[error("the queue was shut down and accepts no more items")]
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

/// The queue was shut down and is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the queue was shut down and has no more items")]
pub struct GetError(pub(super) ());

/// No item could be taken without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryGetError {
    /// The queue is empty, or its items are already handed to waiting tasks.
    #[error("the queue is empty")]
    #[doc(alias = "QueueEmpty")]
    Empty,
    /// The queue was shut down and is empty.
    #[error("the queue was shut down and has no more items")]
    #[doc(alias = "QueueShutDown")]
    ShutDown,
}

/// `task_done` was called more times than items were put: asyncio's `ValueError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`task_done` was called more times than items were put")]
#[doc(alias = "ValueError")]
pub struct TaskDoneError(pub(super) ());

//! The error of a task that was spawned from another thread.

use std::any::Any;

use thiserror::Error;

use crate::kernel::TaskId;
use crate::task::JoinError;

/// Why a task spawned by [`Remote::spawn`](crate::Remote::spawn) has no output: it panicked, or its scheduler was
/// dropped or shut down.
///
/// # Example
///
/// ```
/// let remote = turnwise::Scheduler::new().remote(); // the scheduler is dropped here
/// let error = remote.spawn(|| async {}).wait().unwrap_err();
/// assert!(error.is_cancelled());
/// assert_eq!(error.to_string(), "the task was never spawned: its scheduler was dropped");
/// ```
#[derive(Debug, Error)]
#[error(transparent)]
pub struct RemoteError {
    cause: RemoteCause,
}

#[derive(Debug, Error)]
enum RemoteCause {
    #[error(transparent)]
    Task(JoinError),
    #[error("the task was never spawned: its scheduler was dropped")]
    Gone,
}

impl RemoteError {
    pub(super) fn of(error: JoinError) -> Self {
        RemoteError { cause: RemoteCause::Task(error) }
    }

    pub(super) fn gone() -> Self {
        RemoteError { cause: RemoteCause::Gone }
    }

    /// Returns the id of the task, if it was spawned.
    pub fn id(&self) -> Option<TaskId> {
        match &self.cause {
            RemoteCause::Task(error) => Some(error.id()),
            RemoteCause::Gone => None,
        }
    }

    /// Returns whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(&self.cause, RemoteCause::Task(error) if error.is_panic())
    }

    /// Returns whether the task was dropped or never spawned, because its scheduler was dropped or shut down.
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// Returns the payload of the panic.
    ///
    /// # Errors
    ///
    /// The error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, RemoteError> {
        match self.cause {
            RemoteCause::Task(error) => error.try_into_panic().map_err(RemoteError::of),
            RemoteCause::Gone => Err(self),
        }
    }
}

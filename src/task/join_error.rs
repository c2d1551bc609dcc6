//! The error of joining a task that has no output.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::kernel::{Failure, Kernel, Place, TaskId};
use crate::report::{Report, TaskLabel};
use crate::watch::{CaughtPanic, ReportTarget};

/// Why a task has no output: it panicked, or was cancelled or aborted; or it is a child of a scope and returned an
/// error.
///
/// When a task panics, all of its future is dropped before its handle is ready: first what the code that panicked has
/// in scope, the latest first, then what is around that, from the inside out (the other branches of a
/// [`join!`](crate::join) before the variables of the function that awaits it). The variables of an `async fn` are
/// dropped as in a function that is not async.
///
/// It is `Send` and `Sync`, so it fits into any error type.
#[derive(Error)]
pub struct JoinError {
    id: TaskId,
    cause: JoinCause,
}

enum JoinCause {
    Panicked(Box<CaughtPanic>),
    /// A cancelled task may have a reason; an aborted one has none.
    Aborted,
    Cancelled(Option<Arc<str>>),
    /// It returned an error, which is in its scope's `ScopeError`.
    Failed,
}

impl JoinError {
    /// Creates the error of a task of this scheduler, which was spawned there.
    #[cold]
    pub(crate) fn new(id: TaskId, failure: Failure, kernel: &Kernel, spawned_at: Place) -> Self {
        let cause = match failure {
            Failure::Panicked(payload) => {
                let task = TaskLabel::new(id, None);
                let describe = |message| Report::UnreadPanic { task, spawned_at, message };
                JoinCause::Panicked(CaughtPanic::new(payload, ReportTarget::of(kernel), describe))
            }
            Failure::Aborted => JoinCause::Aborted,
            Failure::Cancelled(reason) => JoinCause::Cancelled(reason),
        };
        JoinError { id, cause }
    }

    /// Creates the error of a task that was aborted.
    pub(crate) fn aborted(id: TaskId) -> Self {
        JoinError { id, cause: JoinCause::Aborted }
    }

    /// Creates the error of a scope's child that returned an `Err`.
    pub(crate) fn failed(id: TaskId) -> Self {
        JoinError { id, cause: JoinCause::Failed }
    }

    /// Returns the id of the task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.panic().is_some()
    }

    /// Returns whether the task was cancelled, and nothing in it handled the request; or was aborted, by a handle or
    /// because its scheduler was dropped. [`reason`](JoinError::reason) distinguishes the two.
    #[doc(alias = "cancelled")]
    #[doc(alias = "CancelledError")]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, JoinCause::Aborted | JoinCause::Cancelled(_))
    }

    /// Returns the reason of the request that ended the task: the text passed to
    /// [`cancel_with`](crate::JoinHandle::cancel_with), `"cancelled"` if there was none, `"shutdown"` during a
    /// shutdown, or the reason why its scope was stopped. `None` if the task was aborted, panicked or failed.
    ///
    /// # Example
    ///
    /// ```
    /// let scheduler = turnwise::Scheduler::new();
    /// let handle = scheduler.spawn(std::future::pending::<()>());
    /// handle.cancel_with("not needed any more");
    /// let error = scheduler.block_on(handle).unwrap_err();
    /// assert_eq!(error.reason(), Some("not needed any more"));
    /// assert_eq!(error.to_string(), "task #1 was cancelled: not needed any more");
    /// ```
    pub fn reason(&self) -> Option<&str> {
        match &self.cause {
            JoinCause::Cancelled(reason) => Some(reason.as_deref().unwrap_or("cancelled")),
            JoinCause::Aborted | JoinCause::Panicked(_) | JoinCause::Failed => None,
        }
    }

    /// Returns whether the task is a scope's child that returned an error; the error is in the
    /// [`ScopeError`](crate::task::ScopeError).
    pub fn is_failure(&self) -> bool {
        matches!(self.cause, JoinCause::Failed)
    }

    /// Returns the payload of the panic, to inspect or to pass to [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task did not panic; [`try_into_panic`](JoinError::try_into_panic) returns an error instead.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`into_panic` needs a task that panicked: {error}"),
        }
    }

    /// Returns the payload of the panic.
    ///
    /// # Errors
    ///
    /// The error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.cause {
            JoinCause::Panicked(panic) => Ok(panic.take_payload()),
            JoinCause::Aborted | JoinCause::Cancelled(_) | JoinCause::Failed => Err(self),
        }
    }

    /// Returns whether the task panicked, which does not count as reading that.
    pub(crate) fn has_panicked(&self) -> bool {
        matches!(self.cause, JoinCause::Panicked(_))
    }

    /// Returns whether user code has looked at the panic.
    pub(crate) fn was_read(&self) -> bool {
        matches!(&self.cause, JoinCause::Panicked(panic) if panic.was_read())
    }

    /// Returns the message of the panic, if its payload is a string.
    pub(crate) fn message(&self) -> Option<Arc<str>> {
        self.panic()?.message()
    }

    /// Returns the panic, which then counts as read.
    fn panic(&self) -> Option<&CaughtPanic> {
        let JoinCause::Panicked(panic) = &self.cause else { return None };
        panic.read();
        Some(panic)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.message()) {
            (JoinCause::Aborted, _) => write!(f, "task {} was aborted", self.id),
            (JoinCause::Failed, _) => {
                write!(f, "task {} failed: the `ScopeError` of its scope has the error", self.id)
            }
            (JoinCause::Cancelled(None), _) => {
                write!(f, "task {} was cancelled", self.id)
            }
            (JoinCause::Cancelled(Some(reason)), _) => {
                write!(f, "task {} was cancelled: {reason}", self.id)
            }
            (_, Some(message)) => write!(f, "task {} panicked: {message}", self.id),
            (_, None) => write!(f, "task {} panicked", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

/// An error type that a [`JoinError`] can be converted into, so that it is enough for both ways to fail: the task's own
/// error, and that of joining it. Implemented for every type that is `From<JoinError>`, such as `Box<dyn Error>`.
#[diagnostic::on_unimplemented(
    message = "`first_error` and `flatten` must convert a `JoinError` into `{Self}`, which is not `From<JoinError>`",
    note = "implement `From<turnwise::JoinError>` for the error; or, in a `gather`, use `first_failure`"
)]
pub trait FromJoinError: From<JoinError> {}

#[diagnostic::do_not_recommend]
impl<E: From<JoinError>> FromJoinError for E {}

//! A cancel request that has not had its effect yet, as plain data.

use std::panic::Location;
use std::sync::Arc;

/// A cancel request on a task that has not ended the task yet, in a [`Snapshot`](crate::Snapshot) or a report.
///
/// # Example
///
/// ```
/// use std::future::pending;
/// use turnwise::{Scheduler, scheduler::RequestHolder, task};
///
/// let scheduler = Scheduler::new();
/// let handle = scheduler.spawn(task::mask(pending::<()>()));
/// scheduler.run_until_stalled();
/// handle.cancel_with("closing time");
///
/// let snapshot = scheduler.snapshot();
/// let request = &snapshot.tasks[0].requests[0];
/// assert!(matches!(request.holders[..], [RequestHolder::Mask { .. }]));
/// assert!(request.to_string().starts_with("asked to end (closing time); held by the mask at "));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PendingRequest {
    /// Why the request was made: what was given to [`cancel_with`](crate::JoinHandle::cancel_with), or the text that
    /// [`Cancelled::reason`](crate::task::Cancelled::reason) returns.
    pub reason: Arc<str>,
    /// The part of the task that was asked to end: where the `timeout`, the `run_until_cancelled` or the scope was
    /// created. `None` if the whole task was asked.
    pub part: Option<&'static Location<'static>>,
    /// Everything that holds the request. Empty if nothing has looked at the request yet: that happens when the turn in
    /// which it was made has ended.
    pub holders: Vec<RequestHolder>,
}

/// Something in a task that holds a cancel request; see [Cancelling](crate::task#cancelling).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestHolder {
    /// A [`mask`](crate::task::mask), until what it wraps has finished.
    #[non_exhaustive]
    Mask {
        /// Where the mask was created.
        place: &'static Location<'static>,
    },
    /// A [`scope`](crate::task::scope()), until its body and its tasks have ended.
    #[non_exhaustive]
    Scope {
        /// Where the scope was created.
        place: &'static Location<'static>,
    },
    /// A [`gather`](crate::gather), until its tasks have ended.
    #[non_exhaustive]
    Gather {
        /// Where `gather` was called.
        place: &'static Location<'static>,
    },
    /// A scope or a `gather` whose tasks have ended for another request, which was made further out and has its effect
    /// first.
    #[non_exhaustive]
    Ended {
        /// Where the scope was created, or `gather` was called.
        place: &'static Location<'static>,
    },
    /// A clean-up, until its [`Cancelled`](crate::task::Cancelled) is dropped or resumes the request.
    #[non_exhaustive]
    CleanUp {
        /// Where the [`catch_cancel`](crate::task::catch_cancel) before the clean-up was created.
        place: &'static Location<'static>,
    },
    /// A [`catch_cancel`](crate::task::catch_cancel) that takes a request at its next turn.
    #[non_exhaustive]
    Catch {
        /// Where it was created.
        place: &'static Location<'static>,
    },
}

//! Errors of a run.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

use crate::report::DeadlockReport;
use crate::report::Report;

/// The error of [`run`](crate::Scheduler::run), [`try_block_on`](crate::Scheduler::try_block_on) and
/// [`shutdown`](crate::Scheduler::shutdown): why they gave up, or did not start.
///
/// It is `Send` and `Sync`, so it converts into any boxed error. `Debug` prints the same text as `Display`, so a `main`
/// that returns it shows the report.
///
/// # Example
///
/// ```
/// use turnwise::{RunError, Scheduler};
///
/// let scheduler = Scheduler::new();
/// let Err(RunError::Deadlock(report)) = scheduler.try_block_on(std::future::pending::<()>()) else {
///     panic!("nothing can ever wake this task");
/// };
/// assert!(report.certain);
/// assert_eq!(report.tasks.len(), 1);
/// ```
#[derive(Error)]
#[non_exhaustive]
pub enum RunError {
    /// Nothing can ever run again; the report says why. Tasks are left as they were, and the scheduler may run again.
    #[error("{0}")]
    Deadlock(Box<DeadlockReport>),
    /// A scheduler is already running on this thread, and would be blocked.
    #[error("{0}")]
    Nested(NestedRun),
    /// A failure went unread, and the [policy](crate::scheduler::FailurePolicy::Shutdown) is to shut down: all tasks
    /// were dropped. The scheduler may run again.
    #[error("the scheduler was shut down: {0}")]
    Failed(Box<Report>),
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The places of two runs that cannot be nested.
#[derive(Clone, Copy, Debug, Error)]
#[error(
    "cannot run a scheduler at {inner} inside the one started at {outer}: it would block that one; `spawn` the \
     future and await its handle instead"
)]
#[non_exhaustive]
pub struct NestedRun {
    /// Where the run in progress was entered.
    pub outer: &'static Location<'static>,
    /// Where the nested run was attempted.
    pub inner: &'static Location<'static>,
}

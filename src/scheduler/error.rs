//! Why a run ended without having done its work.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

use crate::report::DeadlockReport;
use crate::report::Report;

/// Why [`run`](crate::Scheduler::run) or [`try_block_on`](crate::Scheduler::try_block_on) gave up, or
/// [`shutdown`](crate::Scheduler::shutdown) did not begin.
///
/// It is `Send` and `Sync`, so it goes into any error type. `Debug` prints the same text as `Display`, so a
/// `main` that returns it shows the report.
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
    /// Nothing can ever run again; the report says why. No task was harmed: the scheduler may run again.
    #[error("{0}")]
    Deadlock(Box<DeadlockReport>),
    /// A scheduler runs on this thread already, and would have to stand still meanwhile.
    #[error("{0}")]
    Nested(NestedRun),
    /// A failure went unread, and the [policy](crate::scheduler::FailurePolicy::Shutdown) is to shut down then:
    /// all tasks were dropped. The scheduler may run again.
    #[error("shut down, because {0}")]
    Failed(Box<Report>),
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Where the two runs are that cannot be nested.
#[derive(Clone, Copy, Debug, Error)]
#[error(
    "a scheduler cannot run at {inner}, inside the one that runs since {outer}: that one would stand still; \
     `spawn` the future and await its handle instead"
)]
#[non_exhaustive]
pub struct NestedRun {
    /// Where the run that is under way was entered.
    pub outer: &'static Location<'static>,
    /// Where the other one was to begin.
    pub inner: &'static Location<'static>,
}

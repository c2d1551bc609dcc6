//! A job as its thread and its handle see it, with the type of its closure erased.

use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::blocking::error::{BlockingError, JobRefusal};
use crate::blocking::record::JobRecord;

/// A name and a place, for reports.
pub(super) type JobLabel = (Option<Arc<str>>, &'static Location<'static>);

/// The result of a job.
pub(super) type JobResult<T> = Result<T, BlockingError>;

/// Called with the result, on the job's thread.
pub(super) type JobCallback<T> = Box<dyn FnOnce(JobResult<T>) + Send>;

/// A job as its thread sees it. None of these methods unwinds.
pub(super) trait Work: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn number(&self) -> u64;

    fn record(&self) -> &Arc<JobRecord>;

    /// Calls the closure, if it is still there, and stores the result.
    fn run(&self);

    /// Drops the closure, if it is still there, without calling it.
    fn refuse(&self, why: JobRefusal);
}

/// A job as its handle sees it.
pub(super) trait JobOutput<T>: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn record(&self) -> &Arc<JobRecord>;

    /// Takes the result, if the job has ended.
    ///
    /// # Panics
    ///
    /// If it was taken before.
    fn take(&self) -> Option<JobResult<T>>;

    /// Registers a callback for the result; returns both if the job has ended already.
    fn then(&self, callback: JobCallback<T>) -> Option<(JobCallback<T>, JobResult<T>)>;

    /// Drops the result, if the job has ended, or has it dropped when the job ends: nothing will read it.
    fn let_go(&self);

    /// Drops the closure, if it is still there, and frees its slot in the queue. Returns whether it was.
    fn abort(&self) -> bool;
}

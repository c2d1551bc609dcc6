//! A job, as its thread and its handle see it: neither knows the types of what is called.

use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::blocking::error::{BlockingError, JobRefusal};
use crate::blocking::record::JobRecord;

/// A name and a place, for reports.
pub(super) type JobLabel = (Option<Arc<str>>, &'static Location<'static>);

/// What a job ends with.
pub(super) type JobResult<T> = Result<T, BlockingError>;

/// What is to be done with it on the job's thread.
pub(super) type JobCallback<T> = Box<dyn FnOnce(JobResult<T>) + Send>;

/// A job, as its thread sees it. None of these methods unwinds.
pub(super) trait Work: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn number(&self) -> u64;

    fn record(&self) -> &Arc<JobRecord>;

    /// Calls the closure, if it is still there, and leaves the result.
    fn run(&self);

    /// Drops the closure, if it is still there: it will never be called.
    fn refuse(&self, why: JobRefusal);
}

/// A job, as its handle sees it.
pub(super) trait JobOutput<T>: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn record(&self) -> &Arc<JobRecord>;

    /// Takes the result, if the job is over.
    ///
    /// # Panics
    ///
    /// If it was taken before.
    fn take(&self) -> Option<JobResult<T>>;

    /// Leaves word what to do with the result; gives both back if it is there already.
    fn then(&self, callback: JobCallback<T>) -> Option<(JobCallback<T>, JobResult<T>)>;

    /// Drops the closure, if it is still there, and leaves its place to another.
    fn abort(&self) -> bool;
}

//! Why a job has no result, and why a pool did not accept one.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

use thiserror::Error;

use crate::blocking::record::JobRecord;
use crate::report::{Cut, Report};
use crate::watch::CaughtPanic;

/// Why a blocking job has no result: it panicked or was never started.
///
/// It is `Send` and `Sync`, so any error type can hold it.
///
/// # Example
///
/// ```
/// use turnwise::ThreadPool;
///
/// let pool = ThreadPool::new(1);
/// let error = pool.submit(|| { if true { panic!("a bug") } }).wait().unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().ends_with(" panicked: a bug"));
///
/// pool.shutdown();
/// let error = pool.submit(|| ()).wait().unwrap_err();
/// assert!(error.is_closed() && error.is_cancelled());
/// ```
#[derive(Error)]
pub struct BlockingError {
    name: Option<Arc<str>>,
    place: &'static Location<'static>,
    cause: BlockingCause,
}

enum BlockingCause {
    Panicked(Box<CaughtPanic>),
    Refused(JobRefusal),
}

/// Why a job is never started.
#[derive(Clone, Debug)]
pub(super) enum JobRefusal {
    /// Its handle aborted it.
    Aborted,
    /// The pool was shut down, or the scheduler is being dropped.
    Closed,
    /// There was no slot, and the caller could not wait for one.
    Full,
    /// No thread could be started.
    NoThread(Arc<io::Error>),
}

impl BlockingError {
    pub(super) fn panicked(record: &JobRecord, payload: Box<dyn Any + Send>) -> Self {
        let (name, submitted_at) = (record.name().cloned(), record.place());
        let describe = |message| Report::UnreadJobPanic { name, submitted_at, message };
        let panic = CaughtPanic::new(payload, record.report_to(), describe);
        BlockingError::new(record, BlockingCause::Panicked(panic))
    }

    pub(super) fn refused(record: &JobRecord, why: JobRefusal) -> Self {
        BlockingError::new(record, BlockingCause::Refused(why))
    }

    fn new(record: &JobRecord, cause: BlockingCause) -> Self {
        BlockingError { name: record.name().cloned(), place: record.place(), cause }
    }

    /// Returns where the job was submitted.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// Returns whether the job panicked.
    pub fn is_panic(&self) -> bool {
        self.panic().is_some()
    }

    /// Returns whether the job was never started, for whatever reason.
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// Returns whether the job was never started because its pool was shut down, or because the scheduler on the
    /// submitting thread was dropping its tasks.
    pub fn is_closed(&self) -> bool {
        matches!(self.cause, BlockingCause::Refused(JobRefusal::Closed))
    }

    /// Returns whether the job was never started because the queue was full and the caller could not wait for room.
    pub fn is_full(&self) -> bool {
        matches!(self.cause, BlockingCause::Refused(JobRefusal::Full))
    }

    /// Returns why no thread could be started, if the job was never started for that reason.
    pub fn thread_error(&self) -> Option<&io::Error> {
        match &self.cause {
            BlockingCause::Refused(JobRefusal::NoThread(error)) => Some(error),
            _ => None,
        }
    }

    /// Returns the payload of the job's panic, to inspect it or to pass it to [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the job did not panic; [`try_into_panic`](BlockingError::try_into_panic) returns an error instead.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`into_panic` needs a job that panicked: {error}"),
        }
    }

    /// Returns the payload of the job's panic.
    ///
    /// # Errors
    ///
    /// The error itself, if the job did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, BlockingError> {
        match self.cause {
            BlockingCause::Panicked(panic) => Ok(panic.take_payload()),
            BlockingCause::Refused(_) => Err(self),
        }
    }

    /// Returns the panic, which then counts as read.
    fn panic(&self) -> Option<&CaughtPanic> {
        let BlockingCause::Panicked(panic) = &self.cause else { return None };
        panic.read();
        Some(panic)
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "blocking job {:?} ", Cut(name))?,
            None => write!(f, "the blocking job submitted at {} ", self.place)?,
        }
        match &self.cause {
            BlockingCause::Panicked(_) => match self.panic().and_then(CaughtPanic::message) {
                Some(text) => write!(f, "panicked: {text}"),
                None => f.write_str("panicked"),
            },
            BlockingCause::Refused(why) => write!(f, "never started: {why}"),
        }
    }
}

impl fmt::Display for JobRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobRefusal::Aborted => f.write_str("it was aborted"),
            JobRefusal::Closed => f.write_str("its pool or its scheduler was shut down"),
            JobRefusal::Full => f.write_str("its pool's queue was full"),
            JobRefusal::NoThread(error) => write!(f, "no thread could be started ({error})"),
        }
    }
}

impl fmt::Debug for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockingError({self})")
    }
}

/// Why [`ThreadPool::try_submit`](crate::ThreadPool::try_submit) did not accept a closure; contains the closure.
///
/// # Example
///
/// ```
/// use turnwise::{ThreadPool, blocking::TrySubmitError};
///
/// let pool = ThreadPool::new(1);
/// pool.shutdown();
/// let Err(TrySubmitError::Closed(job)) = pool.try_submit(|| 42) else { panic!() };
/// assert_eq!(job(), 42); // called here instead
/// ```
#[derive(Error)]
#[non_exhaustive]
pub enum TrySubmitError<F> {
    /// All threads are busy, and the queue is full.
    #[error("the pool's queue is full")]
    Full(F),
    /// The pool was shut down.
    #[error("the pool was shut down")]
    Closed(F),
}

impl<F> TrySubmitError<F> {
    /// Returns the closure.
    pub fn into_job(self) -> F {
        match self {
            TrySubmitError::Full(job) | TrySubmitError::Closed(job) => job,
        }
    }

    /// Returns whether the queue was full: there may be room later.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySubmitError::Full(_))
    }

    /// Returns whether the pool was shut down: there will never be room.
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySubmitError::Closed(_))
    }
}

impl<F> fmt::Debug for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrySubmitError({self})")
    }
}

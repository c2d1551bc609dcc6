//! How a job ended that has no result; and what is handed back if it was never taken.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::blocking::record::JobRecord;
use crate::report::text_of;

/// Why a blocking job has no result: it panicked, or it was never begun.
///
/// It is `Send` and `Sync`, so it goes into any error type.
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
    /// In a mutex that is never locked by two: it makes a payload, which need not be `Sync`, shareable.
    Panicked(Mutex<Box<dyn Any + Send>>),
    Refused(JobRefusal),
}

/// Why a job is never begun.
#[derive(Clone, Debug)]
pub(super) enum JobRefusal {
    /// By its handle.
    Aborted,
    /// The pool takes no more, or the scheduler is being dropped.
    Closed,
    /// There was no place, and nobody could wait for one.
    Full,
    /// No thread could be started.
    NoThread(Arc<io::Error>),
}

impl BlockingError {
    pub(super) fn panicked(record: &JobRecord, payload: Box<dyn Any + Send>) -> Self {
        BlockingError::new(record, BlockingCause::Panicked(Mutex::new(payload)))
    }

    pub(super) fn refused(record: &JobRecord, why: JobRefusal) -> Self {
        BlockingError::new(record, BlockingCause::Refused(why))
    }

    fn new(record: &JobRecord, cause: BlockingCause) -> Self {
        BlockingError { name: record.name().cloned(), place: record.place(), cause }
    }

    /// Returns where the job was handed over.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// Returns whether the job panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, BlockingCause::Panicked(_))
    }

    /// Returns whether the job was never begun, for whatever reason.
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// Returns whether it was never begun because its pool was shut down, or because the scheduler on this thread
    /// was about to drop all that it had.
    pub fn is_closed(&self) -> bool {
        matches!(self.cause, BlockingCause::Refused(JobRefusal::Closed))
    }

    /// Returns whether it was never begun because there was no place for it, and no waiting for one either.
    pub fn is_full(&self) -> bool {
        matches!(self.cause, BlockingCause::Refused(JobRefusal::Full))
    }

    /// Returns what the operating system said, if it was never begun because no thread could be started.
    pub fn thread_error(&self) -> Option<&io::Error> {
        match &self.cause {
            BlockingCause::Refused(JobRefusal::NoThread(error)) => Some(error),
            _ => None,
        }
    }

    /// Returns what the job panicked with, to look at or to hand to [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the job did not panic; [`try_into_panic`](BlockingError::try_into_panic) does not.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`into_panic` is for a job that panicked, but {error}"),
        }
    }

    /// Returns what the job panicked with.
    ///
    /// # Errors
    ///
    /// The error itself, if the job did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, BlockingError> {
        match self.cause {
            BlockingCause::Panicked(payload) => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            BlockingCause::Refused(_) => Err(self),
        }
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "blocking job {name:?} ")?,
            None => write!(f, "the blocking job from {} ", self.place)?,
        }
        match &self.cause {
            BlockingCause::Panicked(payload) => {
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
                match text_of(&**payload) {
                    Some(text) => write!(f, "panicked: {text}"),
                    None => f.write_str("panicked"),
                }
            }
            BlockingCause::Refused(why) => write!(f, "was never begun: {why}"),
        }
    }
}

impl fmt::Display for JobRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobRefusal::Aborted => f.write_str("it was aborted"),
            JobRefusal::Closed => f.write_str("its pool takes no more"),
            JobRefusal::Full => f.write_str("the queue of its pool was full"),
            JobRefusal::NoThread(error) => write!(f, "no thread could be started ({error})"),
        }
    }
}

impl fmt::Debug for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockingError({self})")
    }
}

/// Why a pool did not take a closure; with the closure.
///
/// # Example
///
/// ```
/// use turnwise::{ThreadPool, blocking::TrySubmitError};
///
/// let pool = ThreadPool::new(1);
/// pool.shutdown();
/// let Err(TrySubmitError::Closed(job)) = pool.try_submit(|| 42) else { panic!() };
/// assert_eq!(job(), 42); // here, then
/// ```
#[derive(Error)]
#[non_exhaustive]
pub enum TrySubmitError<F> {
    /// All threads are busy, and the queue is full.
    #[error("the queue of the pool is full")]
    Full(F),
    /// The pool was shut down.
    #[error("the pool takes no more")]
    Closed(F),
}

impl<F> TrySubmitError<F> {
    /// Returns the closure.
    pub fn into_job(self) -> F {
        match self {
            TrySubmitError::Full(job) | TrySubmitError::Closed(job) => job,
        }
    }

    /// Returns whether there may be a place later.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySubmitError::Full(_))
    }

    /// Returns whether there will never be one.
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySubmitError::Closed(_))
    }
}

impl<F> fmt::Debug for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrySubmitError({self})")
    }
}

//! The error of a scope: every child that failed, and how.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cancel::Reason;
use crate::kernel::TaskId;
use crate::report::text_of;
use crate::scope::child::BoxError;

/// Why a [`scope`](crate::task::scope) has no value: children failed, or it was cancelled.
///
/// It contains every failure, in the order in which they happened: first the one that stopped the other children, then
/// those of clean-ups. It is `Send` and `Sync`, so it fits into any error type.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, task};
///
/// let error = block_on(task::scope(async |s| {
///     s.try_spawn(async { "4 2".parse::<i32>() });
///     task::Builder::new().name("bug").spawn_in(s, async { panic!("a bug") });
///     s.collect_all();
/// }))
/// .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "2 children of the scope failed: #2: invalid digit found in string; #3 \"bug\" panicked: a bug"
/// );
/// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
#[doc(alias = "ExceptionGroup")]
#[doc(alias = "MultiError")]
pub struct ScopeError {
    failures: Vec<ChildError>,
    reason: Option<Reason>,
}

impl ScopeError {
    pub(super) fn new(failures: Vec<ChildError>, reason: Option<Reason>) -> Self {
        ScopeError { failures, reason }
    }

    /// Returns the failures, in the order in which they happened.
    #[doc(alias = "exceptions")]
    pub fn failures(&self) -> &[ChildError] {
        &self.failures
    }

    /// Returns an iterator over the failures, in the order in which they happened.
    pub fn iter(&self) -> std::slice::Iter<'_, ChildError> {
        self.failures.iter()
    }

    /// Returns whether no child failed: the scope was cancelled before its body returned a value.
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }

    /// Returns why the scope was stopped: the reason that it was cancelled with, or which child failed first. `None` if
    /// it was not stopped.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_ref().map(Reason::as_str)
    }

    /// Returns the first failure that is an error of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.failures.iter().find_map(ChildError::downcast_ref)
    }

    /// Takes out the first failure that is an error of this type.
    ///
    /// # Errors
    ///
    /// The unchanged error, if there is none.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use turnwise::{block_on, task};
    ///
    /// let work = task::scope(async |s| {
    ///     s.try_spawn(async { "4 2".parse::<i32>() });
    /// });
    /// let error: ParseIntError = block_on(work).unwrap_err().downcast().expect("it fails so or not at all");
    /// assert_eq!(error.to_string(), "invalid digit found in string");
    /// ```
    pub fn downcast<E: Error + 'static>(mut self) -> Result<E, ScopeError> {
        let position = self.failures.iter().position(|error| error.downcast_ref::<E>().is_some());
        let Some(position) = position else { return Err(self) };
        match self.failures.remove(position).downcast() {
            Ok(error) => Ok(error),
            Err(_) => unreachable!("the type was just checked"),
        }
    }
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.failures[..], self.reason()) {
            ([], None) => write!(f, "the scope was cancelled"),
            ([], Some(reason)) => write!(f, "the scope was cancelled: {reason}"),
            ([only], _) => write!(f, "a child of the scope failed: {only}"),
            ([first, others @ ..], _) => {
                write!(f, "{} children of the scope failed: {first}", self.failures.len())?;
                others.iter().try_for_each(|other| write!(f, "; {other}"))
            }
        }
    }
}

impl fmt::Debug for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeError({self})")
    }
}

impl Error for ScopeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failures.first().map(|first| first as &(dyn Error + 'static))
    }
}

impl IntoIterator for ScopeError {
    type Item = ChildError;
    type IntoIter = std::vec::IntoIter<ChildError>;

    fn into_iter(self) -> Self::IntoIter {
        self.failures.into_iter()
    }
}

impl<'a> IntoIterator for &'a ScopeError {
    type Item = &'a ChildError;
    type IntoIter = std::slice::Iter<'a, ChildError>;

    fn into_iter(self) -> Self::IntoIter {
        self.failures.iter()
    }
}

/// How one child of a scope failed: it panicked, or it was spawned by [`try_spawn`](crate::task::Scope::try_spawn) and
/// returned an error.
pub struct ChildError {
    pub(super) id: TaskId,
    pub(super) name: Option<Arc<str>>,
    pub(super) place: &'static Location<'static>,
    pub(super) cause: ChildCause,
}

pub(super) enum ChildCause {
    Error(BoxError),
    /// The mutex is never contended; it makes the payload, which need not be `Sync`, shareable.
    Panic(Mutex<Box<dyn Any + Send>>),
}

impl ChildCause {
    pub(super) fn panic(payload: Box<dyn Any + Send>) -> Self {
        ChildCause::Panic(Mutex::new(payload))
    }
}

impl ChildError {
    /// Returns the id of the child.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns the name of the child, if it had one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where the child was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.place
    }

    /// Returns whether the child panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, ChildCause::Panic(_))
    }

    /// Returns the payload of the panic, to inspect or to pass to [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The error itself, if the child did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, ChildError> {
        match self.cause {
            ChildCause::Panic(payload) => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            ChildCause::Error(_) => Err(self),
        }
    }

    /// Returns the error that the child returned; `None` if it panicked.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.cause {
            ChildCause::Error(error) => Some(&**error),
            ChildCause::Panic(_) => None,
        }
    }

    /// Returns the error that the child returned, if it is one of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error()?.downcast_ref()
    }

    /// Takes out the error that the child returned.
    ///
    /// # Errors
    ///
    /// The error itself, if it is not one of this type.
    pub fn downcast<E: Error + 'static>(self) -> Result<E, ChildError> {
        let ChildError { id, name, place, cause } = self;
        let cause = match cause {
            ChildCause::Error(error) => match error.downcast() {
                Ok(error) => return Ok(*error),
                Err(error) => ChildCause::Error(error),
            },
            panic @ ChildCause::Panic(_) => panic,
        };
        Err(ChildError { id, name, place, cause })
    }

    /// The child as error messages name it.
    pub(super) fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {name:?}", self.id),
            None => self.id.to_string(),
        }
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label();
        match &self.cause {
            ChildCause::Error(error) => write!(f, "{label}: {error}"),
            ChildCause::Panic(payload) => {
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
                match text_of(&**payload) {
                    Some(message) => write!(f, "{label} panicked: {message}"),
                    None => write!(f, "{label} panicked"),
                }
            }
        }
    }
}

impl fmt::Debug for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildError({self}, spawned at {})", self.place)
    }
}

impl Error for ChildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            // `Display` already includes this error's text, so the chain continues with its source.
            ChildCause::Error(error) => error.source(),
            ChildCause::Panic(_) => None,
        }
    }
}

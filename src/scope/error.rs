//! The error of a scope: what failed in it, and how.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cancel::Reason;
use crate::kernel::{Kernel, Place, TaskId, run_quietly};
use crate::report::{TaskLabel, text_of};
use crate::watch::Failures;

/// An error of any type, as a scope keeps it.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a [`scope`](crate::task::scope()) has no value: children or the body failed, or it was cancelled.
///
/// It contains every failure, in the order in which they happened: first the one that stopped the scope, then those of
/// clean-ups. It is `Send` and `Sync`, so it fits into any error type.
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
    pub(super) failures: Vec<ChildError>,
    pub(super) reason: Option<Reason>,
}

impl ScopeError {
    /// Returns the failures, in the order in which they happened.
    #[doc(alias = "exceptions")]
    pub fn failures(&self) -> &[ChildError] {
        &self.failures
    }

    /// Returns an iterator over the failures, in the order in which they happened.
    pub fn iter(&self) -> std::slice::Iter<'_, ChildError> {
        self.failures.iter()
    }

    /// Returns whether nothing failed: the scope was cancelled before its body returned a value.
    pub fn is_cancelled(&self) -> bool {
        self.failures.is_empty()
    }

    /// Returns why the scope was stopped: the reason that it was cancelled with, or what failed first. `None` if it was
    /// not stopped.
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
        // Without the word that `reason` returns if no reason was given.
        match (&self.failures[..], self.reason.as_ref().and_then(Reason::text)) {
            ([], None) => write!(f, "the scope was cancelled"),
            ([], Some(reason)) => write!(f, "the scope was cancelled: {reason}"),
            (all, _) => {
                match all.len() {
                    _ if all.iter().any(ChildError::is_body) => write!(f, "the scope failed: ")?,
                    1 => write!(f, "a child of the scope failed: ")?,
                    count => write!(f, "{count} children of the scope failed: ")?,
                }
                let lines: Vec<String> = all.iter().map(ChildError::to_string).collect();
                f.write_str(&lines.join("; "))
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

/// How one child of a scope failed, or its body.
///
/// A child has panicked, or was spawned by [`try_spawn`](crate::task::Scope::try_spawn) and returned an error. The body
/// has returned an error to [`try_scope`](crate::task::try_scope). Either may have called
/// [`Scope::fail`](crate::task::Scope::fail).
///
/// # Example
///
/// ```
/// use turnwise::{block_on, task};
///
/// let error = block_on(task::try_scope(async |s| {
///     s.try_spawn(async { Err::<(), _>("no answer") });
///     Err::<(), _>("out of paper")
/// }))
/// .unwrap_err();
/// let [failure] = error.failures() else { panic!("the child was cancelled before its first turn") };
/// assert!(failure.is_body() && failure.id().is_none());
/// assert_eq!(failure.to_string(), "the body: out of paper");
/// assert_eq!(error.to_string(), "the scope failed: the body: out of paper");
/// ```
pub struct ChildError {
    /// `None` for the body.
    pub(super) child: Option<TaskLabel>,
    pub(super) place: Place,
    pub(super) cause: ChildCause,
}

pub(super) enum ChildCause {
    Error(BoxError),
    /// The mutex is never contended; it makes the payload, which need not be `Sync`, shareable.
    Panic(Mutex<Box<dyn Any + Send>>),
}

impl ChildError {
    /// Returns whether this is a failure of the body, not of a child.
    pub fn is_body(&self) -> bool {
        self.child.is_none()
    }

    /// Returns the id of the child; `None` for the body, which is not a task.
    pub fn id(&self) -> Option<TaskId> {
        self.child.as_ref().map(|child| child.id)
    }

    /// Returns the name of the child, if it had one.
    pub fn name(&self) -> Option<&str> {
        self.child.as_ref()?.name.as_deref()
    }

    /// Returns where the child was spawned; for the body, where the scope was created.
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

    /// Returns the error that the child or the body failed with; `None` if it panicked.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.cause {
            ChildCause::Error(error) => Some(&**error),
            ChildCause::Panic(_) => None,
        }
    }

    /// Returns that error, if it is one of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error()?.downcast_ref()
    }

    /// Takes out the error that the child or the body failed with.
    ///
    /// # Errors
    ///
    /// This `ChildError`, unchanged, if that is not one of this type.
    pub fn downcast<E: Error + 'static>(self) -> Result<E, ChildError> {
        match self.cause {
            ChildCause::Error(error) => match error.downcast() {
                Ok(error) => Ok(*error),
                Err(error) => Err(ChildError { cause: ChildCause::Error(error), ..self }),
            },
            ChildCause::Panic(_) => Err(self),
        }
    }

    /// The child or the body, as messages name it.
    pub(super) fn label(&self) -> String {
        self.child.as_ref().map_or_else(|| "the body".to_owned(), TaskLabel::to_string)
    }

    /// Reports it like the failure of a task whose handle was dropped: its scope does not return it. `body` stands for
    /// the body. Does not unwind.
    pub(super) fn report(&self, kernel: Option<&Kernel>, body: Option<&TaskLabel>) {
        let failures = kernel.and_then(|kernel| Some((kernel, kernel.part::<Failures>()?)));
        let task = self.child.as_ref().or(body);
        let (Some((kernel, failures)), Some(task)) = (failures, task) else {
            // On a foreign executor, the body runs in no task.
            return run_quietly(|| eprintln!("turnwise: a scope did not return a failure: {self}"));
        };
        let origin = (task.clone(), self.place);
        match &self.cause {
            ChildCause::Error(error) => {
                failures.unread_error(kernel, origin, || format!("{error:?}"));
            }
            ChildCause::Panic(payload) => failures.unread_panic(kernel, origin, message(payload)),
        }
    }
}

/// Returns the message of a panic, if its payload is a string.
fn message(payload: &Mutex<Box<dyn Any + Send>>) -> Option<Arc<str>> {
    let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
    text_of(&**payload).map(Arc::from)
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label();
        match &self.cause {
            ChildCause::Error(error) => write!(f, "{label}: {error}"),
            ChildCause::Panic(payload) => match message(payload) {
                Some(message) => write!(f, "{label} panicked: {message}"),
                None => write!(f, "{label} panicked"),
            },
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
        // `Display` already includes this error's text, so the chain continues with its source.
        self.error()?.source()
    }
}

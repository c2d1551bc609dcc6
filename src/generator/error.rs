//! Why a generator could not be resumed.

use std::fmt;

use thiserror::Error;

/// The generator is running: its own body, or code that the body calls, tried to resume it.
///
/// # Example
///
/// ```
/// use std::rc::{Rc, Weak};
/// use turnwise::Generator;
///
/// let generator = Rc::new_cyclic(|this: &Weak<Generator<'_, String>>| {
///     let this = this.clone();
///     Generator::new(async move |co| {
///         let error = this.upgrade().unwrap().try_next().unwrap_err();
///         co.yield_(error.to_string()).await;
///     })
/// });
/// assert_eq!(generator.try_next()?.unwrap(), "the generator is already running");
/// # Ok::<(), turnwise::generator::AlreadyRunning>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the generator is already running")]
#[doc(alias = "generator already executing")]
pub struct AlreadyRunning;

/// The generator was already started.
///
/// # Example
///
/// ```
/// use turnwise::Generator;
/// use turnwise::generator::AlreadyStarted;
///
/// let generator: Generator<'_, u32, (), String> = Generator::new(async |co| {
///     co.yield_(1).await;
/// });
/// assert_eq!(generator.start(), Ok(Some(1)));
/// assert_eq!(generator.start(), Err(AlreadyStarted));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the generator was already started")]
pub struct AlreadyStarted;

/// A value could not be sent to a generator. The error returns the value.
///
/// # Example
///
/// ```
/// use turnwise::Generator;
///
/// let generator = Generator::new(async |co| {
///     let sent: String = co.yield_(1).await;
///     assert_eq!(sent, "hello");
/// });
/// let error = generator.send("hello".to_string()).unwrap_err();
/// assert!(error.is_just_started());
/// assert_eq!(generator.start(), Ok(Some(1)));
/// assert_eq!(generator.send(error.value), Ok(None));
/// assert!(generator.send("more".to_string()).unwrap_err().is_over());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct SendError<S> {
    /// The value that was not sent.
    pub value: S,
    pub(super) reason: ResumeRefusal,
}

/// Why the value could not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(super) enum ResumeRefusal {
    #[error("cannot send a value to a generator that was not started: call `start` first")]
    JustStarted,
    #[error("the generator is already running, or a call was dropped before it completed")]
    Running,
    #[error("the generator has finished")]
    Over,
}

impl<S> SendError<S> {
    /// Returns whether no yield is waiting for a value yet: the generator has not been
    /// [started](super::Generator::start).
    pub fn is_just_started(&self) -> bool {
        self.reason == ResumeRefusal::JustStarted
    }

    /// Returns whether the generator is running: it sent a value to itself, directly or through other code. An
    /// [`AsyncGenerator`](super::AsyncGenerator) also counts as running after a call was dropped before it completed.
    pub fn is_running(&self) -> bool {
        self.reason == ResumeRefusal::Running
    }

    /// Returns whether the generator had finished already.
    #[doc(alias = "StopIteration")]
    pub fn is_over(&self) -> bool {
        self.reason == ResumeRefusal::Over
    }
}

impl<S> fmt::Debug for SendError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

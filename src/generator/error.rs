//! Why a generator could not be resumed.

use std::fmt;

use thiserror::Error;

/// The generator runs just now: its own body, or something that this calls, has asked it to go on.
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

/// The generator was started before.
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
#[error("the generator was started before")]
pub struct AlreadyStarted;

/// A value could not be sent to a generator, and is handed back.
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
    /// What was to be sent.
    pub value: S,
    pub(super) reason: ResumeRefusal,
}

/// Why it could not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(super) enum ResumeRefusal {
    #[error("can't send a value to a just-started generator: no yield waits for it yet")]
    JustStarted,
    #[error("the generator is already running")]
    Running,
    #[error("the generator is over")]
    Over,
}

impl<S> SendError<S> {
    /// Returns whether no yield waits for a value yet: the generator has not been
    /// [started](super::Generator::start).
    pub fn is_just_started(&self) -> bool {
        self.reason == ResumeRefusal::JustStarted
    }

    /// Returns whether the generator runs just now: it has sent something to itself, perhaps by way of others.
    /// An [`AsyncGenerator`](super::AsyncGenerator) runs as well when it was left half-way.
    pub fn is_running(&self) -> bool {
        self.reason == ResumeRefusal::Running
    }

    /// Returns whether the generator was over before.
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

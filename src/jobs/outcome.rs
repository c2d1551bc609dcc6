//! What a job may return: nothing, a failure, or that it should not run again.

use std::fmt;
use std::ops::ControlFlow;

/// What a job may return: `()`, [`Done`], [`ControlFlow`], or a `Result` of one of these with an error that
/// implements `Debug`.
///
/// * `()`: the job runs again when it is next due.
/// * [`Done`]: this was the last run.
/// * [`ControlFlow::Continue`]: like `()`. [`ControlFlow::Break`]: like `Done`.
/// * `Err`: the run has failed. The failure is reported, and the job runs again when it is next due.
///
/// This trait is sealed.
///
/// # Example
///
/// ```
/// use std::{cell::Cell, ops::ControlFlow, rc::Rc};
/// use turnwise::{Scheduler, jobs::Jobs};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let jobs = Jobs::new();
/// let left = Rc::new(Cell::new(3));
/// let countdown = Rc::clone(&left);
/// jobs.every(1).second().run(async move || {
///     countdown.set(countdown.get() - 1);
///     if countdown.get() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// });
/// scheduler.block_on(jobs.run_until_empty());
/// assert_eq!(left.get(), 0);
/// ```
#[diagnostic::on_unimplemented(
    message = "a job cannot return `{Self}`",
    note = "it returns `()`, `Done`, `ControlFlow<()>`, or a `Result` of these",
    note = "a closure that never returns needs a type: `async || -> () {{ .. }}`"
)]
pub trait Outcome: Sealed + 'static {}

impl<T: Sealed + 'static> Outcome for T {}

/// Returned by a job that should not run again.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, jobs::{Done, Jobs}};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let jobs = Jobs::new();
/// jobs.every(5).seconds().run(async || {
///     println!("Beep!");
///     Done
/// });
/// scheduler.block_on(jobs.run_until_empty());
/// assert!(jobs.is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "CancelJob")]
pub struct Done;

/// What an output means.
#[diagnostic::on_unimplemented(
    message = "a job cannot return `{Self}`",
    note = "it returns `()`, `Done`, `ControlFlow<()>`, or a `Result` of these",
    note = "a closure that never returns needs a type: `async || -> () {{ .. }}`"
)]
pub trait Sealed {
    /// Returns whether the job continues, or the text of its error.
    fn verdict(self) -> Result<ControlFlow<()>, JobError>;
}

impl Sealed for () {
    fn verdict(self) -> Result<ControlFlow<()>, JobError> {
        Ok(ControlFlow::Continue(()))
    }
}

impl Sealed for Done {
    fn verdict(self) -> Result<ControlFlow<()>, JobError> {
        Ok(ControlFlow::Break(()))
    }
}

impl Sealed for ControlFlow<()> {
    fn verdict(self) -> Result<ControlFlow<()>, JobError> {
        Ok(self)
    }
}

impl<T: Sealed, E: fmt::Debug> Sealed for Result<T, E> {
    fn verdict(self) -> Result<ControlFlow<()>, JobError> {
        match self {
            Ok(output) => output.verdict(),
            Err(error) => Err(JobError(format!("{error:?}"))),
        }
    }
}

/// The `Debug` output of an error of any type.
#[derive(Clone)]
pub struct JobError(pub(super) String);

/// Prints the text as it is: it is `Debug` output already.
impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

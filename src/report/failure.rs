//! What would otherwise go unnoticed, as plain data: failures that are never read, and turns that take too long.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::report::label::TaskLabel;
use crate::report::wait::WaitsFor;

/// An event that would otherwise go unnoticed: a failure that will never be read, or a turn that took too long.
///
/// `Display` prints it as one line. For a panic, the line says only what the panic hook has not printed: which task
/// panicked, and that nothing has read the panic.
///
/// # Example
///
/// ```
/// use std::{cell::RefCell, rc::Rc, time::Duration};
/// use turnwise::{Scheduler, task};
///
/// let reports = Rc::new(RefCell::new(Vec::new()));
/// let log = Rc::clone(&reports);
/// let scheduler = Scheduler::builder()
///     .slow_poll(Duration::MAX) // reports nothing but failures
///     .on_report(move |report| log.borrow_mut().push(report.to_string()))
///     .build();
/// scheduler.block_on(async {
///     drop(task::try_spawn(async { "seven".parse::<u32>() }));
///     turnwise::yield_now().await;
/// });
/// let line = reports.borrow()[0].clone();
/// assert!(line.starts_with("task #2, spawned at "));
/// assert!(line.ends_with(", returned an error, and nothing read that: ParseIntError { kind: InvalidDigit }"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A task panicked, and nothing will read that: its handle was dropped without having been awaited, it was a child
    /// of a [`scope`](crate::task::scope()) that did not get to return its [`ScopeError`](crate::task::ScopeError), or
    /// its [`JoinError`](crate::JoinError) was in a [`join_all`](crate::join_all), [`gather`](crate::gather),
    /// [`wait`](crate::wait()) or the like that did not get to return its outputs. The panic of the body of such a scope
    /// is reported too.
    #[non_exhaustive]
    UnreadPanic {
        /// The task. The body of a scope has the id of the task that polled the scope, and a name that says so.
        task: TaskLabel,
        /// Where it was spawned; for the body of a scope, where the scope was created.
        spawned_at: &'static Location<'static>,
        /// The panic message, if the payload is a string.
        message: Option<Arc<str>>,
    },
    /// A task returned an `Err` that nothing will read: it was spawned by [`try_spawn`](crate::task::try_spawn) or
    /// [`try_shield`](crate::task::try_shield), and its handle was dropped without having been awaited; or by
    /// [`Scope::try_spawn`](crate::task::Scope::try_spawn), and the scope did not get to return its
    /// [`ScopeError`](crate::task::ScopeError). Of such a scope, the `Err` of the body
    /// ([`try_scope`](crate::task::try_scope())) and what was given to [`Scope::fail`](crate::task::Scope::fail) are
    /// reported too.
    #[non_exhaustive]
    UnreadError {
        /// The task. The body of a scope has the id of the task that polled the scope, and a name that says so.
        task: TaskLabel,
        /// Where it was spawned; for the body of a scope, where the scope was created.
        spawned_at: &'static Location<'static>,
        /// The error, as its `Debug` prints it.
        error: Arc<str>,
    },
    /// A [`Promise`](crate::sync::Promise) was settled with an error, and its last handle and future were dropped before
    /// anything had read that.
    #[non_exhaustive]
    UnreadPromise {
        /// The name of the promise, if it has one.
        name: Option<Arc<str>>,
        /// Where [`fail`](crate::sync::Promise::fail) was called.
        failed_at: &'static Location<'static>,
        /// The error, as its `Display` prints it.
        error: Arc<str>,
    },
    /// A [blocking job](mod@crate::blocking) panicked, and nothing will read that: its handle was dropped without having
    /// returned its result. A job that was submitted, and awaited, outside of all schedulers is reported on stderr.
    #[non_exhaustive]
    UnreadJobPanic {
        /// The name of the job, if it has one.
        name: Option<Arc<str>>,
        /// Where it was submitted.
        submitted_at: &'static Location<'static>,
        /// The panic message, if the payload is a string.
        message: Option<Arc<str>>,
    },
    /// A turn took longer than [`slow_poll`](crate::scheduler::Builder::slow_poll) allows. All other tasks were blocked
    /// for that time.
    #[non_exhaustive]
    SlowTurn {
        /// The task.
        task: TaskLabel,
        /// Where it was spawned.
        spawned_at: &'static Location<'static>,
        /// The number of the turn, among all turns of the scheduler.
        turn: u64,
        /// How long it took, in real time.
        took: Duration,
        /// The last wait that completed in that turn; the slow code came after it. `None` if there was none, as in most
        /// first turns, or none that turnwise knows of.
        after: Option<WaitsFor>,
    },
}

/// What happens when a failure goes unread; see
/// [`Builder::on_failure`](crate::scheduler::Builder::on_failure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "UnhandledPanic")]
pub enum FailurePolicy {
    /// The failure is reported, and all other tasks continue. The default.
    #[default]
    Report,
    /// Nothing: the failure is not reported.
    Ignore,
    /// The failure is reported, and the scheduler shuts down: before the next pass all tasks are dropped as if aborted,
    /// in the order in which they were spawned, then the future of the `block_on`, and the run ends with
    /// [`RunError::Failed`](crate::RunError::Failed). If no run is in progress, or only one that returns no error, such
    /// as a [`step`](crate::Scheduler::step), the next run ends with it.
    Shutdown,
}

/// The panic payload that a task keeps after its own payload was handed over to a reader, and so is not unread.
pub(crate) struct HandedOver;

/// Returns the message of a panic, if its payload is a string.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::UnreadPanic { task, spawned_at, .. }
            | Report::UnreadError { task, spawned_at, .. }
            | Report::SlowTurn { task, spawned_at, .. } => {
                write!(f, "task {task}, spawned at {spawned_at}, ")?;
            }
            Report::UnreadPromise { name: Some(name), failed_at, .. } => {
                write!(f, "promise {name:?}, which failed at {failed_at}, ")?;
            }
            Report::UnreadPromise { name: None, failed_at, .. } => {
                write!(f, "a promise, which failed at {failed_at}, ")?;
            }
            Report::UnreadJobPanic { name: Some(name), submitted_at, .. } => {
                write!(f, "blocking job {name:?}, submitted at {submitted_at}, ")?;
            }
            Report::UnreadJobPanic { name: None, submitted_at, .. } => {
                write!(f, "a blocking job, submitted at {submitted_at}, ")?;
            }
        }
        match self {
            Report::UnreadPanic { .. } | Report::UnreadJobPanic { .. } => {
                write!(f, "panicked, and nothing read that")
            }
            Report::UnreadPromise { error, .. } => {
                write!(f, "was dropped, and nothing read its error: {error}")
            }
            Report::UnreadError { error, .. } => {
                write!(f, "returned an error, and nothing read that: {error}")
            }
            Report::SlowTurn { took, turn, after, .. } => {
                write!(f, "blocked the scheduler for {took:?} in turn {turn}")?;
                match after {
                    None => Ok(()),
                    Some(WaitsFor::Sleep { place, .. }) => write!(f, ", after a sleep at {place}"),
                    Some(after) => write!(f, ", after waiting for {after}"),
                }
            }
        }
    }
}

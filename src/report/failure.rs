//! What would otherwise go unnoticed: failures that are never read, and turns that take too long. As plain data.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::report::label::TaskLabel;
use crate::report::wait::WaitsFor;

/// Something that nobody else tells: a failure that nobody will read, or a turn that took too long.
///
/// `Display` prints it in one line. For a panic that says no more than the panic hook has not said already:
/// whose it was, and that nobody knows of it.
///
/// # Example
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use turnwise::{Scheduler, task};
///
/// let reports = Rc::new(RefCell::new(Vec::new()));
/// let log = Rc::clone(&reports);
/// let scheduler = Scheduler::builder()
///     .on_report(move |report| log.borrow_mut().push(report.to_string()))
///     .build();
/// scheduler.block_on(async {
///     drop(task::try_spawn(async { "seven".parse::<u32>() }));
///     turnwise::yield_now().await;
/// });
/// let line = reports.borrow()[0].clone();
/// assert!(line.starts_with("task #2, spawned at "));
/// assert!(line.ends_with(", ended with an error that nobody reads: ParseIntError { kind: InvalidDigit }"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A task panicked, and its handle was dropped without having been awaited.
    #[non_exhaustive]
    UnreadPanic {
        /// The task.
        task: TaskLabel,
        /// Where it was spawned.
        spawned_at: &'static Location<'static>,
        /// What it panicked with, if that is a text.
        message: Option<Arc<str>>,
    },
    /// A task of [`try_spawn`](crate::task::try_spawn) ended with an `Err`, and its handle was dropped without
    /// having been awaited.
    #[non_exhaustive]
    UnreadError {
        /// The task.
        task: TaskLabel,
        /// Where it was spawned.
        spawned_at: &'static Location<'static>,
        /// What the error's `Debug` prints.
        error: Arc<str>,
    },
    /// A turn took longer than [`slow_poll`](crate::scheduler::Builder::slow_poll) allows. All other tasks
    /// stood still meanwhile.
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
        /// The last wait in that turn that was over: what took so long came after it. `None` if there was
        /// none, as in most first turns, or none that turnwise knows of.
        after: Option<WaitsFor>,
    },
}

/// What happens when a failure goes unread; see
/// [`Builder::on_failure`](crate::scheduler::Builder::on_failure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "UnhandledPanic")]
pub enum FailurePolicy {
    /// It is reported, and all others go on. The default.
    #[default]
    Report,
    /// Nothing, and nobody is told.
    Ignore,
    /// It is reported, and the scheduler shuts down: before the next pass all tasks are dropped as if aborted,
    /// in the order in which they were spawned, then the future of the `block_on`, and the run ends with
    /// [`RunError::Failed`](crate::RunError::Failed). If no run is under way, or one by steps, so does the next
    /// one.
    Shutdown,
}

/// What a task panics with after its panic was handed over to somebody: then that one reads it.
pub(crate) struct HandedOver;

/// The text of a panic, if it is a text.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Report::UnreadPanic { task, spawned_at, .. }
        | Report::UnreadError { task, spawned_at, .. }
        | Report::SlowTurn { task, spawned_at, .. }) = self;
        write!(f, "task {task}, spawned at {spawned_at}, ")?;
        match self {
            Report::UnreadPanic { .. } => write!(f, "panicked, and nobody reads that"),
            Report::UnreadError { error, .. } => {
                write!(f, "ended with an error that nobody reads: {error}")
            }
            Report::SlowTurn { took, turn, after, .. } => {
                write!(f, "kept all others waiting for {took:?} in turn {turn}")?;
                match after {
                    None => Ok(()),
                    Some(WaitsFor::Sleep { place, .. }) => write!(f, ", after a sleep at {place}"),
                    Some(after) => write!(f, ", after it had waited for {after}"),
                }
            }
        }
    }
}

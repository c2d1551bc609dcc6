//! What would be lost in silence: failures that nobody reads, and turns that took too long.
//!
//! A panic in a task, or the `Err` of a fallible one, waits in the task for whoever awaits its handle. When
//! it is clear that nobody will (the handle was dropped, before or after) the task is reported: once, to the
//! observer and to [`Builder::on_report`](crate::scheduler::Builder::on_report), or on stderr.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::kernel::Kernel;
use crate::kernel::{Boxed, Target, burn};
use crate::kernel::{Key, TaskKey};
use crate::report::snapshot::{Place, TaskLabel, WaitsFor};
use crate::scheduler::label;

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

/// What `on_report` installed.
pub(crate) type Reporter = Box<dyn FnMut(&Report)>;

/// Empties a finished task whose output is an error, and says which.
pub(crate) type Explain = fn(Pin<&mut dyn Target>) -> String;

/// What a task panics with after its panic was handed over to somebody: then that one reads it.
pub(crate) struct HandedOver;

/// The text of a panic, if it is a text.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl Kernel {
    /// Notes that a task is going to end with an error.
    #[cold]
    pub(crate) fn note_error(&self, task: TaskKey, explain: Explain) {
        let mut board = self.board.borrow_mut();
        if board.taskmap.look(task.key).is_some() {
            board.taskmap.rare(task.key.slot).explain = Some(explain);
        }
    }

    /// Reports the failure that a finished task has left, if there is one: nobody will read it.
    pub(crate) fn look_for_failure(&self, slot: u32, left: &mut Boxed) {
        if self.settings.on_failure == FailurePolicy::Ignore {
            return;
        }
        let explain = {
            let mut board = self.board.borrow_mut();
            board.taskmap.has_rare(slot).and_then(|rare| rare.explain.take())
        };
        if let Some(explain) = explain {
            self.report_error(slot, left, explain);
        } else if let Some(payload) = left.as_ref().panic()
            && !payload.is::<HandedOver>()
        {
            let message = text_of(payload).map(Arc::from);
            let Some((task, spawned_at)) = self.who_failed(slot) else { return };
            self.report_failure(Report::UnreadPanic { task, spawned_at, message });
        }
    }

    fn report_error(&self, slot: u32, left: &mut Boxed, explain: Explain) {
        let Some((task, spawned_at)) = self.who_failed(slot) else { return };
        // The error prints itself, which may panic, and is dropped, which may too.
        let error = catch_unwind(AssertUnwindSafe(|| explain(left.as_mut())));
        let error = match error {
            Ok(error) => Arc::from(error),
            Err(payload) => {
                burn(payload);
                Arc::from("(and printing it panicked)")
            }
        };
        self.report_failure(Report::UnreadError { task, spawned_at, error });
    }

    fn who_failed(&self, slot: u32) -> Option<(TaskLabel, Place)> {
        let board = self.board.borrow();
        self.who_is(board.taskmap.key_of(slot)?)
    }

    /// Label and spawn place of a task.
    pub(crate) fn who_is(&self, key: Key) -> Option<(TaskLabel, Place)> {
        let board = self.board.borrow();
        Some((label(&board, key)?, board.taskmap.look(key)?.spawned_at))
    }

    fn report_failure(&self, report: Report) {
        self.report(&report);
        let is_shutting_down = self.ledger.borrow().is_some();
        if self.settings.on_failure == FailurePolicy::Shutdown && !is_shutting_down {
            self.failure.replace(Some(Box::new(report)));
            self.look_again.set(0);
        }
    }

    /// Reports to the observer, and to whoever asked for it; if nobody did, on stderr. Called with nothing
    /// borrowed.
    #[cold]
    pub(crate) fn report(&self, report: &Report) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            self.guard(move || observer.reported(report));
        }
        // Taken out, since it is code of the user's. What is reported while it runs goes to stderr.
        let Some(mut reporter) = self.reporter.take() else { return say(report) };
        match catch_unwind(AssertUnwindSafe(|| reporter(report))) {
            Ok(()) => drop(self.reporter.replace(Some(reporter))),
            Err(payload) => {
                burn(payload);
                burn(reporter);
                say(report);
            }
        }
    }
}

/// Prints a line on stderr. If that cannot be written to, nothing can be done.
fn say(report: &Report) {
    if let Err(payload) = catch_unwind(|| eprintln!("turnwise: {report}")) {
        burn(payload);
    }
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

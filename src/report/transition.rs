//! Every change of state by name, and the observer that receives it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::kernel::{Ending, TaskId};
use crate::machine::Instant;
use crate::report::cause::Cause;
use crate::report::deadlock::DeadlockReport;
use crate::report::detail::Detail;
use crate::report::failure::Report;

/// One change of state of a scheduler.
///
/// A run is a sequence of transitions, so they show everything that happens, and in which order. `Display` prints a
/// line such as `turn #3`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Transition {
    /// A task was spawned. Its `Scheduled` follows immediately.
    #[non_exhaustive]
    Spawned {
        /// The new task.
        task: TaskId,
        /// Its name, if it has one.
        name: Option<Arc<str>>,
        /// Where it was spawned.
        place: &'static Location<'static>,
    },
    /// A task was put on the ready queue.
    #[non_exhaustive]
    Scheduled {
        /// The task.
        task: TaskId,
        /// What woke it.
        cause: Cause,
    },
    /// A task starts its turn.
    #[non_exhaustive]
    TurnBegan {
        /// The task.
        task: TaskId,
        /// The number of the turn, among all turns of the scheduler, from 1.
        turn: u64,
    },
    /// A task's turn has ended.
    #[non_exhaustive]
    TurnEnded {
        /// The task.
        task: TaskId,
        /// The number of the turn.
        turn: u64,
        /// Its result.
        result: TurnResult,
    },
    /// A task was cancelled: a request was made on it. If nothing catches the request, the task is dropped at its next
    /// turn, or at the end of this one.
    #[non_exhaustive]
    Asked {
        /// The task.
        task: TaskId,
        /// The reason of the request.
        reason: Arc<str>,
    },
    /// A task has caught a cancel request: one made on the task itself, or by a timeout inside it.
    #[non_exhaustive]
    Caught {
        /// The task, which is now cleaning up.
        task: TaskId,
        /// The reason of the request.
        reason: Arc<str>,
        /// Where the catch was created.
        place: &'static Location<'static>,
    },
    /// A task has left the task map, or will when its output is taken.
    #[non_exhaustive]
    Exited {
        /// The task.
        task: TaskId,
        /// How it ended.
        ending: Ending,
    },
    /// A timer has fired; the `Scheduled` of the task that waited for it follows.
    TimerFired,
    /// Nothing is ready, and the thread goes to sleep.
    #[non_exhaustive]
    Parked {
        /// The latest time at which the thread wakes up; `None` if only a wake can end its sleep. That it looks in between
        /// whether a deadlock has become certain is not shown.
        until: Option<Instant>,
    },
    /// The thread has woken up.
    Unparked,
    /// Nothing is ready, and the virtual clock jumps to the next deadline.
    #[non_exhaustive]
    ClockJumped {
        /// The new time of the clock.
        to: Instant,
    },
    /// What happens in between. Only observers that were installed with
    /// [`Builder::detailed_observer`](crate::scheduler::Builder::detailed_observer) receive it.
    Detail(Detail),
}

/// The result of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnResult {
    /// The task waits for a wake.
    Waiting,
    /// The task was woken during its own turn, and goes to the back of the ready queue.
    Yielded,
    /// The task has ended.
    Exited(Ending),
}

/// Receives every [`Transition`]; installed with [`Builder::observer`](crate::scheduler::Builder::observer).
///
/// Any `Fn(&Transition)` is an observer. It runs on the scheduler's thread with nothing borrowed: it may spawn, wake,
/// and take a snapshot. What it does is emitted too, after every observer has received what happened before: all of them
/// receive everything in the same order. An observer that panics is removed, after the panic hook has printed the panic,
/// and the scheduler continues.
///
/// # Example
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use turnwise::{Scheduler, Transition, yield_now};
///
/// let trace = Rc::new(RefCell::new(Vec::new()));
/// let seen = Rc::clone(&trace);
/// let scheduler = Scheduler::builder()
///     .observer(move |transition: &Transition| {
///         if !matches!(transition, Transition::Scheduled { .. } | Transition::TurnEnded { .. }) {
///             seen.borrow_mut().push(transition.to_string());
///         }
///     })
///     .build();
/// scheduler.spawn(yield_now());
/// scheduler.run()?;
/// assert_eq!(*trace.borrow(), ["spawn #1", "turn #1", "turn #1", "exit #1"]);
/// # Ok::<(), turnwise::RunError>(())
/// ```
pub trait Observer {
    /// Called for each transition, right after it; for one that an observer has caused, after all that happened before.
    fn transition(&self, transition: &Transition);

    /// Called when nothing can run, and it is only *possible* that something ever will: once per stall, before the
    /// thread goes to sleep. Also called, once, when the future of a `block_on` has waited for a second or more for a
    /// cycle of tasks, although other tasks run; see [`on_stall`](crate::scheduler::Builder::on_stall).
    fn stalled(&self, report: &DeadlockReport) {
        let _ = report;
    }

    /// Called for each [`Report`]: a failure that will never be read, or a turn that took too long.
    fn reported(&self, report: &Report) {
        let _ = report;
    }
}

impl<F: Fn(&Transition)> Observer for F {
    fn transition(&self, transition: &Transition) {
        self(transition);
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transition::Spawned { task, .. } => write!(f, "spawn {task}"),
            Transition::Scheduled { task, cause } => write!(f, "schedule {task} ({cause})"),
            Transition::TurnBegan { task, .. } => write!(f, "turn {task}"),
            Transition::TurnEnded { task, result, .. } => write!(f, "{task} {result}"),
            Transition::Asked { task, reason } => write!(f, "cancel {task} ({reason})"),
            Transition::Caught { task, reason, .. } => {
                write!(f, "{task} catches the cancellation ({reason})")
            }
            Transition::Exited { task, ending: Ending::Returned } => write!(f, "exit {task}"),
            Transition::Exited { task, ending } => write!(f, "exit {task} ({ending})"),
            Transition::TimerFired => f.write_str("timer"),
            Transition::Parked { until: Some(_) } => f.write_str("park until the next deadline"),
            Transition::Parked { until: None } => f.write_str("park until woken"),
            Transition::Unparked => f.write_str("unpark"),
            Transition::ClockJumped { .. } => f.write_str("clock jumps to the next deadline"),
            Transition::Detail(detail) => detail.fmt(f),
        }
    }
}

impl fmt::Display for TurnResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TurnResult::Waiting => f.write_str("waits"),
            TurnResult::Yielded => f.write_str("yields"),
            TurnResult::Exited(ending) => write!(f, "{ending}"),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Returned => "returned",
            Ending::Panicked => "panicked",
            Ending::Aborted => "aborted",
            Ending::Cancelled => "cancelled",
        })
    }
}

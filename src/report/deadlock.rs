//! Why nothing can run, as plain data that prints itself.

use std::panic::Location;

use crate::report::hold::ClockHold;
use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::request::PendingRequest;
use crate::report::wait::WaitsFor;

/// One task in a [`DeadlockReport`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StuckTask {
    /// Its id and name.
    pub label: TaskLabel,
    /// Everything it waits for.
    pub waits: Vec<WaitsFor>,
    /// The cancel requests on it and its parts that are held.
    pub requests: Vec<PendingRequest>,
    /// The turn since which it waits.
    pub since: u64,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

/// Explains why nothing can run: which tasks are stuck, what each waits for, since when and where, and which tasks hold
/// that.
///
/// `Display` prints it for people, at most a hundred tasks and twenty cycles; the fields hold all of it as data.
///
/// # Which task holds what
///
/// A guard or a permit belongs to the task that acquired it. The crate cannot see that it was moved to another task. So
/// it is "held by" that task while the task lives, and a cycle may be reported that the move has avoided. After the
/// task has ended the report says "acquired by #2, which has finished", and no cycle goes through it. The task that
/// receives a guard can become its owner with `take_over`, as of [`MutexGuard`](crate::sync::MutexGuard::take_over).
///
/// A sender or receiver belongs to the task that last used it. Until it is used, the report says which task has created
/// it. A cycle that depends on that says so: "if #1 has kept the sender created at …"; and a task that is in a cycle
/// without such a condition is in none with one.
///
/// # What counts as a cycle
///
/// If it is certain that nothing can run, no task is left out of the search for cycles. If not, a task that could be
/// woken from elsewhere is passed over: it has other wakers than those of its known waits, or waits for a timer, for an
/// event that any task may set, or for something that a task which could be woken holds. A task that waits for one of
/// several permits is such a task if the holder of one is.
///
/// # Example
///
/// ```
/// use turnwise::{RunError, Scheduler, channel::mpsc};
///
/// let Err(RunError::Deadlock(report)) = Scheduler::new().try_block_on(async {
///     let (_sender, mut receiver) = mpsc::channel::<u32>(1);
///     receiver.recv().await // waits for the sender beside it
/// }) else {
///     panic!("nothing can ever be received");
/// };
/// assert_eq!(report.cycles.len(), 1);
/// let cycle = "cycle: #1 -> a message on channel -> #1, if #1 has kept the sender created at ";
/// assert!(report.to_string().contains(cycle));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadlockReport {
    /// The number of turns given before.
    pub turn: u64,
    /// The number of tasks that have not ended.
    pub alive: usize,
    /// The tasks that can never run again, unless a wake comes from outside. Those in a reported cycle come first. If
    /// other tasks can run, only those that wait for each other.
    pub tasks: Vec<StuckTask>,
    /// Cycles of tasks that wait for each other: one for each group of tasks that are in cycles with each other. It is
    /// the shortest, except in a group of more than a few hundred tasks, where the search starts from some of them
    /// only.
    pub cycles: Vec<Cycle>,
    /// Whether it is certain that nothing will ever run again in this call.
    pub certain: bool,
    /// The number of wakers held outside the scheduler, each of which may wake a task.
    pub wakers_held: usize,
    /// The number of [`Remote`](crate::Remote)s, each of which may spawn a task.
    pub remotes_held: usize,
    /// The unfinished blocking jobs, each of which may wake a task.
    pub blocking: Vec<BlockingJob>,
    /// The [holds](crate::time::hold) that make a virtual clock stand still although a timer is waited for.
    pub holds: Vec<ClockHold>,
}

/// A cycle of tasks: each waits for something that the next one holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cycle {
    /// Each task of the cycle, with what it waits for; the next task holds that.
    pub steps: Vec<(TaskLabel, WaitsFor)>,
    /// The number of other tasks that are in cycles with these.
    pub others: usize,
    pub(crate) condition: Condition,
}

/// Which of the ends that tasks of a cycle have created, and others wait for, must have been kept for it to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// None.
    None,
    /// For each step one that the next task has created: nothing can run, so the others change nothing.
    OneOfEach,
    /// All: a task that has got one may be able to run.
    All,
}

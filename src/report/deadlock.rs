//! Why nothing can run any more, as plain data that prints itself.

use std::panic::Location;

use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::wait::WaitsFor;

/// One task in a [`DeadlockReport`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StuckTask {
    /// Number and name.
    pub label: TaskLabel,
    /// Everything it waits for.
    pub waits: Vec<WaitsFor>,
    /// The turn since which it waits.
    pub since: u64,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

/// Why nothing can run any more: every task, what it waits for, since when, where, and which tasks hold it.
///
/// `Display` prints it for people; the fields hold the same as data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadlockReport {
    /// How many turns were given before.
    pub turn: u64,
    /// How many tasks there are that are not over.
    pub alive: usize,
    /// Those that can never run again, or not unless a waker in foreign hands is used.
    pub tasks: Vec<StuckTask>,
    /// Circles of tasks that wait for each other.
    pub cycles: Vec<Cycle>,
    /// Whether it is certain that nothing will ever run again in this call.
    pub certain: bool,
    /// How many wakers of how many tasks are in foreign hands: what it is uncertain for.
    pub wakers_held: usize,
    /// How many [`Remote`](crate::Remote)s there are, each of which may spawn a task.
    pub remotes_held: usize,
    /// The blocking jobs that are not over, each of which may wake a task.
    pub blocking: Vec<BlockingJob>,
}

/// A circle of tasks: each waits for something that the next one holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cycle {
    /// Each task of the circle, with what it waits for; the next task holds it.
    pub steps: Vec<(TaskLabel, WaitsFor)>,
}

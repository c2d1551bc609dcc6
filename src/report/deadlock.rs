//! Why nothing can run, as plain data that prints itself.

use std::panic::Location;

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
/// `Display` prints it for people; the fields hold the same as data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadlockReport {
    /// The number of turns given before.
    pub turn: u64,
    /// The number of tasks that have not ended.
    pub alive: usize,
    /// The tasks that can never run again, unless a wake comes from outside. Those in a cycle come first.
    pub tasks: Vec<StuckTask>,
    /// Cycles of tasks that wait for each other.
    pub cycles: Vec<Cycle>,
    /// Whether it is certain that nothing will ever run again in this call.
    pub certain: bool,
    /// The number of wakers held outside the scheduler, each of which may wake a task.
    pub wakers_held: usize,
    /// The number of [`Remote`](crate::Remote)s, each of which may spawn a task.
    pub remotes_held: usize,
    /// The unfinished blocking jobs, each of which may wake a task.
    pub blocking: Vec<BlockingJob>,
}

/// A cycle of tasks: each waits for something that the next one holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cycle {
    /// Each task of the cycle, with what it waits for; the next task holds that.
    pub steps: Vec<(TaskLabel, WaitsFor)>,
}

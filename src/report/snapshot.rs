//! What a scheduler looks like at one moment, as plain data that prints itself.

use std::panic::Location;
use std::time::Duration;

use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::wait::WaitsFor;

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// On the ready queue.
    Ready,
    /// Having its turn.
    Running,
    /// Waiting.
    Waiting,
    /// Over; its output waits for its `JoinHandle`.
    Finished,
}

/// One task in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Number and name.
    pub label: TaskLabel,
    /// What it is doing.
    pub state: TaskState,
    /// Everything it waits for: one entry for each branch of a join or select.
    pub waits: Vec<WaitsFor>,
    /// How many turns it has had.
    pub turns: u64,
    /// The number of its last turn, among all turns of the scheduler; 0 before the first.
    pub last_turn: u64,
    /// Its priority.
    pub priority: i8,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

/// One timer in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TimerInfo {
    /// How long until its deadline; `None` if that never comes.
    pub left: Option<Duration>,
    /// The task that waits for it.
    pub task: Option<TaskLabel>,
    /// Where it was made.
    pub place: &'static Location<'static>,
}

/// Everything about a scheduler at one moment; `Display` prints it as a table.
///
/// Made by [`Scheduler::snapshot`](crate::Scheduler::snapshot).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// How many turns were given so far.
    pub turn: u64,
    /// The time since the scheduler was made.
    pub elapsed: Duration,
    /// The ready queue: those of the pass under way, the next one first; then those of the next pass, in the
    /// order in which they became ready, which the policy may change when that pass begins.
    pub ready: Vec<TaskLabel>,
    /// Every task, in the order in which they were spawned.
    pub tasks: Vec<TaskInfo>,
    /// Every timer that a task waits for, the next one first.
    pub timers: Vec<TimerInfo>,
    /// The blocking jobs that were handed over from here, or are awaited here, and are not over; as long as there
    /// are any, a virtual clock stands still.
    pub blocking: Vec<BlockingJob>,
}

/// Counts of what a scheduler did and has.
///
/// Made by [`Scheduler::metrics`](crate::Scheduler::metrics).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that were ever made, roots of `block_on` included.
    pub spawned: u64,
    /// Tasks that are not over.
    pub alive: usize,
    /// Tasks on the ready queue.
    pub ready: usize,
    /// Timers that a task waits for.
    pub timers: usize,
    /// Tasks that have wakers in foreign hands.
    pub wakers_held: usize,
    /// Blocking jobs that are not over.
    pub blocking: usize,
    /// Turns given.
    pub turns: u64,
    /// Times the thread went to sleep.
    pub parks: u64,
    /// Letters that came from other threads: wakes, spawns of a [`Remote`](crate::Remote), and the
    /// word that the last one is gone, or that the last blocking job is over.
    pub letters: u64,
}

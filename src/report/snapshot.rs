//! The state of a scheduler at one moment, as plain data. A snapshot prints itself.

use std::panic::Location;
use std::time::Duration;

use crate::kernel::TaskId;
use crate::report::hold::ClockHold;
use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::request::PendingRequest;
use crate::report::wait::WaitsFor;

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// On the ready queue.
    Ready,
    /// Taking its turn.
    Running,
    /// Waiting for a wake.
    Waiting,
    /// Ended; its output has not been taken by its `JoinHandle` yet.
    Finished,
}

/// One task in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its id and name.
    pub label: TaskLabel,
    /// What it is doing.
    pub state: TaskState,
    /// Everything it waits for: one entry for each branch of a join or select.
    pub waits: Vec<WaitsFor>,
    /// The cancel requests on it and its parts that have not had their effect yet, the outermost first.
    pub requests: Vec<PendingRequest>,
    /// The task that polls the scope that it is a child of, if it is one.
    pub parent: Option<TaskId>,
    /// The number of turns it has taken.
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
    /// The time left until its deadline; `None` if that never comes.
    pub left: Option<Duration>,
    /// The task that waits for it.
    pub task: Option<TaskLabel>,
    /// Where it was created.
    pub place: &'static Location<'static>,
}

/// The state of a scheduler at one moment; `Display` prints it as a table.
///
/// Returned by [`Scheduler::snapshot`](crate::Scheduler::snapshot).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The number of turns given so far.
    pub turn: u64,
    /// The time since the scheduler was built, by its clock.
    pub elapsed: Duration,
    /// The ready queue: the tasks of the current pass, the next one first; then those of the next pass, in the order in
    /// which they became ready, which the policy may change when that pass begins.
    pub ready: Vec<TaskLabel>,
    /// All tasks, in the order in which they were spawned.
    pub tasks: Vec<TaskInfo>,
    /// All timers that a task waits for, in the order in which they fire.
    pub timers: Vec<TimerInfo>,
    /// The unfinished blocking jobs that were submitted here or are awaited here. While there are any, a virtual clock
    /// stands still.
    pub blocking: Vec<BlockingJob>,
    /// The [holds](crate::time::hold) on a virtual clock, which make it stand still.
    pub holds: Vec<ClockHold>,
}

/// Counters of a scheduler: plain data, which has no `Display`; a [`Snapshot`] has.
///
/// Returned by [`Scheduler::metrics`](crate::Scheduler::metrics).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks spawned so far, roots of `block_on` included.
    pub spawned: u64,
    /// Tasks that have not ended.
    pub alive: usize,
    /// Tasks on the ready queue.
    pub ready: usize,
    /// Timers that a task waits for.
    pub timers: usize,
    /// Tasks that have wakers held elsewhere.
    pub wakers_held: usize,
    /// Unfinished blocking jobs.
    pub blocking: usize,
    /// Turns given.
    pub turns: u64,
    /// Times the thread went to sleep. It also grows while a run that waits for nothing but wakers held elsewhere looks
    /// again whether they still exist.
    pub parks: u64,
    /// Letters from other threads: wakes, spawns by a [`Remote`](crate::Remote), and notices that the last `Remote` was
    /// dropped or that the last blocking job has finished, or that the last hold on a clock was dropped.
    pub letters: u64,
}

//! What a scheduler looks like at one moment, as plain data that prints itself.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::blocking::BlockingJob;
use crate::kernel::TaskId;
use crate::report::wait::Resource;

/// A task as people name it: `#7 "poller"`, `#7`, or `#1 main` for the root of a `block_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLabel {
    /// Its number.
    pub id: TaskId,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Whether it is the root future of a `block_on`.
    pub is_root: bool,
}

/// A point in a source file.
pub(crate) type Place = &'static Location<'static>;

/// What a task waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The end of another task.
    #[non_exhaustive]
    Join {
        /// That task.
        task: TaskLabel,
        /// Where that task was spawned: a `JoinHandle` does not know where it is awaited.
        spawned_at: &'static Location<'static>,
    },
    /// A point in time.
    #[non_exhaustive]
    Sleep {
        /// How long until then; `None` if it never comes.
        left: Option<Duration>,
        /// Where the sleep was made.
        place: &'static Location<'static>,
    },
    /// A lock, a channel, or whatever else says that it is [`Waited`](crate::waiting::Waited) for.
    #[non_exhaustive]
    Resource {
        /// What it is.
        resource: Resource,
        /// Where the wait began.
        place: &'static Location<'static>,
        /// Who owns it, and where they came to.
        owners: Vec<(TaskLabel, &'static Location<'static>)>,
    },
    /// The end of the tasks in a scope.
    #[non_exhaustive]
    Children {
        /// How many there are.
        count: usize,
        /// Where the scope was made.
        place: &'static Location<'static>,
    },
    /// Its turn: it is ready, but nobody polls the scope whose child it is.
    #[non_exhaustive]
    Scope {
        /// Where the scope was made.
        place: &'static Location<'static>,
    },
    /// A blocking job, or a place for it in the queue of a pool.
    #[non_exhaustive]
    Blocking {
        /// That job.
        job: BlockingJob,
    },
    /// Something that turnwise does not know, which holds the task's waker.
    #[non_exhaustive]
    Foreign {
        /// How many wakers are held.
        wakers: usize,
    },
    /// Nothing: its last turn left no waker behind, so nothing can ever wake it.
    Nothing,
}

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
    /// Every timer that somebody waits for, the next one first.
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
    /// Timers that somebody waits for.
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

/// Why nothing can run any more: every task, what it waits for, since when, where, and who holds it.
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

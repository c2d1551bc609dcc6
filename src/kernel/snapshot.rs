//! What a scheduler looks like at one moment, as plain data that prints itself.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::kernel::id::TaskId;
use crate::kernel::waiting::Resource;

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
    /// Turns given.
    pub turns: u64,
    /// Times the thread went to sleep.
    pub parks: u64,
    /// Letters that came from other threads: wakes, spawns of a [`Remote`](crate::Remote), and the
    /// word that the last one is gone.
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
}

/// A circle of tasks: each waits for something that the next one holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cycle {
    /// Each task of the circle, with what it waits for; the next task holds it.
    pub steps: Vec<(TaskLabel, WaitsFor)>,
}

impl fmt::Display for TaskLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.name {
            Some(_) if self.is_root => format!("{} main", self.id),
            Some(name) => format!("{} {name:?}", self.id),
            None => self.id.to_string(),
        };
        f.pad(&text)
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TaskState::Ready => "ready",
            TaskState::Running => "running",
            TaskState::Waiting => "waiting",
            TaskState::Finished => "finished",
        })
    }
}

impl WaitsFor {
    /// What it is, without place and owner.
    pub(crate) fn what(&self) -> String {
        match self {
            WaitsFor::Join { task, .. } => format!("task {task}"),
            WaitsFor::Sleep { left: Some(left), .. } => format!("a sleep with {left:?} left"),
            WaitsFor::Sleep { left: None, .. } => "a sleep without end".to_owned(),
            WaitsFor::Resource { resource, .. } => resource.to_string(),
            WaitsFor::Children { count: 1, .. } => "a child of the scope".to_owned(),
            WaitsFor::Children { count, .. } => format!("{count} children of the scope"),
            WaitsFor::Scope { .. } => "its turn: nobody polls the scope".to_owned(),
            WaitsFor::Foreign { wakers: 1 } => "whoever holds its waker".to_owned(),
            WaitsFor::Foreign { wakers } => format!("whoever holds one of its {wakers} wakers"),
            WaitsFor::Nothing => "nothing that could wake it: no waker was kept".to_owned(),
        }
    }

    /// Prints it, with what it is padded to `width` if a place follows.
    fn line(&self, width: usize) -> String {
        let what = self.what();
        match self {
            WaitsFor::Join { spawned_at, .. } => format!("{what}, spawned at {spawned_at}"),
            WaitsFor::Sleep { place, .. }
            | WaitsFor::Children { place, .. }
            | WaitsFor::Scope { place } => format!("{what:width$} at {place}"),
            WaitsFor::Resource { place, resource, owners } => {
                format!("{what:width$} at {place}{}", held_by(resource, owners))
            }
            WaitsFor::Foreign { .. } | WaitsFor::Nothing => what,
        }
    }

    /// How wide to pad it: only what is followed by a place counts.
    fn width(&self) -> usize {
        match self {
            WaitsFor::Join { .. } | WaitsFor::Foreign { .. } | WaitsFor::Nothing => 0,
            _ => self.what().chars().count(),
        }
    }
}

/// The end of a line about a resource: who holds it, and since where.
fn held_by(resource: &Resource, owners: &[(TaskLabel, Place)]) -> String {
    let (held, verb) = match resource.kind() {
        "join set" | "gather" => ("with", "spawned"),
        kind if kind.contains("mutex") || kind.contains("lock") => ("held by", "locked"),
        _ => ("held by", "taken"),
    };
    let named = owners.iter().take(OWNERS_NAMED);
    let named: Vec<String> =
        named.map(|(owner, place)| format!("{owner} ({verb} at {place})")).collect();
    match owners.len().saturating_sub(OWNERS_NAMED) {
        _ if owners.is_empty() => String::new(),
        0 => format!(", {held} {}", named.join(", ")),
        others => format!(", {held} {} and {others} more", named.join(", ")),
    }
}

/// A line names no more owners than this, and counts the rest.
const OWNERS_NAMED: usize = 8;

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(0))
    }
}

/// How many characters the longest of these labels has.
fn widest<'a>(labels: impl Iterator<Item = &'a TaskLabel>) -> usize {
    labels.map(|label| label.to_string().chars().count()).max().unwrap_or(0)
}

impl fmt::Display for DeadlockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stuck, all) = (self.tasks.len(), self.alive);
        let word = if self.certain { "deadlock" } else { "possible deadlock" };
        let tasks = if all == 1 { "task" } else { "tasks" };
        writeln!(f, "{word} at turn {}: {stuck} of {all} {tasks} can never run again", self.turn)?;
        let label_width = widest(self.tasks.iter().map(|task| &task.label));
        let waits = self.tasks.iter().flat_map(|task| &task.waits);
        let width = waits.map(WaitsFor::width).max().unwrap_or(0);
        for task in &self.tasks {
            for (number, wait) in task.waits.iter().enumerate() {
                let label = if number == 0 { task.label.to_string() } else { String::new() };
                let since = task.since;
                let line = wait.line(width);
                writeln!(f, "  {label:label_width$}  waits for {line}, since turn {since}")?;
            }
        }
        for cycle in &self.cycles {
            writeln!(f, "{cycle}")?;
        }
        if self.certain {
            write!(f, "certain: no timer, no armed I/O, no blocking job, ")?;
            return write!(f, "no waker and no remote handle held outside the scheduler");
        }
        let counted = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{count} {what}s")),
        };
        let wakers = counted(self.wakers_held, "waker");
        let remotes = counted(self.remotes_held, "remote handle");
        let held: Vec<String> = wakers.into_iter().chain(remotes).collect();
        if held.is_empty() {
            return write!(f, "possible: armed I/O may still wake a task");
        }
        write!(f, "possible: {} held outside the scheduler may still be used", held.join(" and "))
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cycle: ")?;
        for (task, waits) in &self.steps {
            write!(f, "{} -> ", task.id)?;
            // A join is an arrow by itself: the task that is waited for comes next anyway.
            if !matches!(waits, WaitsFor::Join { .. }) {
                write!(f, "{} -> ", waits.what())?;
            }
        }
        match self.steps.first() {
            Some((first, _)) => write!(f, "{}", first.id),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready: Vec<String> = self.ready.iter().map(|task| task.id.to_string()).collect();
        let ready = if ready.is_empty() { "nobody".to_owned() } else { ready.join(", ") };
        writeln!(f, "turn {}, {:?} after the start; ready: {ready}", self.turn, self.elapsed)?;
        let width = widest(self.tasks.iter().map(|task| &task.label)).max(4);
        writeln!(f, "  {:width$}  state     turns  spawned at, and what it waits for", "task")?;
        for task in &self.tasks {
            let (label, state, turns) = (&task.label, task.state, task.turns);
            writeln!(f, "  {label:width$}  {state:8}  {turns:5}  {}", task.spawned_at)?;
            for wait in &task.waits {
                writeln!(f, "  {:width$}  {:8}  {:5}  waits for {wait}", "", "", "")?;
            }
        }
        match self.timers.len() {
            0 => write!(f, "  no timers"),
            1 => write!(f, "  1 timer, the next one in {}", self.next_timer()),
            count => write!(f, "  {count} timers, the next one in {}", self.next_timer()),
        }
    }
}

impl Snapshot {
    fn next_timer(&self) -> String {
        let left = self.timers.first().and_then(|timer| timer.left);
        left.map_or_else(|| "no time at all: it never fires".to_owned(), |left| format!("{left:?}"))
    }
}

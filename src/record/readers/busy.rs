//! How long each task ran and waited, and how long the scheduler slept.

use std::fmt;
use std::time::Duration;

use crate::record::printable::span;
use crate::record::readers::rows::{MOST_ROWS, numbered};
use crate::record::readers::tracks::Tracks;
use crate::record::recording::Recording;
use crate::record::state::TaskPhase;

/// How long each task ran and waited, and how long the scheduler slept: see [`Recording::busy_times`]. `Display` prints
/// a table of the 39 tasks with the most turns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusyTimes {
    /// From the first event to the last one.
    pub total: Duration,
    /// How long a task was taking its turn.
    pub busy: Duration,
    /// How long the scheduler slept.
    pub idle: Duration,
    /// The number of turns.
    pub turns: u64,
    /// The tasks, in the order in which they appear.
    pub tasks: Vec<TaskTimes>,
}

/// How long a task ran and waited.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskTimes {
    /// The task.
    pub task: u64,
    /// Its number and name, such as "3 A". Control characters are escaped, and a long name is cut.
    pub label: String,
    /// The number of turns.
    pub turns: u64,
    /// How long its turns lasted, without the turns of other tasks within them.
    pub running: Duration,
    /// How long it was in the ready queue.
    pub ready: Duration,
    /// How long it waited for a wake.
    pub waiting: Duration,
}

impl Recording {
    /// Returns how long each task ran, was ready and waited, and how long the scheduler was busy and slept.
    ///
    /// Under a virtual clock, time passes only while the scheduler sleeps.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::record::{Actor, Outcome, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let at = |milliseconds| recorder.at(Duration::from_millis(milliseconds));
    /// at(0);
    /// recorder.spawn(1, "foo", Actor::Outside);
    /// recorder.schedule(1);
    /// at(1);
    /// recorder.poll(1);
    /// at(3);
    /// recorder.returned(1, Outcome::Pending);
    /// recorder.park();
    /// at(9);
    /// recorder.unpark(Actor::Remote);
    ///
    /// let times = recorder.finish().busy_times();
    /// assert_eq!((times.busy, times.idle), (Duration::from_millis(2), Duration::from_millis(6)));
    /// let table = "
    /// task   turns  running  ready  waiting
    /// 1 foo      1     2 ms   1 ms     6 ms
    /// 1 turn in 9 ms: busy for 2 ms, asleep for 6 ms
    /// ";
    /// assert_eq!(times.to_string(), table.trim_start());
    /// ```
    pub fn busy_times(&self) -> BusyTimes {
        let time = |at: usize| {
            self.entries().get(at).or(self.entries().last()).map_or(0, |entry| entry.time)
        };
        let mut sums = Sums::default();
        let tracks = Tracks::read(self, |at, state| {
            sums.pass(time(at));
            sums.current = state.current();
            sums.is_asleep = state.parked.is_some();
        });
        let mut tasks = Vec::new();
        for track in &tracks.all {
            let (mut ready, mut waiting) = (0_u64, 0_u64);
            for span in &track.spans {
                let sum = match span.phase {
                    TaskPhase::Ready => &mut ready,
                    TaskPhase::Waiting => &mut waiting,
                    TaskPhase::Spawned | TaskPhase::Running => continue,
                };
                *sum += time(span.to) - time(span.from);
            }
            tasks.push(TaskTimes {
                task: track.task,
                label: numbered(self, &tracks, track.task, 30),
                turns: track.turns,
                running: Duration::from_nanos(sums.running.get(&track.task).copied().unwrap_or(0)),
                ready: Duration::from_nanos(ready),
                waiting: Duration::from_nanos(waiting),
            });
        }
        BusyTimes {
            total: Duration::from_nanos(time(usize::MAX) - time(0)),
            busy: Duration::from_nanos(sums.running.values().sum()),
            idle: Duration::from_nanos(sums.idle),
            turns: tracks.turns.len() as u64,
            tasks,
        }
    }
}

/// The sums of the times between events. They do not overflow: together they are the time of the last event.
#[derive(Default)]
struct Sums {
    last: Option<u64>,
    current: Option<u64>,
    is_asleep: bool,
    running: std::collections::HashMap<u64, u64>,
    idle: u64,
}

impl Sums {
    /// Counts the time since the last event.
    fn pass(&mut self, time: u64) {
        let passed = time - self.last.replace(time).unwrap_or(time);
        if passed == 0 {
            return;
        }
        if let Some(task) = self.current {
            *self.running.entry(task).or_default() += passed;
        } else if self.is_asleep {
            self.idle += passed;
        }
    }
}

impl fmt::Display for BusyTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: Vec<&TaskTimes> = self.tasks.iter().collect();
        if shown.len() > MOST_ROWS {
            shown.sort_by_key(|times| std::cmp::Reverse(times.turns));
            shown.truncate(MOST_ROWS - 1);
            let tasks: std::collections::HashSet<u64> =
                shown.iter().map(|times| times.task).collect();
            shown = self.tasks.iter().filter(|times| tasks.contains(&times.task)).collect();
        }
        let mut table = vec![["task", "turns", "running", "ready", "waiting"].map(str::to_owned)];
        for times in &shown {
            let [running, ready, waiting] = [times.running, times.ready, times.waiting].map(text);
            table.push([times.label.clone(), times.turns.to_string(), running, ready, waiting]);
        }
        let width =
            |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [0, 1, 2, 3, 4].map(width);
        for row in &table {
            write!(f, "{:<1$}", row[0], widths[0])?;
            for column in 1..row.len() {
                write!(f, "  {:>1$}", row[column], widths[column])?;
            }
            writeln!(f)?;
        }
        if shown.len() < self.tasks.len() {
            writeln!(f, "… {} more", self.tasks.len() - shown.len())?;
        }
        let turns = if self.turns == 1 { "turn" } else { "turns" };
        let [total, busy, idle] = [self.total, self.busy, self.idle].map(text);
        writeln!(f, "{} {turns} in {total}: busy for {busy}, asleep for {idle}", self.turns)
    }
}

fn text(time: Duration) -> String {
    span(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).to_string()
}

//! How snapshots and reports print themselves.

use std::fmt;

use crate::kernel::Place;
use crate::report::deadlock::{Cycle, DeadlockReport, StuckTask};
use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::request::{PendingRequest, RequestHolder};
use crate::report::snapshot::{Snapshot, TaskState};
use crate::report::wait::{Resource, WaitsFor};

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
    /// Returns the words between the task and the description.
    fn verb(&self) -> &'static str {
        match self {
            WaitsFor::Scope { .. } => "is ready, but",
            _ => "waits for",
        }
    }

    /// Returns a description, without place and owners.
    pub(crate) fn what(&self) -> String {
        match self {
            WaitsFor::Join { task, .. } => format!("task {task}"),
            WaitsFor::Sleep { left: Some(left), .. } => format!("a sleep with {left:?} left"),
            WaitsFor::Sleep { left: None, .. } => "a sleep that never ends".to_owned(),
            WaitsFor::Resource { resource, .. } => resource.to_string(),
            WaitsFor::Children { count: 1, .. } => "a child of the scope".to_owned(),
            WaitsFor::Children { count, .. } => format!("{count} children of the scope"),
            WaitsFor::Scope { .. } => "no task polls its scope".to_owned(),
            WaitsFor::Blocking { job } if job.has_begun => job.what(),
            WaitsFor::Blocking { job } => format!("{} (not started)", job.what()),
            WaitsFor::Foreign { wakers: 1 } => "something unknown that holds its waker".to_owned(),
            WaitsFor::Foreign { wakers } => {
                format!("something unknown that holds one of its {wakers} wakers")
            }
            WaitsFor::Nothing => "nothing that could wake it: no waker was kept".to_owned(),
        }
    }

    /// Returns the line for it; the description is padded to `width` if a place follows.
    fn line(&self, width: usize) -> String {
        let what = self.what();
        match self {
            WaitsFor::Join { spawned_at, .. } => format!("{what}, spawned at {spawned_at}"),
            WaitsFor::Sleep { place, .. }
            | WaitsFor::Children { place, .. }
            | WaitsFor::Scope { place }
            | WaitsFor::Blocking { job: BlockingJob { place, .. } } => {
                format!("{what:width$} at {place}")
            }
            WaitsFor::Resource { place, resource, owners } => {
                format!("{what:width$} at {place}{}", held_by(resource, owners))
            }
            WaitsFor::Foreign { .. } | WaitsFor::Nothing => what,
        }
    }

    /// Returns the width of the description, or 0 if no place follows.
    fn width(&self) -> usize {
        match self {
            WaitsFor::Join { .. } | WaitsFor::Foreign { .. } | WaitsFor::Nothing => 0,
            _ => self.what().chars().count(),
        }
    }
}

/// Returns the end of a line about a resource: which tasks hold it, and since where.
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

/// A line names at most this many owners, and counts the rest.
const OWNERS_NAMED: usize = 8;
/// The same, of what holds a request.
const HOLDERS_NAMED: usize = 8;

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(0))
    }
}

impl fmt::Display for RequestHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestHolder::Mask { place } => write!(f, "the mask at {place}"),
            RequestHolder::Scope { place } => {
                write!(f, "the scope at {place}, whose tasks have not ended")
            }
            RequestHolder::Gather { place } => {
                write!(f, "the gather at {place}, whose tasks have not ended")
            }
            RequestHolder::Ended { place } => {
                write!(f, "the tasks at {place}, which have ended for another request")
            }
            RequestHolder::CleanUp { place } => write!(f, "the clean-up of the catch at {place}"),
            RequestHolder::Catch { place } => write!(f, "the catch at {place}, which will take it"),
        }
    }
}

impl fmt::Display for PendingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = self.part {
            write!(f, "the part at {part} was ")?;
        }
        write!(f, "asked to end ({})", self.reason)?;
        for (number, holder) in self.holders.iter().take(HOLDERS_NAMED).enumerate() {
            write!(f, "{} {holder}", if number == 0 { "; held by" } else { "; and by" })?;
        }
        match self.holders.len().saturating_sub(HOLDERS_NAMED) {
            0 => Ok(()),
            others => write!(f, "; and by {others} more"),
        }
    }
}

/// Returns the number of characters in the longest of these labels.
fn widest<'a>(labels: impl Iterator<Item = &'a TaskLabel>) -> usize {
    labels.map(|label| label.to_string().chars().count()).max().unwrap_or(0)
}

impl fmt::Display for DeadlockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (turn, stuck, all) = (self.turn, self.tasks.len(), self.alive);
        let (word, can) =
            if self.certain { ("deadlock", "can") } else { ("possible deadlock", "may") };
        let tasks = if all == 1 { "task" } else { "tasks" };
        writeln!(f, "{word} at turn {turn}: {stuck} of {all} {tasks} {can} never run again")?;
        let label_width = widest(self.tasks.iter().map(|task| &task.label));
        let waits = self.tasks.iter().flat_map(|task| &task.waits);
        let width = waits.map(WaitsFor::width).max().unwrap_or(0);
        for task in &self.tasks {
            let mut label = task.label.to_string();
            for line in task.lines(width) {
                writeln!(f, "  {label:label_width$}  {line}")?;
                label.clear();
            }
        }
        for cycle in &self.cycles {
            writeln!(f, "{cycle}")?;
        }
        if self.certain {
            write!(f, "certain: no timer, no armed I/O, no blocking job, ")?;
            return write!(f, "no waker and no `Remote` held outside the scheduler");
        }
        write!(f, "possible: {}", self.why_possible())
    }
}

impl StuckTask {
    /// Returns the lines for it: each wait, then each request. A wait's description is padded to `width`.
    fn lines(&self, width: usize) -> impl Iterator<Item = String> {
        let since = self.since;
        let waits = self.waits.iter();
        let waits = waits
            .map(move |wait| format!("{} {}, since turn {since}", wait.verb(), wait.line(width)));
        let has_waits = !self.waits.is_empty();
        let requests = self.requests.iter().map(move |request| {
            let since = if has_waits { String::new() } else { format!(", since turn {since}") };
            format!("{request}{since}")
        });
        waits.chain(requests)
    }
}

impl DeadlockReport {
    /// Returns where a wake may still come from.
    fn why_possible(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{count} {what}s")),
        };
        let wakers = counted(self.wakers_held, "waker");
        let remotes = counted(self.remotes_held, "`Remote`");
        let held: Vec<String> = wakers.into_iter().chain(remotes).collect();
        let held = (!held.is_empty()).then(|| {
            format!("{} held outside the scheduler may still be used", held.join(" and "))
        });
        let jobs = counted(self.blocking.len(), "blocking job");
        let jobs = jobs.map(|jobs| format!("{jobs} may still wake a task"));
        let why: Vec<String> = held.into_iter().chain(jobs).collect();
        if why.is_empty() { "armed I/O may still wake a task".to_owned() } else { why.join("; ") }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cycle: ")?;
        for (task, waits) in &self.steps {
            write!(f, "{} -> ", task.id)?;
            // A join is not named: the task that is waited for comes next anyway.
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
        let ready = if ready.is_empty() { "none".to_owned() } else { ready.join(", ") };
        writeln!(f, "turn {}, {:?} after the start; ready: {ready}", self.turn, self.elapsed)?;
        let width = widest(self.tasks.iter().map(|task| &task.label)).max(4);
        writeln!(f, "  {:width$}  state     turns  spawned at, and what it waits for", "task")?;
        for task in &self.tasks {
            let (label, state, turns) = (&task.label, task.state, task.turns);
            writeln!(f, "  {label:width$}  {state:8}  {turns:5}  {}", task.spawned_at)?;
            for wait in &task.waits {
                writeln!(f, "  {:width$}  {:8}  {:5}  {} {wait}", "", "", "", wait.verb())?;
            }
            for request in &task.requests {
                writeln!(f, "  {:width$}  {:8}  {:5}  {request}", "", "", "")?;
            }
        }
        match self.timers.len() {
            0 => write!(f, "  no timers"),
            1 => write!(f, "  1 timer, {}", self.next_timer("which never fires")),
            count => write!(f, "  {count} timers, {}", self.next_timer("which never fire")),
        }?;
        self.blocking.iter().try_for_each(|job| write!(f, "\n  {job}"))
    }
}

impl Snapshot {
    /// Returns when the first timer fires, or `never` if none does.
    fn next_timer(&self, never: &str) -> String {
        let left = self.timers.first().and_then(|timer| timer.left);
        left.map_or_else(|| never.to_owned(), |left| format!("the next one in {left:?}"))
    }
}

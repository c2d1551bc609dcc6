//! How snapshots and reports print themselves.

use std::fmt;

use crate::report::cut::Cut;
use crate::report::deadlock::DeadlockReport;
use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::owner::{ChannelEnd, How, Owner};
use crate::report::request::{PendingRequest, RequestHolder};
use crate::report::snapshot::{Snapshot, TaskState};
use crate::report::wait::{Resource, WaitsFor};

/// How many tasks a report or snapshot prints, and how many cycles, steps of a cycle, and waits, owners and requests of
/// one task. The others are counted.
pub(crate) const TASKS: usize = 100;
const CYCLES: usize = 20;
pub(crate) const STEPS: usize = 20;
pub(crate) const DETAILS: usize = 8;

/// No column is wider than this, also if a text in it is. So a long name does not pad all other lines.
const COLUMN: usize = 60;

/// Returns the words for what is not printed, if that is anything: "… and 3 more".
pub(crate) fn and_more(all: usize, printed: usize) -> Option<String> {
    (all > printed).then(|| format!("… and {} more", all - printed))
}

impl fmt::Display for TaskLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.name {
            Some(_) if self.is_root => format!("{} main", self.id),
            Some(name) => format!("{} {:?}", self.id, Cut(name)),
            None => self.id.to_string(),
        };
        f.pad(&if self.is_elsewhere { text + " of another scheduler" } else { text })
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

    /// Returns a sentence without its subject.
    pub(crate) fn sentence(&self) -> String {
        format!("{} {}", self.verb(), self.line(0))
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

/// Returns the end of a line about a resource: which tasks hold it, and since where; which acquired it and have ended;
/// and which have created the ends of a channel that no task has used yet.
fn held_by(resource: &Resource, owners: &[Owner]) -> String {
    let is_group = matches!(resource.kind(), "join set" | "gather");
    let held = if is_group { "with" } else { "held by" };
    let of_kind = |words: &str, is_meant: &dyn Fn(&Owner) -> bool| {
        let owners = owners.iter().filter(|owner| is_meant(owner));
        let named: Vec<String> =
            owners.clone().take(DETAILS).map(|owner| owner.at(resource.kind())).collect();
        if named.is_empty() {
            return String::new();
        }
        let more = and_more(owners.count(), DETAILS);
        let named: Vec<String> = named.into_iter().chain(more).collect();
        format!(", {words} {}", named.join(", "))
    };
    let of_state = |words: &str, has_finished: bool| {
        let is_meant =
            |owner: &Owner| owner.created_end().is_none() && owner.has_finished == has_finished;
        of_kind(words, &is_meant)
    };
    let of_end = |end: ChannelEnd| {
        of_kind(&format!("{end} created by"), &|owner| owner.created_end() == Some(end))
    };
    of_state(held, false)
        + &of_state("acquired by", true)
        + &of_end(ChannelEnd::Sender)
        + &of_end(ChannelEnd::Receiver)
}

impl fmt::Display for ChannelEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChannelEnd::Sender => "sender",
            ChannelEnd::Receiver => "receiver",
        })
    }
}

impl Owner {
    /// Returns the owner of a resource of this kind, with what it did where.
    fn at(&self, kind: &str) -> String {
        let Owner { task, place, .. } = self;
        let verb = match self.how {
            How::Acquired if matches!(kind, "join set" | "gather") => "spawned ".to_owned(),
            How::Acquired if kind.contains("mutex") || kind.contains("lock") => {
                "locked ".to_owned()
            }
            How::Acquired => "taken ".to_owned(),
            How::Reserved => "reserved ".to_owned(),
            How::Used(end) => format!("{end} created "),
            How::Created(_) => String::new(),
        };
        let finished = if self.has_finished { ", which has finished" } else { "" };
        format!("{task}{finished} ({verb}at {place})")
    }
}

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
        write!(f, "asked to end ({})", Cut(&self.reason))?;
        for (number, holder) in self.holders.iter().take(DETAILS).enumerate() {
            write!(f, "{} {holder}", if number == 0 { "; held by" } else { "; and by" })?;
        }
        match self.holders.len().saturating_sub(DETAILS) {
            0 => Ok(()),
            others => write!(f, "; and by {others} more"),
        }
    }
}

/// Returns the width of a column for these labels.
pub(crate) fn widest<'a>(labels: impl Iterator<Item = &'a TaskLabel>) -> usize {
    labels.map(|label| label.to_string().chars().count()).max().unwrap_or(0).min(COLUMN)
}

impl fmt::Display for DeadlockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, can) =
            if self.certain { ("deadlock", "can") } else { ("possible deadlock", "may") };
        let tasks = self.count_of_tasks();
        writeln!(f, "{word} at turn {}: {tasks} {can} never run again", self.turn)?;
        let printed = &self.tasks[..self.tasks.len().min(TASKS)];
        let label_width = widest(printed.iter().map(|task| &task.label));
        let waits = printed.iter().flat_map(|task| task.waits.iter().take(DETAILS));
        let width = waits.map(WaitsFor::width).max().unwrap_or(0).min(COLUMN);
        for task in printed {
            let mut label = task.label.to_string();
            for line in details(&task.waits, &task.requests, width, Some(task.since)) {
                writeln!(f, "  {label:label_width$}  {line}")?;
                label.clear();
            }
        }
        if let Some(more) = and_more(self.tasks.len(), TASKS) {
            writeln!(f, "  {more} tasks")?;
        }
        for cycle in self.cycles.iter().take(CYCLES) {
            writeln!(f, "{cycle}")?;
        }
        if let Some(more) = and_more(self.cycles.len(), CYCLES) {
            writeln!(f, "{more} cycles")?;
        }
        for hold in self.holds.iter().take(DETAILS) {
            writeln!(f, "{hold}")?;
        }
        if let Some(more) = and_more(self.holds.len(), DETAILS) {
            writeln!(f, "{more} holds")?;
        }
        if self.certain {
            write!(f, "certain: no timer, no armed I/O, no blocking job, ")?;
            return write!(f, "no waker and no `Remote` held outside the scheduler");
        }
        write!(f, "possible: {}", self.why_possible())
    }
}

/// Returns a line for each wait of a task and for each request on it. A wait's description is padded to `width`.
fn details(
    waits: &[WaitsFor],
    requests: &[PendingRequest],
    width: usize,
    since: Option<u64>,
) -> Vec<String> {
    let since = since.map_or_else(String::new, |turn| format!(", since turn {turn}"));
    let of_request = if waits.is_empty() { &*since } else { "" };
    let mut lines = Vec::new();
    let wait_lines =
        waits.iter().map(|wait| format!("{} {}{since}", wait.verb(), wait.line(width)));
    lines.extend(wait_lines.take(DETAILS));
    lines.extend(and_more(waits.len(), DETAILS).map(|more| format!("{more} waits")));
    lines.extend(requests.iter().map(|request| format!("{request}{of_request}")).take(DETAILS));
    lines.extend(and_more(requests.len(), DETAILS).map(|more| format!("{more} requests")));
    lines
}

impl DeadlockReport {
    /// Returns how many tasks are stuck; and of how many, if there are others.
    fn count_of_tasks(&self) -> String {
        let (stuck, all) = (self.tasks.len(), self.alive);
        let of_all = if stuck == all { String::new() } else { format!(" of {all}") };
        let tasks = if all == 1 { "task" } else { "tasks" };
        format!("{stuck}{of_all} {tasks}")
    }

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
        let holds = counted(self.holds.len(), "hold");
        let holds = holds.map(|holds| format!("{holds} on the clock may still be dropped"));
        let others = counted(self.alive.saturating_sub(self.tasks.len()), "other task");
        let others = others.map(|others| format!("{others} may still run"));
        let why: Vec<String> = held.into_iter().chain(jobs).chain(holds).chain(others).collect();
        if why.is_empty() { "armed I/O may still wake a task".to_owned() } else { why.join("; ") }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.ready.iter().take(TASKS).map(|task| task.id.to_string());
        let ready: Vec<String> = ready.chain(and_more(self.ready.len(), TASKS)).collect();
        let ready = if ready.is_empty() { "none".to_owned() } else { ready.join(", ") };
        writeln!(f, "turn {}, {:?} after the start; ready: {ready}", self.turn, self.elapsed)?;
        let printed = &self.tasks[..self.tasks.len().min(TASKS)];
        let width = widest(printed.iter().map(|task| &task.label)).max(4);
        writeln!(f, "  {:width$}  state     turns  spawned at, and what it waits for", "task")?;
        for task in printed {
            let (label, state, turns) = (&task.label, task.state, task.turns);
            writeln!(f, "  {label:width$}  {state:8}  {turns:5}  {}", task.spawned_at)?;
            for line in details(&task.waits, &task.requests, 0, None) {
                writeln!(f, "  {:width$}  {:8}  {:5}  {line}", "", "", "")?;
            }
        }
        if let Some(more) = and_more(self.tasks.len(), TASKS) {
            writeln!(f, "  {more} tasks")?;
        }
        match self.timers.len() {
            0 => write!(f, "  no timers"),
            1 => write!(f, "  1 timer, {}", self.next_timer("which never fires")),
            count => write!(f, "  {count} timers, {}", self.next_timer("which never fire")),
        }?;
        self.blocking.iter().take(TASKS).try_for_each(|job| write!(f, "\n  {job}"))?;
        if let Some(more) = and_more(self.blocking.len(), TASKS) {
            write!(f, "\n  {more} blocking jobs")?;
        }
        self.holds.iter().take(TASKS).try_for_each(|hold| write!(f, "\n  {hold}"))?;
        let more = and_more(self.holds.len(), TASKS);
        more.map_or(Ok(()), |more| write!(f, "\n  {more} holds"))
    }
}

impl Snapshot {
    /// Returns when the first timer fires, or `never` if none does.
    fn next_timer(&self, never: &str) -> String {
        let left = self.timers.first().and_then(|timer| timer.left);
        left.map_or_else(|| never.to_owned(), |left| format!("the next one in {left:?}"))
    }
}

//! The sentences of what tasks share, such as locks and channels, and of remarks, deadlocks and ends.

use std::num::NonZeroU32;

use crate::record::event::Event;
use crate::record::names::named_resource;
use crate::record::printable::{quoted, span};
use crate::record::values::{Awaited, EndReason};
use crate::record::wording::{Wording, capitalized};

impl Wording<'_> {
    pub(crate) fn shared(&self, event: &Event) -> String {
        match *event {
            Event::Resource { resource, kind, name } => {
                let label = named_resource(self.tables, resource, kind, name);
                if self.state.resource(resource).is_some() {
                    let before = capitalized(&self.resource(resource));
                    format!("{before} is called {label} from now on.")
                } else {
                    format!("{} is used for the first time.", capitalized(&label))
                }
            }
            Event::Acquire { task, resource, count } => self.acquire(task, resource, count),
            Event::Release { task, resource, count } => self.release(task, resource, count),
            Event::Send { task, resource, length, capacity } => {
                let now = match capacity.map(NonZeroU32::get) {
                    None => format!("holds {length} now"),
                    Some(capacity) if length < capacity => {
                        format!("holds {length} of {capacity} now")
                    }
                    Some(capacity) => format!("is full now, {length} of {capacity}"),
                };
                let (name, channel) = (self.subject(task), self.resource(resource));
                format!("{name} sends a value into {channel}, which {now}.")
            }
            Event::Receive { task, resource, length } => {
                let now = match length {
                    0 => "is empty now".into(),
                    length => format!("holds {length} now"),
                };
                let (name, channel) = (self.subject(task), self.resource(resource));
                format!("{name} takes a value out of {channel}, which {now}.")
            }
            Event::Close { resource, is_gone } => {
                let how = if is_gone { "dropped" } else { "closed" };
                format!("{} is {how}.", capitalized(&self.resource(resource)))
            }
            _ => self.said(event),
        }
    }

    /// Returns whether tasks hold permits of a resource, and not the whole of it.
    pub(crate) fn has_permits(&self, resource: u64) -> bool {
        self.kind(resource) == "semaphore"
    }

    fn acquire(&self, task: u64, resource: u64, count: u32) -> String {
        let (name, on) = (self.subject(task), self.resource(resource));
        match count {
            _ if self.kind(resource) == "rwlock" => {
                let what = if count == 1 { "read" } else { "write" };
                format!("{name} has {on} now, to {what}.")
            }
            1 if !self.has_permits(resource) => format!("{name} has {on} now."),
            count => format!("{name} gets {} of {on}.", permits(count)),
        }
    }

    fn release(&self, task: u64, resource: u64, count: u32) -> String {
        let (name, on) = (self.subject(task), self.resource(resource));
        if self.kind(resource) == "rwlock" {
            let mut owners =
                self.state.resource(resource).into_iter().flat_map(|known| &known.owners);
            let held = owners.find(|(owner, _)| *owner == task).map_or(0, |&(_, held)| held);
            let rest = if count > 1 && held > count { ", but keeps it to read" } else { "" };
            return format!("{name} gives {on} back{rest}.");
        }
        match count {
            1 if !self.has_permits(resource) => format!("{name} gives {on} back."),
            count => format!("{name} gives {} of {on} back.", permits(count)),
        }
    }

    fn said(&self, event: &Event) -> String {
        match *event {
            Event::Out { task, text } => {
                format!("{} prints {}.", self.subject(task), quoted(self.text(text)))
            }
            Event::Note { text, .. } => self.remark(text),
            Event::Slow { task, took } => {
                let (name, took) = (self.task(task), span(took));
                format!("The turn of {name} took {took}, longer than the limit.")
            }
            Event::Deadlock { ref cycle } => self.deadlock(cycle),
            Event::Snapshot { .. } => snapshot_sentence(0),
            Event::End { why } => self.end(why),
            Event::Unknown { kind, .. } => {
                let kind = quoted(self.text(kind));
                format!("This version of turnwise does not know the event {kind}.")
            }
            _ => String::new(),
        }
    }

    fn deadlock(&self, cycle: &[Awaited]) -> String {
        let mut parts = Vec::new();
        for (index, &step) in cycle.iter().enumerate() {
            let next = |by: usize| cycle[(index + by) % cycle.len()];
            let (Awaited::Task(task), on) = (step, next(1)) else { continue };
            if step == on {
                continue;
            }
            let (name, awaited) = (self.task(task), self.awaited(on));
            parts.push(match (on, next(2)) {
                (Awaited::Resource(_), Awaited::Task(owner)) => {
                    format!("{name} waits for {awaited}, held by {}", self.task(owner))
                }
                _ => format!("{name} waits for {awaited}"),
            });
        }
        if parts.is_empty() {
            return "Deadlock: no task is ready, and nothing is left that could wake one.".into();
        }
        format!("Deadlock: {}.", parts.join("; "))
    }

    fn end(&self, why: EndReason) -> String {
        let why = match why {
            EndReason::Done => match self.state.tasks.len() {
                0 => "The task map is empty: the run ends.",
                1 => "The future of the `block_on` has ended: the run ends, with 1 task left.",
                left => {
                    return format!(
                        "The future of the `block_on` has ended: the run ends, with {left} tasks left."
                    );
                }
            },
            EndReason::Deadlock => "No task can ever run again: the run ends.",
            EndReason::Limit => "The recording ends here, at its limit: the program went on.",
            EndReason::Stopped => "The recording ends here: the recorder was taken off.",
            EndReason::Panic => "A panic ends the run.",
        };
        why.into()
    }
}

/// Returns the sentence of a snapshot. `dropped` is the number of events that were lost before it.
pub(crate) fn snapshot_sentence(dropped: u64) -> String {
    match dropped {
        0 => "The state at this moment is written down as a whole.".into(),
        1 => "The recording starts here: 1 earlier event was not kept.".into(),
        dropped => format!("The recording starts here: {dropped} earlier events were not kept."),
    }
}

fn permits(count: u32) -> String {
    if count == 1 { "1 permit".into() } else { format!("{count} permits") }
}

//! How a cycle prints itself, and what it depends on.

use std::collections::BTreeSet;
use std::fmt;

use crate::kernel::{Place, TaskId};
use crate::report::deadlock::{Condition, Cycle};
use crate::report::owner::{ChannelEnd, Owner};
use crate::report::printing::{DETAILS, STEPS, and_more};
use crate::report::wait::WaitsFor;

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cycle: ")?;
        for (task, waits) in self.steps.iter().take(STEPS) {
            write!(f, "{} -> ", task.id)?;
            // A join is not named: the task that is waited for comes next anyway.
            if !matches!(waits, WaitsFor::Join { .. }) {
                write!(f, "{} -> ", waits.what())?;
            }
        }
        if let Some(more) = and_more(self.steps.len(), STEPS) {
            write!(f, "{more} -> ")?;
        }
        if let Some((first, _)) = self.steps.first() {
            write!(f, "{}", first.id)?;
        }
        let assumed = self.assumed_ends();
        for (task, end, place) in assumed.iter().take(DETAILS) {
            write!(f, ", if {task} has kept the {end} created at {place}")?;
        }
        if let Some(more) = and_more(assumed.len(), DETAILS) {
            write!(f, ", {more} conditions")?;
        }
        match self.others {
            0 => Ok(()),
            1 => write!(f, "; 1 more task forms cycles with these"),
            others => write!(f, "; {others} more tasks form cycles with these"),
        }
    }
}

impl Cycle {
    /// Returns which ends of channels are assumed to have been kept, by which task, and where they were created.
    fn assumed_ends(&self) -> Vec<(TaskId, ChannelEnd, Place)> {
        let next = self.steps.iter().cycle().skip(1);
        let mut all = Vec::new();
        let mut seen = BTreeSet::new();
        for ((_, waits), (next, _)) in self.steps.iter().zip(next) {
            let WaitsFor::Resource { owners, .. } = waits else { continue };
            let is_next = |owner: &&Owner| owner.task == *next;
            let is_certain = |owner: &Owner| owner.created_end().is_none();
            let limit = match self.condition {
                Condition::None => 0,
                Condition::OneOfEach if owners.iter().filter(is_next).any(is_certain) => 0,
                Condition::OneOfEach => 1,
                Condition::All => usize::MAX,
            };
            let is_meant = |owner: &&Owner| self.condition == Condition::All || is_next(owner);
            let ends = owners
                .iter()
                .filter(is_meant)
                .filter_map(|owner| Some((owner.task.id, owner.created_end()?, owner.place)));
            all.extend(ends.take(limit).filter(|&(task, end, place)| {
                seen.insert((task, end == ChannelEnd::Sender, place))
            }));
        }
        all
    }
}

//! Holders and waiters, for the `Debug` of primitives.

use std::fmt;

use crate::kernel::{Place, TaskKey};
use crate::report::label_of;
use crate::slab::NO_ENTRY;
use crate::sync::record::WaitStage;
use crate::sync::record::with_waits;
use crate::sync::waiters::Waiters;

impl Waiters {
    /// Adds the holders and the waiters to the `Debug` output of a primitive.
    pub(crate) fn debug(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        let number = self.resource.get();
        let (name, holding, waiting) = with_waits(|waits| {
            if !self.is_listed() {
                let first = Some(self.first.get()).filter(|&first| first != NO_ENTRY);
                let first = first.map(|first| (waits.node(first).task, waits.node(first).place));
                return (None, Vec::new(), first.into_iter().collect());
            }
            let name = waits.resources[number].resource.shared_name();
            (name, waits.of(number, WaitStage::Holding), waits.of(number, WaitStage::Waiting))
        });
        if let Some(name) = name {
            f.field("name", &name);
        }
        for (title, tasks) in [("held_by", holding), ("waiters", waiting)] {
            let tasks = tasks.into_iter().map(|(task, place)| TaskAtPlace { task, place });
            let tasks: Vec<TaskAtPlace> = tasks.collect();
            if !tasks.is_empty() {
                f.field(title, &tasks);
            }
        }
    }
}

/// A holder or a waiter, as `Debug` prints it: `#3 "bob" at src/main.rs:30:20`.
struct TaskAtPlace {
    task: Option<TaskKey>,
    place: Place,
}

impl fmt::Debug for TaskAtPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task.and_then(label_of) {
            Some(label) => write!(f, "{label} at {}", self.place),
            None => write!(f, "unknown at {}", self.place),
        }
    }
}

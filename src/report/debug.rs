//! The `Debug` of waits: with some of the owners and their number, since many waits may share a long list of them.

use std::fmt;

use crate::report::printing::{DETAILS, and_more};
use crate::report::wait::{Wait, WaitsFor};

/// A list of which only the beginning is printed if it is long.
struct Beginning<'a, T>(&'a [T]);

impl<T: fmt::Debug> fmt::Debug for Beginning<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.0.iter().take(DETAILS));
        if let Some(more) = and_more(self.0.len(), DETAILS) {
            list.entry(&format_args!("{more}"));
        }
        list.finish()
    }
}

impl fmt::Debug for WaitsFor {
    /// Prints its fields, but at most eight owners, and how many others there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitsFor::Join { task, spawned_at } => {
                f.debug_struct("Join").field("task", task).field("spawned_at", spawned_at).finish()
            }
            WaitsFor::Sleep { left, place } => {
                f.debug_struct("Sleep").field("left", left).field("place", place).finish()
            }
            WaitsFor::Resource { resource, place, owners } => {
                let mut wait = f.debug_struct("Resource");
                wait.field("resource", resource).field("place", place);
                wait.field("owners", &Beginning(owners)).finish()
            }
            WaitsFor::Children { count, place } => {
                f.debug_struct("Children").field("count", count).field("place", place).finish()
            }
            WaitsFor::Scope { place } => f.debug_struct("Scope").field("place", place).finish(),
            WaitsFor::Blocking { job } => f.debug_struct("Blocking").field("job", job).finish(),
            WaitsFor::Foreign { wakers } => {
                f.debug_struct("Foreign").field("wakers", wakers).finish()
            }
            WaitsFor::Nothing => f.write_str("Nothing"),
        }
    }
}

impl fmt::Debug for Wait {
    /// Prints its fields, but at most eight owners, and how many others there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wait = f.debug_struct("Wait");
        wait.field("task", &self.task)
            .field("resource", &self.resource)
            .field("place", &self.place);
        wait.field("owners", &Beginning(&self.owners)).finish()
    }
}

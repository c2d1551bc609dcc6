//! A blocking job, as plain data.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A blocking job that is not over, in a [`Snapshot`](crate::Snapshot) or a report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockingJob {
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was handed over.
    pub place: &'static Location<'static>,
    /// Whether it runs; if not it waits for a thread.
    pub has_begun: bool,
    /// How long it has been running, or waiting for a thread, in real time.
    pub took: Duration,
}

impl BlockingJob {
    /// The job by its name, if it has one.
    pub(crate) fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("blocking job {name:?}"),
            None => "a blocking job".to_owned(),
        }
    }
}

impl fmt::Display for BlockingJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = if self.has_begun { "running" } else { "waiting for a thread" };
        write!(f, "{}, {doing} for {:?}, from {}", self.what(), self.took, self.place)
    }
}

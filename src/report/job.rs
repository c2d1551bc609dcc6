//! A blocking job, as plain data.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::report::cut::Cut;

/// An unfinished blocking job, in a [`Snapshot`](crate::Snapshot) or a report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockingJob {
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it was submitted.
    pub place: &'static Location<'static>,
    /// Whether it is running; if not, it is waiting for a thread.
    pub has_begun: bool,
    /// How long it has been running, or waiting for a thread, in real time.
    pub took: Duration,
}

impl BlockingJob {
    /// Returns the job's name for use in a sentence; "a blocking job" if it has none.
    pub(crate) fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("blocking job {:?}", Cut(name)),
            None => "a blocking job".to_owned(),
        }
    }
}

impl fmt::Display for BlockingJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = if self.has_begun { "running" } else { "waiting for a thread" };
        write!(f, "{}, {doing} for {:?}, submitted at {}", self.what(), self.took, self.place)
    }
}

//! What is told of a run that failed.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A run of a job that ended with an error, or panicked; for [`Jobs::on_failure`](crate::jobs::Jobs::on_failure).
///
/// `Display` prints it in one line.
#[derive(Clone, Debug)]
pub struct JobFailure {
    pub(super) name: Arc<str>,
    pub(super) tags: Vec<Arc<str>>,
    pub(super) place: &'static Location<'static>,
    pub(super) is_panic: bool,
    pub(super) message: String,
}

impl JobFailure {
    /// Returns the job's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the job's tags, in the order in which they were given.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| &**tag)
    }

    /// Returns where [`run`](crate::jobs::Plan::run) was called.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// Returns whether it panicked; otherwise it returned an error.
    pub fn is_panic(&self) -> bool {
        self.is_panic
    }

    /// Returns what the error's `Debug` prints, or what it panicked with, if that is a text.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_panic { "panicked" } else { "failed" };
        write!(f, "job {:?}, made at {}, {what}: {}", self.name, self.place, self.message)
    }
}

//! The report of a failed run.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A run of a job that returned an error or panicked; passed to the hook of
/// [`Jobs::on_failure`](crate::jobs::Jobs::on_failure).
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

    /// Returns the job's tags, in the order in which they were added.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| &**tag)
    }

    /// Returns where [`run`](crate::jobs::Plan::run) was called.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// Returns whether the run panicked; otherwise it returned an error.
    pub fn is_panic(&self) -> bool {
        self.is_panic
    }

    /// Returns the `Debug` output of the error, or the panic message if the payload is a string.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_panic { "panicked" } else { "failed" };
        write!(f, "job {:?}, created at {}, {what}: {}", self.name, self.place, self.message)
    }
}

//! The handle of a job: inspecting it, and cancelling it.

use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use jiff::ZonedDateTime;

use crate::jobs::entries::{JobEntry, Number};
use crate::jobs::shared::JobsShared;

/// A handle to a job, returned by [`Plan::run`](crate::jobs::Plan::run).
///
/// Dropping the handle changes nothing, and it does not keep the [`Jobs`](crate::jobs::Jobs) alive. `Debug` prints
/// what `schedule` prints: how often the job runs, its name, its last run and its next.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, jobs::{Jobs, jiff::civil::date}};
///
/// let start = date(2026, 11, 25).at(9, 0, 0, 0).in_tz("UTC")?;
/// let jobs = Jobs::starting_at(&start);
/// let backup = jobs.every(1).day().at("10:30")?.name("backup").run(async || {});
/// assert_eq!(
///     format!("{backup:?}"),
///     "every day at 10:30:00 do backup (last run: never, next run: 2026-11-25 10:30:00)",
/// );
/// backup.cancel();
/// assert!(jobs.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Job {
    pub(super) shared: Weak<JobsShared>,
    pub(super) number: Number,
    pub(super) name: Arc<str>,
}

impl Job {
    /// Cancels the job: it does not run again. A run in progress is not affected, so a job may cancel itself.
    ///
    /// Returns `false` if the job had already ended.
    #[doc(alias = "cancel_job")]
    pub fn cancel(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.remove(&[self.number]) == 1)
    }

    /// Returns the job's name: the one that was set, or that of its function.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the job's tags, in the order in which they were added; none if it has ended.
    pub fn tags(&self) -> Vec<Arc<str>> {
        self.look(|entry| entry.tags.clone()).unwrap_or_default()
    }

    /// Returns whether the job will not run again: it was cancelled or cleared, has ended itself, or has reached its
    /// `until`. Its last run may still be in progress.
    pub fn is_over(&self) -> bool {
        self.look(|_| ()).is_none()
    }

    /// Returns whether a run is in progress. For a job that has ended this is always `false`.
    pub fn is_running(&self) -> bool {
        self.look(|entry| entry.is_running).unwrap_or(false)
    }

    /// Returns when the job runs next, as the wall clock goes now; `None` if it has ended.
    ///
    /// While a run is in progress, this is the next run if that one has ended by then.
    pub fn next_run(&self) -> Option<ZonedDateTime> {
        let shared = self.shared.upgrade()?;
        let now = shared.clock.now();
        let next = self.look(|entry| entry.next)??;
        Some(shared.clock.show(next.wall_time(now)?))
    }

    /// Returns when the latest run started; `None` if the job has not run yet, or has ended.
    pub fn last_run(&self) -> Option<ZonedDateTime> {
        let shared = self.shared.upgrade()?;
        Some(shared.clock.show(self.look(|entry| entry.last_run)??))
    }

    fn look<T>(&self, at: impl FnOnce(&JobEntry) -> T) -> Option<T> {
        let shared = self.shared.upgrade()?;
        let entries = shared.entries.borrow();
        entries.get(self.number).map(at)
    }
}

/// Two handles are equal if they refer to the same job.
impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.number == other.number && Weak::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Job {}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |at: Option<ZonedDateTime>| match at {
            Some(at) => at.strftime("%F %T").to_string(),
            None => "never".to_owned(),
        };
        let Some(how) = self.look(|entry| entry.rhythm.to_string()) else {
            return write!(f, "{} (finished)", self.name);
        };
        let (last, next) = (show(self.last_run()), show(self.next_run()));
        write!(f, "{how} do {} (last run: {last}, next run: {next})", self.name)
    }
}

/// Creates handles to these jobs.
pub(super) fn handles(shared: &Rc<JobsShared>, numbers: Vec<Number>) -> Vec<Job> {
    let entries = shared.entries.borrow();
    let job = |number| Job {
        shared: Rc::downgrade(shared),
        number,
        name: Arc::clone(&entries.get(number).expect("the job has an entry").name),
    };
    numbers.into_iter().map(job).collect()
}

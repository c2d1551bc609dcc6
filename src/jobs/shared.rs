//! The state that all clones of a `Jobs`, its handles and its runs share.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::jobs::clock::{ClockReading, WallClock};
use crate::jobs::entries::{Entries, JobEntry, Number};
use crate::jobs::failure::JobFailure;
use crate::sync::Notify;

/// How long `run_forever` relies on one reading of a wall clock that can be set.
const TRUST: Duration = Duration::from_secs(60);

/// The hook that is called with each failure.
pub(super) type FailureHook = Rc<dyn Fn(&JobFailure)>;

pub(super) struct JobsShared {
    pub(super) clock: WallClock,
    pub(super) entries: RefCell<Entries>,
    /// Notified when a job was added or removed, or a run has ended, for the futures that run the jobs.
    pub(super) changed: Notify,
    pub(super) on_failure: RefCell<Option<FailureHook>>,
    /// How often `stop` was called.
    pub(super) stops: Cell<u64>,
}

impl JobsShared {
    pub(super) fn new(clock: WallClock) -> Rc<Self> {
        Rc::new(JobsShared {
            clock,
            entries: RefCell::new(Entries::new()),
            changed: Notify::new().named("jobs"),
            on_failure: RefCell::new(None),
            stops: Cell::new(0),
        })
    }

    pub(super) fn add(&self, entry: JobEntry) -> Number {
        let now = self.clock.now();
        let mut entries = self.entries.borrow_mut();
        let number = entries.add(entry, now, &self.clock.zone);
        let is_late = !entries.enqueue(number, now);
        let late = if is_late { entries.remove(number) } else { None };
        drop(entries);
        self.changed.notify_waiters();
        drop(late); // Last: this runs user code, which may panic.
        number
    }

    /// Removes jobs, and returns how many there were.
    pub(super) fn remove(&self, numbers: &[Number]) -> usize {
        let mut entries = self.entries.borrow_mut();
        let gone: Vec<JobEntry> =
            numbers.iter().filter_map(|&number| entries.remove(number)).collect();
        drop(entries); // Dropping the removed jobs, at the end, runs user code.
        if !gone.is_empty() {
            self.changed.notify_waiters();
        }
        gone.len()
    }

    /// Records that a run has ended.
    pub(super) fn end(&self, number: Number, is_last: bool) {
        let now = self.clock.now();
        let goes_on = self.entries.borrow_mut().end(number, now, &self.clock.zone);
        self.changed.notify_waiters();
        if is_last || !goes_on {
            self.remove(&[number]);
        }
    }

    /// Returns how long it is until a job is due.
    pub(super) fn wait(&self, now: ClockReading) -> Option<Duration> {
        let (counted, wall) = self.entries.borrow().waits(now);
        earlier(counted, wall)
    }

    /// Returns how long a future that runs the jobs may sleep.
    pub(super) fn sleep(&self, now: ClockReading) -> Option<Duration> {
        let (counted, wall) = self.entries.borrow().waits(now);
        let trust = if self.clock.can_jump() { TRUST } else { Duration::MAX };
        earlier(counted, wall.map(|wait| wait.min(trust)))
    }
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl fmt::Debug for JobsShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobsShared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

//! All jobs together: creating, inspecting and clearing them.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::jobs::clock::WallClock;
use crate::jobs::every::Every;
use crate::jobs::failure::JobFailure;
use crate::jobs::job::{Job, handles};
use crate::jobs::random::Random;
use crate::jobs::shared::JobsShared;

/// A set of jobs that run periodically; see the [module](crate::jobs).
///
/// Clones refer to the same jobs. The jobs are dropped when the last clone and the last future that runs them are
/// dropped.
#[derive(Clone)]
#[doc(alias = "Scheduler")]
#[doc(alias = "schedule")]
pub struct Jobs {
    pub(super) shared: Rc<JobsShared>,
}

/// Creating a set of jobs, with a wall clock.
impl Jobs {
    /// Creates an empty set of jobs, with the machine's clock and time zone.
    ///
    /// Under a virtual clock, the wall clock starts at the machine's time when it is first read, and then moves with
    /// the virtual clock.
    ///
    /// # Example
    ///
    /// The example from the documentation of `schedule`:
    ///
    /// ```no_run
    /// use turnwise::jobs::Jobs;
    ///
    /// async fn job() {
    ///     println!("I'm working...");
    /// }
    ///
    /// let jobs = Jobs::new();
    /// jobs.every(10).minutes().run(job);
    /// jobs.every(1).hour().run(job);
    /// jobs.every(1).day().at("10:30")?.run(job);
    /// jobs.every(5).to(10).minutes().run(job);
    /// jobs.every(1).monday().run(job);
    /// jobs.every(1).wednesday().at("13:15")?.run(job);
    /// jobs.every(1).minute().at(":17")?.run(job);
    /// turnwise::block_on(jobs.run_forever());
    /// # Ok::<(), turnwise::jobs::AtError>(())
    /// ```
    pub fn new() -> Self {
        Jobs::in_zone(TimeZone::system())
    }

    /// Creates an empty set of jobs, with the machine's clock in another time zone.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::jobs::{Jobs, jiff::tz::TimeZone};
    ///
    /// let jobs = Jobs::in_zone(TimeZone::get("Europe/Berlin")?);
    /// jobs.every(1).day().at("10:30")?.run(async || println!("tea time in Berlin"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_zone(zone: TimeZone) -> Self {
        Jobs { shared: JobsShared::new(WallClock::system(zone)) }
    }

    /// Creates an empty set of jobs whose wall clock starts at this time, in its time zone, and moves with the
    /// scheduler's clock: for tests with virtual time. The wall clock stands still until it is first read in a
    /// running scheduler.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, jobs::{Jobs, jiff::civil::date}};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::starting_at(&date(2026, 11, 25).at(9, 0, 0, 0).in_tz("Europe/Berlin")?);
    /// let job = jobs.every(1).day().at("10:30")?;
    /// job.run(async || turnwise::jobs::Done);
    /// scheduler.block_on(jobs.run_until_empty());
    /// assert_eq!(jobs.now().datetime(), date(2026, 11, 25).at(10, 30, 0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn starting_at(start: &ZonedDateTime) -> Self {
        Jobs { shared: JobsShared::new(WallClock::starting_at(start)) }
    }

    /// Creates an empty set of jobs whose wall clock shows what a function returns, in this time zone. It may jump,
    /// forward and back.
    ///
    /// The function must not panic: it is also called while futures are dropped.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    /// use turnwise::jobs::{Jobs, jiff::{Timestamp, civil::date, tz::TimeZone}};
    ///
    /// let shown = Rc::new(Cell::new(Timestamp::UNIX_EPOCH));
    /// let clock = Rc::clone(&shown);
    /// let jobs = Jobs::with_clock(TimeZone::UTC, move || clock.get());
    /// jobs.every(1).day().at("10:30")?.run(async || {});
    /// assert_eq!(jobs.idle_seconds(), Some(Duration::from_secs(10 * 3600 + 1800)));
    /// shown.set(Timestamp::from_second(10 * 3600)?);
    /// assert_eq!(jobs.idle_seconds(), Some(Duration::from_secs(1800)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_clock(zone: TimeZone, clock: impl Fn() -> Timestamp + 'static) -> Self {
        Jobs { shared: JobsShared::new(WallClock::from_fn(zone, Box::new(clock))) }
    }

    /// Sets the seed for the random waits of [`to`](Every::to) from now on. The default is 0.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        self.shared.entries.borrow_mut().random = Random::new(seed);
        self
    }

    /// Returns what the wall clock shows.
    pub fn now(&self) -> ZonedDateTime {
        self.shared.clock.show(self.shared.clock.now().wall)
    }
}

/// Creating, clearing and inspecting jobs.
impl Jobs {
    /// Starts a schedule: every n seconds, every third day, every Monday. [`Plan::run`](crate::jobs::Plan::run)
    /// completes it and creates the job.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::jobs::Jobs;
    ///
    /// let jobs = Jobs::new();
    /// jobs.every(10).seconds().tag("c1").run(async || println!("ten seconds"));
    /// assert_eq!(jobs.clear("c1"), 1);
    /// ```
    #[track_caller]
    pub fn every(&self, count: u32) -> Every<'_> {
        assert!(count > 0, "`every(0)` is not an interval: a job needs `every(1)` or more");
        Every { shared: &self.shared, from: count, to: count }
    }

    /// Removes every job with this tag, and returns how many there were. Runs in progress are not affected, so a job
    /// may clear itself.
    pub fn clear(&self, tag: impl fmt::Display) -> usize {
        let numbers = self.shared.entries.borrow().tagged(&tag.to_string());
        self.shared.remove(&numbers)
    }

    /// Removes every job, and returns how many there were. Runs in progress are not affected.
    #[doc(alias = "clear")]
    pub fn clear_all(&self) -> usize {
        let numbers = self.shared.entries.borrow().numbers();
        self.shared.remove(&numbers)
    }

    /// Returns all jobs, in the order in which they were created.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::jobs::Jobs;
    ///
    /// let jobs = Jobs::new();
    /// jobs.every(1).hour().name("check").run(async || {});
    /// jobs.every(2).hours().name("sweep").run(async || {});
    /// let names: Vec<String> = jobs.all().iter().map(|job| job.name().to_owned()).collect();
    /// assert_eq!(names, ["check", "sweep"]);
    /// ```
    #[doc(alias = "get_jobs")]
    pub fn all(&self) -> Vec<Job> {
        let numbers = self.shared.entries.borrow().numbers();
        handles(&self.shared, numbers)
    }

    /// Returns the jobs with this tag, in the order in which they were created.
    #[doc(alias = "get_jobs")]
    pub fn tagged(&self, tag: impl fmt::Display) -> Vec<Job> {
        let numbers = self.shared.entries.borrow().tagged(&tag.to_string());
        handles(&self.shared, numbers)
    }

    /// Returns the number of jobs. A job that ends itself is counted until that run has ended.
    pub fn len(&self) -> usize {
        self.shared.entries.borrow().len()
    }

    /// Returns whether there are no jobs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how long it is until the next job is due: zero if one is due already, `None` if no job is waiting. A
    /// running job is not waiting.
    #[doc(alias = "idle_time")]
    pub fn idle_seconds(&self) -> Option<Duration> {
        self.shared.wait(self.shared.clock.now())
    }

    /// Returns when the next job is due, as the wall clock goes now; `None` if no job is waiting. If a job is due
    /// already, this is not in the future.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::jobs::{Jobs, jiff::civil::date};
    ///
    /// let jobs = Jobs::starting_at(&date(2026, 11, 25).at(9, 0, 0, 0).in_tz("UTC")?);
    /// assert_eq!(jobs.next_run(), None);
    /// jobs.every(2).hours().run(async || {});
    /// jobs.every(1).hour().at(":30")?.run(async || {});
    /// assert_eq!(jobs.next_run().unwrap().datetime(), date(2026, 11, 25).at(9, 30, 0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_run(&self) -> Option<ZonedDateTime> {
        let now = self.shared.clock.now();
        let next = self.shared.entries.borrow().next(now)?;
        Some(self.shared.clock.show(next.wall_time(now)?))
    }

    /// Sets a hook that is called with each failed run: one that returns an `Err` or panics. The job's next run is
    /// not affected.
    ///
    /// Without a hook, the scheduler reports failed runs like all failures that nothing reads: to
    /// [`on_report`](crate::scheduler::Builder::on_report), or on stderr. The hook is called by the future that runs
    /// the jobs, and a panic in it propagates to the task that awaits that future.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use turnwise::{Scheduler, jobs::Jobs};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// let log = Rc::new(RefCell::new(Vec::new()));
    /// let failures = Rc::clone(&log);
    /// jobs.on_failure(move |failure| failures.borrow_mut().push(failure.message().to_owned()));
    /// jobs.every(1).day().run(async || Err::<(), _>("the disk is full"));
    /// scheduler.block_on(jobs.run_all());
    /// assert_eq!(*log.borrow(), [r#""the disk is full""#]);
    /// assert_eq!(jobs.len(), 1);
    /// ```
    pub fn on_failure(&self, hook: impl Fn(&JobFailure) + 'static) {
        let before = self.shared.on_failure.replace(Some(Rc::new(hook)));
        drop(before); // Runs user code, and nothing is borrowed.
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Jobs::new()
    }
}

/// Prints a list of the jobs.
impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jobs ")?;
        f.debug_list().entries(self.all()).finish()
    }
}

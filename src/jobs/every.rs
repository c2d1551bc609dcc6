//! The schedule of a job, step by step: `every(10).minutes()`, `every(1).monday().at("09:00")`.

use std::any::type_name;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use jiff::civil::Weekday;

use crate::jobs::at::{AtError, parse};
use crate::jobs::entries::{JobEntry, JobRun};
use crate::jobs::job::Job;
use crate::jobs::outcome::Outcome;
use crate::jobs::rhythm::Rhythm;
use crate::jobs::shared::JobsShared;
use crate::jobs::unit::Unit;
use crate::jobs::until::Until;

/// An interval without its unit, created by [`Jobs::every`](crate::jobs::Jobs::every).
#[derive(Debug)]
#[must_use = "a job is not scheduled until `run` is called"]
pub struct Every<'a> {
    pub(super) shared: &'a Rc<JobsShared>,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl<'a> Every<'a> {
    /// Makes each wait random, from the argument of `every` up to this one, both inclusive.
    ///
    /// The numbers are drawn from the [seed](crate::jobs::Jobs::seeded), so the same program has the same waits on
    /// every run.
    ///
    /// # Panics
    ///
    /// If `longest` is less than the argument of `every`.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::jobs::Jobs;
    ///
    /// let jobs = Jobs::new();
    /// jobs.every(5).to(10).seconds().run(async || {});
    /// let wait = jobs.idle_seconds().unwrap();
    /// assert!((5..=10).contains(&wait.as_secs()));
    /// ```
    #[track_caller]
    pub fn to(mut self, longest: u32) -> Self {
        assert!(longest >= self.from, "`every(n).to(m)` needs `m` to be at least `n`");
        self.to = longest;
        self
    }

    fn unit(self, unit: Unit) -> Plan<'a> {
        let Every { shared, from: every, to } = self;
        let rhythm = Rhythm { every, to, unit, weekday: None, at: None };
        Plan { shared, rhythm, until: None, tags: Vec::new(), name: None }
    }

    fn weekday(self, weekday: Weekday) -> Plan<'a> {
        let mut plan = self.unit(Unit::Week);
        plan.rhythm.weekday = Some(weekday);
        plan
    }
}

macro_rules! units {
    ($($(#[$about:meta])* $one:ident $many:ident $unit:ident;)*) => {
        /// The units. Singular and plural mean the same.
        impl<'a> Every<'a> {$(
            $(#[$about])*
            pub fn $many(self) -> Plan<'a> {
                self.unit(Unit::$unit)
            }

            #[doc = concat!("The same as [`", stringify!($many), "`](Every::", stringify!($many), "), for `every(1)`.")]
            pub fn $one(self) -> Plan<'a> {
                self.unit(Unit::$unit)
            }
        )*}
    };
}

units! {
    /// Counts in seconds, on the scheduler's clock.
    second seconds Second;
    /// Counts in minutes: on the scheduler's clock, or with [`at`](Plan::at) on the wall clock.
    minute minutes Minute;
    /// Counts in hours: on the scheduler's clock, or with [`at`](Plan::at) on the wall clock.
    hour hours Hour;
    /// Counts in days, on the wall clock. The time of day is set with [`at`](Plan::at); the default is that of the
    /// job's creation.
    day days Day;
    /// Counts in weeks, on the wall clock. The time of day is set with [`at`](Plan::at); the default is that of the
    /// job's creation.
    week weeks Week;
}

macro_rules! weekdays {
    ($($name:ident $weekday:ident)*) => {
        /// The days of the week, on the wall clock. The first run is on the nearest such day, whatever the argument
        /// of `every`; each further run is that many weeks after the one before.
        impl<'a> Every<'a> {$(
            #[doc = concat!("On ", stringify!($weekday), "s, on the wall clock.")]
            /// The time of day is set with [`at`](Plan::at); the default is that of the job's creation.
            pub fn $name(self) -> Plan<'a> {
                self.weekday(Weekday::$weekday)
            }
        )*}
    };
}

weekdays! {
    monday Monday
    tuesday Tuesday
    wednesday Wednesday
    thursday Thursday
    friday Friday
    saturday Saturday
    sunday Sunday
}

/// How often and in which unit a job will run, and its options; [`run`](Plan::run) creates the job.
#[derive(Debug)]
#[must_use = "a job is not scheduled until `run` is called"]
pub struct Plan<'a> {
    shared: &'a Rc<JobsShared>,
    rhythm: Rhythm,
    until: Option<Until>,
    tags: Vec<Arc<str>>,
    name: Option<Arc<str>>,
}

impl Plan<'_> {
    /// Sets when the job runs within its unit, on the wall clock.
    ///
    /// | unit | written as | meaning |
    /// |---|---|---|
    /// | days, weeks, a day of the week | `"10:30"`, `"9:30"`, `"10:30:15"` | the time of day |
    /// | hours | `":30"`, `"30:15"` | the minute, and second, of the hour |
    /// | minutes | `":30"` | the second of the minute |
    ///
    /// With `every(1)`, the first run is the next time that the clock shows this. With `every(n)`, it is n units
    /// after the one in the current day, hour or minute, as in `schedule`. For times that a day does not have, or has
    /// twice, see the [module](crate::jobs#the-wall-clock).
    ///
    /// # Errors
    ///
    /// [`AtError`] if the text has another format, if there is no such time, or if the unit is seconds.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::jobs::{Jobs, jiff::civil::date};
    ///
    /// let jobs = Jobs::starting_at(&date(2026, 11, 25).at(11, 0, 0, 0).in_tz("UTC")?);
    /// let job = jobs.every(1).day().at("10:30")?.run(async || {});
    /// assert_eq!(job.next_run().unwrap().datetime(), date(2026, 11, 26).at(10, 30, 0, 0));
    /// assert!(jobs.every(1).day().at("half past ten").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(mut self, time: impl AsRef<str>) -> Result<Self, AtError> {
        self.rhythm.at = Some(parse(time.as_ref(), self.rhythm.unit)?);
        Ok(self)
    }

    /// Sets the last moment at which the job may run, on the wall clock. The job ends when its next run would be
    /// later than that, even if it has never run.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    /// use turnwise::{Scheduler, jobs::Jobs};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// let runs = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&runs);
    /// scheduler.block_on(async {
    ///     let job = jobs.every(10).minutes().until(Duration::from_secs(3600));
    ///     job.run(async move || count.set(count.get() + 1));
    ///     jobs.run_until_empty().await;
    /// });
    /// assert_eq!(runs.get(), 6);
    /// ```
    pub fn until(mut self, last: impl Into<Until>) -> Self {
        self.until = Some(last.into());
        self
    }

    /// Adds a tag, for [`clear`](crate::jobs::Jobs::clear): a text, a number, or anything else that implements
    /// `Display`. A job can have several.
    pub fn tag(mut self, tag: impl fmt::Display) -> Self {
        let tag: Arc<str> = tag.to_string().into();
        if !self.tags.contains(&tag) {
            self.tags.push(tag);
        }
        self
    }

    /// Sets the name of the job, which is also the name of its runs' tasks. The default is the name of its function,
    /// or of the function that contains its closure.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Creates the job from a function or closure that is async or returns a future. It is called for each run.
    ///
    /// Nothing runs yet: call [`run_pending`](crate::jobs::Jobs::run_pending) or
    /// [`run_forever`](crate::jobs::Jobs::run_forever) for that. [`Outcome`] describes what the output means. The job
    /// belongs to the `Jobs` until it ends: dropping the returned handle changes nothing. A closure that owns a clone
    /// of the `Jobs` keeps it alive, and so itself, until the job ends.
    ///
    /// A job whose first run would be after its `until`, or beyond the calendar, ends immediately.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{Scheduler, jobs::Jobs};
    ///
    /// async fn greet(name: &str) {
    ///     println!("hello, {name}");
    /// }
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// let jobs = Jobs::new();
    /// let (name, me) = (String::from("bob"), jobs.clone());
    /// jobs.every(3).seconds().tag("greetings").run(async move || {
    ///     greet(&name).await;
    ///     me.clear("greetings");
    /// });
    /// scheduler.block_on(jobs.run_until_empty());
    /// ```
    #[track_caller]
    #[doc(alias = "do")]
    pub fn run<F, T>(mut self, job: F) -> Job
    where
        F: AsyncFn() -> T + 'static,
        T: Outcome,
    {
        let clock = &self.shared.clock;
        let now = clock.now();
        self.rhythm.settle(now, &clock.zone);
        let name = self.name.unwrap_or_else(|| name_of::<F>().into());
        let job = Rc::new(job);
        let start = move || -> JobRun {
            let job = Rc::clone(&job);
            Box::pin(async move { job().await.verdict() })
        };
        let number = self.shared.add(JobEntry {
            rhythm: self.rhythm,
            until: self.until.map(|until| until.resolve(now, clock)),
            tags: self.tags,
            name: Arc::clone(&name),
            place: Location::caller(),
            start: Rc::new(start),
            last_run: None,
            next: None,
            is_running: false,
        });
        Job { shared: Rc::downgrade(self.shared), number, name }
    }
}

/// Returns the name of a function, or of the function that contains a closure.
fn name_of<F>() -> &'static str {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    // Without generic arguments.
    let path =
        path.split_once('<').map_or(path, |(head, _)| if head.is_empty() { path } else { head });
    path.rsplit("::").find(|word| !word.is_empty()).unwrap_or(path)
}

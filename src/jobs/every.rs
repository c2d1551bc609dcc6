//! Saying when a job runs, word by word: `every(10).minutes()`, `every(1).monday().at("09:00")`.

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

/// How often: made by [`Jobs::every`](crate::jobs::Jobs::every), and waits for the unit.
#[derive(Debug)]
#[must_use = "a job is made by `run`"]
pub struct Every<'a> {
    pub(super) shared: &'a Rc<JobsShared>,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl<'a> Every<'a> {
    /// Makes each wait a random one, from what `every` was given to this, both of which it can be.
    ///
    /// It is random for whoever looks on; the numbers are drawn from the [seed](crate::jobs::Jobs::seeded), so the
    /// same program waits equally long at each run.
    ///
    /// # Panics
    ///
    /// If it is less than what `every` was given.
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
        assert!(longest >= self.from, "`every(n).to(m)` needs an m that is not less than n");
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
        /// The units. Singular and plural are the same, for whoever reads it.
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
    /// So many seconds, by the scheduler's clock.
    second seconds Second;
    /// So many minutes: by the scheduler's clock, or with [`at`](Plan::at) by the wall clock.
    minute minutes Minute;
    /// So many hours: by the scheduler's clock, or with [`at`](Plan::at) by the wall clock.
    hour hours Hour;
    /// So many days, by the wall clock: [`at`](Plan::at) some time, or at that at which the job is made.
    day days Day;
    /// So many weeks, by the wall clock: [`at`](Plan::at) some time, or at that at which the job is made.
    week weeks Week;
}

macro_rules! weekdays {
    ($($name:ident $weekday:ident)*) => {
        /// The days of the week, by the wall clock. The first run is on the nearest one, whatever `every` was given;
        /// each further one is so many weeks after that.
        impl<'a> Every<'a> {$(
            #[doc = concat!("On ", stringify!($weekday), "s: [`at`](Plan::at) some time, or at that at which the job is made.")]
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

/// How often, in which unit, and what else there is to say of a job before it is made.
#[derive(Debug)]
#[must_use = "a job is made by `run`"]
pub struct Plan<'a> {
    shared: &'a Rc<JobsShared>,
    rhythm: Rhythm,
    until: Option<Until>,
    tags: Vec<Arc<str>>,
    name: Option<Arc<str>>,
}

impl Plan<'_> {
    /// Says when in its unit the job runs, by the wall clock.
    ///
    /// | unit | written as | meaning |
    /// |---|---|---|
    /// | days, weeks, a day of the week | `"10:30"`, `"9:30"`, `"10:30:15"` | the time of day |
    /// | hours | `":30"`, `"30:15"` | the minute, and second, of the hour |
    /// | minutes | `":30"` | the second of the minute |
    ///
    /// With `every(1)` the first run is the next time that the clock shows this. With `every(n)` it is n units after
    /// the one in the present day, hour or minute, as in `schedule`. What becomes of times that a day does not
    /// have, or has twice, is told in the docs of the [module](crate::jobs#the-wall-clock).
    ///
    /// # Errors
    ///
    /// [`AtError`] if it is not written so, if there is no such time, or if the unit is seconds.
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

    /// Sets the last moment at which the job may run, by the wall clock. When its next run is later than that, it is
    /// over; so it may be over before it has run.
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

    /// Adds a tag, for [`clear`](crate::jobs::Jobs::clear): a text, or a number or whatever else has `Display`. There
    /// can be several.
    pub fn tag(mut self, tag: impl fmt::Display) -> Self {
        let tag: Arc<str> = tag.to_string().into();
        if !self.tags.contains(&tag) {
            self.tags.push(tag);
        }
        self
    }

    /// Names the job: its runs are tasks of this name. Unless it is named it is called as its function is.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes the job: a function, or a closure, that is async or returns a future, and is called at each run.
    ///
    /// Nothing runs yet: that is what [`run_pending`](crate::jobs::Jobs::run_pending) and
    /// [`run_forever`](crate::jobs::Jobs::run_forever) are for. What the output means is told at [`Outcome`]. The job
    /// belongs to the `Jobs` until it is over: dropping the returned handle changes nothing. A closure that owns a
    /// clone of the `Jobs` keeps it alive, and itself with it, until it is over.
    ///
    /// A job whose first run would be after its `until`, or after the last day of the calendar, is over at once.
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

/// The name of a function, or of the one that a closure is in.
fn name_of<F>() -> &'static str {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    // Without the types that it is made for.
    let path =
        path.split_once('<').map_or(path, |(head, _)| if head.is_empty() { path } else { head });
    path.rsplit("::").find(|word| !word.is_empty()).unwrap_or(path)
}

//! All jobs, and which of them is due next: two sorted sets, one for each clock.
//!
//! A waiting job is in one of the sets; a running one is in none, so it cannot be started twice. A job that is
//! removed is returned to the caller, to be dropped while nothing is borrowed, since dropping it runs user
//! code.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::jobs::clock::{ClockReading, between};
use crate::jobs::outcome::JobError;
use crate::jobs::random::Random;
use crate::jobs::rhythm::{Point, Rhythm};

/// The number of a job, in order of creation.
pub(super) type Number = u64;

/// A run of a job: returns whether the job continues, or what went wrong.
pub(super) type JobRun = Pin<Box<dyn Future<Output = Result<std::ops::ControlFlow<()>, JobError>>>>;

/// A job.
pub(super) struct JobEntry {
    pub(super) rhythm: Rhythm,
    pub(super) until: Option<Timestamp>,
    pub(super) tags: Vec<Arc<str>>,
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) start: Rc<dyn Fn() -> JobRun>,
    pub(super) last_run: Option<Timestamp>,
    /// `None` if the next point is beyond the calendar, or after `until`.
    pub(super) next: Option<Point>,
    /// A running job is in no set.
    pub(super) is_running: bool,
}

/// All jobs of a [`Jobs`](crate::jobs::Jobs).
pub(super) struct Entries {
    jobs: BTreeMap<Number, JobEntry>,
    counted: BTreeSet<(Duration, Number)>,
    wall: BTreeSet<(Timestamp, Number)>,
    tags: HashMap<Arc<str>, BTreeSet<Number>>,
    made: Number,
    pub(super) random: Random,
}

impl Entries {
    pub(super) fn new() -> Self {
        Entries {
            jobs: BTreeMap::new(),
            counted: BTreeSet::new(),
            wall: BTreeSet::new(),
            tags: HashMap::new(),
            made: 0,
            random: Random::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn get(&self, number: Number) -> Option<&JobEntry> {
        self.jobs.get(&number)
    }

    /// Returns the numbers of all jobs, in order of creation.
    pub(super) fn numbers(&self) -> Vec<Number> {
        self.jobs.keys().copied().collect()
    }

    /// Returns the numbers of the jobs with this tag, in order of creation.
    pub(super) fn tagged(&self, tag: &str) -> Vec<Number> {
        self.tags.get(tag).map(|numbers| numbers.iter().copied().collect()).unwrap_or_default()
    }

    // ----- adding and removing -----

    pub(super) fn add(
        &mut self,
        mut entry: JobEntry,
        now: ClockReading,
        zone: &TimeZone,
    ) -> Number {
        self.made += 1;
        let count = self.random.between(entry.rhythm.every, entry.rhythm.to);
        entry.next = entry.rhythm.first(now, count, zone);
        for tag in &entry.tags {
            self.tags.entry(Arc::clone(tag)).or_default().insert(self.made);
        }
        self.jobs.insert(self.made, entry);
        self.made
    }

    /// Puts a waiting job into its set. Returns whether it can ever run again; if it cannot, the caller must
    /// remove it.
    pub(super) fn enqueue(&mut self, number: Number, now: ClockReading) -> bool {
        let Some(entry) = self.jobs.get_mut(&number) else { return true };
        entry.is_running = false;
        if let Some(until) = entry.until {
            let is_in_time = |point: &Point| point.wall_time(now).is_some_and(|at| at <= until);
            entry.next = entry.next.filter(is_in_time);
        }
        match entry.next {
            None => false,
            Some(Point::Counted(at)) => self.counted.insert((at, number)),
            Some(Point::Wall { at, .. }) => self.wall.insert((at, number)),
        }
    }

    fn dequeue(&mut self, number: Number, point: Option<Point>) {
        match point {
            None => {}
            Some(Point::Counted(at)) => drop(self.counted.remove(&(at, number))),
            Some(Point::Wall { at, .. }) => drop(self.wall.remove(&(at, number))),
        }
    }

    /// Takes a job out. A run in progress is not affected.
    #[must_use = "drop it while nothing is borrowed"]
    pub(super) fn remove(&mut self, number: Number) -> Option<JobEntry> {
        let entry = self.jobs.remove(&number)?;
        self.dequeue(number, entry.next);
        for tag in &entry.tags {
            if let Some(numbers) = self.tags.get_mut(tag) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.tags.remove(tag);
                }
            }
        }
        Some(entry)
    }

    // ----- what is due -----

    /// Returns the jobs that are due: the most overdue first, then in order of creation.
    pub(super) fn due(&self, now: ClockReading) -> Vec<Number> {
        let counted = self.counted.iter().map_while(|(at, number)| {
            let point = Point::Counted(*at);
            point.is_due(now).then(|| (point.delay(now), *number))
        });
        let late = |at: Timestamp| between(at, now.wall);
        let wall = self
            .wall
            .iter()
            .map_while(|(at, number)| (*at <= now.wall).then(|| (late(*at), *number)));
        let mut due: Vec<(Duration, Number)> = counted.chain(wall).collect();
        due.sort_unstable_by_key(|&(late, number)| (std::cmp::Reverse(late), number));
        due.into_iter().map(|(_, number)| number).collect()
    }

    /// Returns how long it is until the next job on the scheduler's clock, and until the next one on the wall
    /// clock.
    pub(super) fn waits(&self, now: ClockReading) -> (Option<Duration>, Option<Duration>) {
        let counted = self.counted.first().map(|(at, _)| at.saturating_sub(now.counted));
        let wall = self.wall.first().map(|(at, _)| between(now.wall, *at));
        (counted, wall)
    }

    /// Returns the next point at which a job is due.
    pub(super) fn next(&self, now: ClockReading) -> Option<Point> {
        let first = |number: &Number| self.jobs.get(number).and_then(|entry| entry.next);
        let counted = self.counted.first().and_then(|(_, number)| first(number));
        let wall = self.wall.first().and_then(|(_, number)| first(number));
        let both = counted.into_iter().chain(wall);
        both.min_by_key(|point| point.wall_time(now).unwrap_or(Timestamp::MAX))
    }

    /// Takes a waiting job out of its set, because it starts. `None` if the job was removed, or is already
    /// running.
    ///
    /// Sets its next point, which holds if this run does not last beyond it.
    pub(super) fn begin(
        &mut self,
        number: Number,
        now: ClockReading,
        zone: &TimeZone,
    ) -> Option<&JobEntry> {
        let entry = self.jobs.get(&number).filter(|entry| !entry.is_running)?;
        let point = entry.next?;
        self.dequeue(number, Some(point));
        let entry = self.jobs.get_mut(&number).expect("the job has an entry");
        entry.is_running = true;
        entry.last_run = Some(now.wall);
        if point.is_due(now) {
            let count = self.random.between(entry.rhythm.every, entry.rhythm.to);
            let after = |point| entry.rhythm.after(point, now, count, zone);
            // If the point after this one is also due, this run serves both.
            entry.next = after(point)
                .and_then(|next| if next.is_due(now) { after(next) } else { Some(next) });
        }
        Some(entry)
    }

    /// Records that a run has ended: its job waits again, and what it missed in the meantime is not made up
    /// for. Returns whether the job can ever run again.
    pub(super) fn end(&mut self, number: Number, now: ClockReading, zone: &TimeZone) -> bool {
        let Some(entry) = self.jobs.get_mut(&number) else { return true };
        if let Some(point) = entry.next
            && !point.delay(now).is_zero()
        {
            let count = self.random.between(entry.rhythm.every, entry.rhythm.to);
            entry.next = entry.rhythm.after(point, now, count, zone);
        }
        self.enqueue(number, now)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("jobs", &self.jobs.len()).finish_non_exhaustive()
    }
}

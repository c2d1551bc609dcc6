//! All jobs, and which of them is due next: two sets in order, one for each clock.
//!
//! A job that waits is in one of the sets; one that runs is in none, so it cannot be started twice. Taking a job
//! out gives it to the caller, who drops it when nothing is borrowed: it has code of the user's in it.

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

/// The number of a job, in the order in which they were made.
pub(super) type Number = u64;

/// A run of a job: whether it wants to run again, or what went wrong.
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
    /// `None` if no calendar has it, or `until` is before it.
    pub(super) next: Option<Point>,
    /// Then it is in no set.
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

    /// All jobs in the order in which they were made.
    pub(super) fn numbers(&self) -> Vec<Number> {
        self.jobs.keys().copied().collect()
    }

    /// Those with this tag, in that order.
    pub(super) fn tagged(&self, tag: &str) -> Vec<Number> {
        self.tags.get(tag).map(|numbers| numbers.iter().copied().collect()).unwrap_or_default()
    }

    // ----- coming and going -----

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

    /// Puts a job that waits into its set. Returns whether it can ever run again; if not it is to be removed.
    pub(super) fn enqueue(&mut self, number: Number, now: ClockReading) -> bool {
        let Some(entry) = self.jobs.get_mut(&number) else { return true };
        entry.is_running = false;
        if let Some(until) = entry.until {
            let is_in_time = |point: &Point| point.on_the_wall(now).is_some_and(|at| at <= until);
            entry.next = entry.next.filter(is_in_time);
        }
        match entry.next {
            None => false,
            Some(Point::Counted(at)) => self.counted.insert((at, number)),
            Some(Point::TimeSource { at, .. }) => self.wall.insert((at, number)),
        }
    }

    fn dequeue(&mut self, number: Number, point: Option<Point>) {
        match point {
            None => {}
            Some(Point::Counted(at)) => drop(self.counted.remove(&(at, number))),
            Some(Point::TimeSource { at, .. }) => drop(self.wall.remove(&(at, number))),
        }
    }

    /// Takes a job out. A run that goes on is not told.
    #[must_use = "it is dropped when nothing is borrowed"]
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

    /// The jobs that are due: who has waited longest first, then who was made first.
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

    /// How long it is until the next job by the clock that counts, and until the next by the wall clock.
    pub(super) fn waits(&self, now: ClockReading) -> (Option<Duration>, Option<Duration>) {
        let counted = self.counted.first().map(|(at, _)| at.saturating_sub(now.counted));
        let wall = self.wall.first().map(|(at, _)| between(now.wall, *at));
        (counted, wall)
    }

    /// The next point at which a job is due.
    pub(super) fn next(&self, now: ClockReading) -> Option<Point> {
        let first = |number: &Number| self.jobs.get(number).and_then(|entry| entry.next);
        let counted = self.counted.first().and_then(|(_, number)| first(number));
        let wall = self.wall.first().and_then(|(_, number)| first(number));
        let both = counted.into_iter().chain(wall);
        both.min_by_key(|point| point.on_the_wall(now).unwrap_or(Timestamp::MAX))
    }

    /// Takes a job that waits out of its set, because it starts. `None` if it is gone, or runs already.
    ///
    /// Its next point is set, as it is if this run does not last longer than that.
    pub(super) fn begin(
        &mut self,
        number: Number,
        now: ClockReading,
        zone: &TimeZone,
    ) -> Option<&JobEntry> {
        let entry = self.jobs.get(&number).filter(|entry| !entry.is_running)?;
        let point = entry.next?;
        self.dequeue(number, Some(point));
        let entry = self.jobs.get_mut(&number).expect("it was there");
        entry.is_running = true;
        entry.last_run = Some(now.wall);
        if point.is_due(now) {
            let count = self.random.between(entry.rhythm.every, entry.rhythm.to);
            let after = |point| entry.rhythm.after(point, now, count, zone);
            // A point of this very moment is served by this run.
            entry.next = after(point)
                .and_then(|next| if next.is_due(now) { after(next) } else { Some(next) });
        }
        Some(entry)
    }

    /// A run has ended: its job waits again, and what it missed meanwhile is not made up for. Returns whether
    /// it can ever run again.
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

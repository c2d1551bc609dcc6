//! The two clocks of jobs: the scheduler's clock, which counts, and the wall clock.
//!
//! Jobs with a fixed interval count on the scheduler's clock, which never jumps. Jobs at a time of day follow the
//! wall clock, which can be set.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::machine::{Instant, has_clock, real_time};
use crate::time::{Time, current_time};

/// The wall clock, its time zone, and the time that the schedulers' clocks have counted.
pub(super) struct WallClock {
    pub(super) zone: TimeZone,
    wall: TimeSource,
    /// Where counting on the latest scheduler's clock started; `None` before the first run.
    origin: Cell<Option<Origin>>,
    /// The time counted at the latest reading.
    latest: Cell<Duration>,
}

/// Where counting on a scheduler's clock started.
#[derive(Clone, Copy)]
struct Origin {
    scheduler: NonZeroU32,
    /// A real clock continues between runs, and is the same for all schedulers.
    is_real: bool,
    at: Instant,
    /// The time counted on earlier clocks.
    counted: Duration,
}

enum TimeSource {
    /// The machine's clock. Under a virtual clock only the start comes from the machine, and is remembered.
    Machine(Cell<Option<Timestamp>>),
    /// Starts at this time when counting starts.
    From(Timestamp),
    /// Returned by a function that the user has passed.
    Function(Box<dyn Fn() -> Timestamp>),
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub(super) counted: Duration,
    pub(super) wall: Timestamp,
}

impl WallClock {
    pub(super) fn system(zone: TimeZone) -> Self {
        WallClock::new(zone, TimeSource::Machine(Cell::new(None)))
    }

    pub(super) fn starting_at(start: &ZonedDateTime) -> Self {
        WallClock::new(start.time_zone().clone(), TimeSource::From(start.timestamp()))
    }

    pub(super) fn from_fn(zone: TimeZone, clock: Box<dyn Fn() -> Timestamp>) -> Self {
        WallClock::new(zone, TimeSource::Function(clock))
    }

    fn new(zone: TimeZone, wall: TimeSource) -> Self {
        WallClock { zone, wall, origin: Cell::new(None), latest: Cell::new(Duration::ZERO) }
    }

    /// Reads both clocks. May run user code, so nothing should be borrowed.
    pub(super) fn now(&self) -> ClockReading {
        let counted = self.counted();
        ClockReading { counted, wall: self.wall(counted) }
    }

    /// Returns how long the scheduler's clock has run. Before the first run that is zero, and between the runs of a
    /// virtual clock it stands still.
    fn counted(&self) -> Duration {
        let (origin, now) = match (current_time(), self.origin.get()) {
            (Some(time), _) => (self.origin_in(&time), time.instant_now()),
            (None, Some(origin)) if origin.is_real => (origin, real_time()),
            (None, _) => return self.latest.get(),
        };
        let counted = origin.counted + now.saturating_duration_since(origin.at);
        self.latest.set(self.latest.get().max(counted));
        self.latest.get()
    }

    /// Returns where counting on this clock started. On another scheduler's clock, counting continues from the time
    /// counted so far.
    fn origin_in(&self, time: &Time) -> Origin {
        let is_real = !time.clock.is_virtual();
        if let Some(origin) = self.origin.get()
            && (origin.scheduler == time.scheduler || (origin.is_real && is_real))
        {
            return origin;
        }
        let (at, counted) = (time.instant_now(), self.latest.get());
        let origin = Origin { scheduler: time.scheduler, is_real, at, counted };
        self.origin.set(Some(origin));
        origin
    }

    fn wall(&self, counted: Duration) -> Timestamp {
        let start = match &self.wall {
            TimeSource::Function(clock) => return clock(),
            TimeSource::From(start) => *start,
            TimeSource::Machine(_) if self.can_jump() => return machine_time(),
            TimeSource::Machine(start) => {
                let from_now = || machine_time().checked_sub(counted).unwrap_or(Timestamp::MIN);
                let at = start.get().unwrap_or_else(from_now);
                start.set(Some(at));
                at
            }
        };
        later(start, counted).unwrap_or(Timestamp::MAX)
    }

    /// Returns whether the wall clock can be set between two readings.
    pub(super) fn can_jump(&self) -> bool {
        match &self.wall {
            TimeSource::Function(_) => true,
            TimeSource::From(_) => false,
            TimeSource::Machine(_) => self.origin.get().is_none_or(|origin| origin.is_real),
        }
    }

    pub(super) fn show(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.zone.clone())
    }
}

/// Reads the machine's wall clock.
fn machine_time() -> Timestamp {
    assert!(
        has_clock(),
        "jobs need a wall clock, and this target has none: create them with `Jobs::starting_at` or `Jobs::with_clock`"
    );
    Timestamp::now()
}

/// Returns the point in time that is later by this duration; `None` beyond the year 9999.
pub(super) fn later(at: Timestamp, by: Duration) -> Option<Timestamp> {
    at.checked_add(by).ok()
}

/// Returns the time from one point in time to a later one; zero if that is not later.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = match self.wall {
            TimeSource::Machine(_) => "machine",
            TimeSource::From(_) => "counted",
            TimeSource::Function(_) => "custom",
        };
        f.debug_struct("WallClock")
            .field("wall", &wall)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

//! The two clocks of jobs: one that counts, and one that hangs on the wall.
//!
//! What comes every so many seconds counts by the scheduler's clock, which never jumps. What comes at a time of
//! day goes by the wall clock, which can be set.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::time::{Time, current_time};

/// What the wall clock shows, and where it hangs.
pub(super) struct WallClock {
    pub(super) zone: TimeZone,
    wall: TimeSource,
    /// Where it has begun to count by the clock of the latest scheduler; `None` before the first run.
    origin: Cell<Option<Origin>>,
    /// How far it had counted when it was last read.
    latest: Cell<Duration>,
}

/// Where the counting began by a scheduler's clock.
#[derive(Clone, Copy)]
struct Origin {
    scheduler: NonZeroU32,
    /// A real clock goes on when the run is over, and is the same for all schedulers.
    is_real: bool,
    at: Instant,
    /// How far it had counted by the clocks before.
    counted: Duration,
}

enum TimeSource {
    /// The machine's. Under a virtual clock only its start is the machine's, which is remembered.
    Machine(Cell<Option<Timestamp>>),
    /// It showed this when it began to count.
    From(Timestamp),
    /// Whatever somebody says.
    Said(Box<dyn Fn() -> Timestamp>),
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub(super) counted: Duration,
    pub(super) wall: Timestamp,
}

impl WallClock {
    pub(super) fn of_the_machine(zone: TimeZone) -> Self {
        WallClock::new(zone, TimeSource::Machine(Cell::new(None)))
    }

    pub(super) fn starting_at(start: &ZonedDateTime) -> Self {
        WallClock::new(start.time_zone().clone(), TimeSource::From(start.timestamp()))
    }

    pub(super) fn said_by(zone: TimeZone, clock: Box<dyn Fn() -> Timestamp>) -> Self {
        WallClock::new(zone, TimeSource::Said(clock))
    }

    fn new(zone: TimeZone, wall: TimeSource) -> Self {
        WallClock { zone, wall, origin: Cell::new(None), latest: Cell::new(Duration::ZERO) }
    }

    /// Reads both. May run code of the user's, so nothing should be borrowed.
    pub(super) fn now(&self) -> ClockReading {
        let counted = self.counted();
        ClockReading { counted, wall: self.wall(counted) }
    }

    /// How long the scheduler's clock has gone. Before the first run that is nothing, and between the runs of
    /// a virtual clock it stands still.
    fn counted(&self) -> Duration {
        let (origin, now) = match (current_time(), self.origin.get()) {
            (Some(time), _) => (self.origin_in(&time), time.instant_now()),
            (None, Some(origin)) if origin.is_real => (origin, Instant::now()),
            (None, _) => return self.latest.get(),
        };
        let counted = origin.counted + now.saturating_duration_since(origin.at);
        self.latest.set(self.latest.get().max(counted));
        self.latest.get()
    }

    /// By another scheduler's clock it goes on from where it has come to.
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
            TimeSource::Said(clock) => return clock(),
            TimeSource::From(start) => *start,
            TimeSource::Machine(_) if self.can_jump() => return Timestamp::now(),
            TimeSource::Machine(start) => {
                let from_now = || Timestamp::now().checked_sub(counted).unwrap_or(Timestamp::MIN);
                let at = start.get().unwrap_or_else(from_now);
                start.set(Some(at));
                at
            }
        };
        later(start, counted).unwrap_or(Timestamp::MAX)
    }

    /// Whether the wall clock can be set while nobody looks.
    pub(super) fn can_jump(&self) -> bool {
        match &self.wall {
            TimeSource::Said(_) => true,
            TimeSource::From(_) => false,
            TimeSource::Machine(_) => self.origin.get().is_none_or(|origin| origin.is_real),
        }
    }

    pub(super) fn show(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.zone.clone())
    }
}

/// A point in time that is so much later; `None` beyond the year 9999.
pub(super) fn later(at: Timestamp, by: Duration) -> Option<Timestamp> {
    at.checked_add(by).ok()
}

/// How long it is from one point in time to a later one; nothing if that is not later.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = match self.wall {
            TimeSource::Machine(_) => "the machine's",
            TimeSource::From(_) => "counted",
            TimeSource::Said(_) => "said",
        };
        f.debug_struct("WallClock")
            .field("wall", &wall)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

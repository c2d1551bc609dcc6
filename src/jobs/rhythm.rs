//! When a job runs next: pure arithmetic, which reads no clock and changes nothing.
//!
//! Each job has a grid of points in time: every n seconds from the first, or every third day at 10:30. A missed run
//! is not made up for; the next one is at the next point of the same grid. With waits of random length (`to`) there
//! is no grid: each wait counts from the point before or, if that is too long ago, from now.

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::jobs::at::At;
use crate::jobs::clock::{ClockReading, between, later};
use crate::jobs::unit::Unit;

/// How often a job runs, and when.
#[derive(Clone, Debug)]
pub(super) struct Rhythm {
    pub(super) every: u32,
    /// Not less than `every`.
    pub(super) to: u32,
    pub(super) unit: Unit,
    pub(super) weekday: Option<Weekday>,
    pub(super) at: Option<At>,
}

/// A point in time at which a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// On the scheduler's clock.
    Counted(Duration),
    /// On the wall clock. `date` is the day of the grid: a time that this day does not have may come a day later.
    Wall { at: Timestamp, date: Date },
}

impl Point {
    /// Returns whether the point has been reached.
    pub(super) fn is_due(self, now: ClockReading) -> bool {
        match self {
            Point::Counted(at) => at <= now.counted,
            Point::Wall { at, .. } => at <= now.wall,
        }
    }

    /// Returns how long ago the point was; zero if it has not been reached.
    pub(super) fn delay(self, now: ClockReading) -> Duration {
        match self {
            Point::Counted(at) => now.counted.saturating_sub(at),
            Point::Wall { at, .. } => between(at, now.wall),
        }
    }

    /// Returns what the wall clock will show then, unless it is set before.
    pub(super) fn wall_time(self, now: ClockReading) -> Option<Timestamp> {
        match self {
            Point::Wall { at, .. } => Some(at),
            Point::Counted(at) => match at.checked_sub(now.counted) {
                Some(wait) => later(now.wall, wait),
                None => now.wall.checked_sub(now.counted.saturating_sub(at)).ok(),
            },
        }
    }
}

impl Rhythm {
    /// Gives a job of days or weeks without an `at` the time of day at which it is created.
    pub(super) fn settle(&mut self, now: ClockReading, zone: &TimeZone) {
        if self.is_of_days() && self.at.is_none() {
            self.at = Some(At::Time(local(now.wall, zone).1));
            // Not in the future, so the first run is a whole period away.
        }
    }

    fn is_of_days(&self) -> bool {
        matches!(self.unit, Unit::Day | Unit::Week)
    }

    /// Returns the first point, if the first wait is `count` units. `None` if it is beyond the calendar.
    pub(super) fn first(&self, now: ClockReading, count: u32, zone: &TimeZone) -> Option<Point> {
        match self.at {
            None => Some(Point::Counted(now.counted + self.unit.seconds() * second(count))),
            Some(At::Second(at)) => self.first_at_offset(now, count, zone, at),
            Some(At::Time(time)) => self.first_day(now, count, zone, time),
        }
    }

    /// Returns the next point after this one that is not in the past, if the wait is `count` units.
    pub(super) fn after(
        &self,
        point: Point,
        now: ClockReading,
        count: u32,
        zone: &TimeZone,
    ) -> Option<Point> {
        match (point, self.at) {
            (Point::Wall { at, .. }, Some(At::Second(offset))) => {
                self.next_at_offset(at, now, count, zone, offset)
            }
            (Point::Wall { at, date }, Some(At::Time(time))) => {
                self.next_day((at, date), now, count, zone, time)
            }
            (Point::Wall { .. }, None) => {
                unreachable!("only a job with an `at` follows the wall clock")
            }
            (Point::Counted(at), _) => Some(Point::Counted(self.next_count(at, now, count))),
        }
    }

    // ----- counted -----

    fn next_count(&self, at: Duration, now: ClockReading, count: u32) -> Duration {
        let period = self.unit.seconds() * second(count);
        let next = at + period;
        if next >= now.counted {
            return next;
        }
        if self.every != self.to {
            return now.counted + period;
        }
        let behind = now.counted.saturating_sub(at);
        let behind = Duration::new(behind.as_secs() % period.as_secs(), behind.subsec_nanos());
        if behind.is_zero() { now.counted } else { now.counted + period.saturating_sub(behind) }
    }

    // ----- a second of the minute, or of the hour -----

    fn first_at_offset(
        &self,
        now: ClockReading,
        count: u32,
        zone: &TimeZone,
        offset: i64,
    ) -> Option<Point> {
        if count == 1 {
            return Some(wall(self.offset_after(now.wall, zone, offset)?, zone));
        }
        let this = self.in_same(now.wall, zone, offset)?;
        let at = seconds_later(this, i64::from(self.unit.seconds()) * i64::from(count))?;
        Some(wall(self.aligned(at, zone, offset)?, zone))
    }

    fn next_at_offset(
        &self,
        last: Timestamp,
        now: ClockReading,
        count: u32,
        zone: &TimeZone,
        offset: i64,
    ) -> Option<Point> {
        if count == 1 {
            let before_now = now.wall.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            return Some(wall(self.offset_after(last.max(before_now), zone, offset)?, zone));
        }
        let step = i64::from(self.unit.seconds()) * i64::from(count);
        let mut at = self.aligned(seconds_later(last, step)?, zone, offset)?;
        if at < now.wall {
            let missed = between(last, now.wall).as_secs() / step.unsigned_abs();
            at = seconds_later(last, step.checked_mul(i64::try_from(missed).ok()?)?)?;
            at = self.aligned(at, zone, offset)?;
        }
        while at <= last || at < now.wall {
            at = self.aligned(seconds_later(at, step)?, zone, offset)?;
        }
        Some(wall(at, zone))
    }

    /// Returns the point at this offset in the same minute, or hour.
    fn in_same(&self, at: Timestamp, zone: &TimeZone, offset: i64) -> Option<Timestamp> {
        let whole = Timestamp::from_second(at.as_second()).ok()?;
        seconds_later(whole, offset - self.seconds_into(whole, zone))
    }

    /// Returns the first point at this offset after a point in time.
    fn offset_after(&self, at: Timestamp, zone: &TimeZone, offset: i64) -> Option<Timestamp> {
        let second = at.as_nanosecond().div_euclid(1_000_000_000) + 1;
        self.aligned(Timestamp::from_second(second.try_into().ok()?).ok()?, zone, offset)
    }

    /// Returns the first point at this offset that is not before a whole second. If the clocks change before it, the
    /// search continues from the change: that matters for changes of less than an hour.
    fn aligned(&self, mut at: Timestamp, zone: &TimeZone, offset: i64) -> Option<Timestamp> {
        loop {
            let missing =
                (offset - self.seconds_into(at, zone)).rem_euclid(i64::from(self.unit.seconds()));
            let found = seconds_later(at, missing)?;
            match zone.following(at).next().map(|change| change.timestamp()) {
                Some(change) if change <= found => at = change,
                _ => return Some(found),
            }
        }
    }

    /// Returns how many seconds into its minute, or hour, the wall clock is.
    fn seconds_into(&self, at: Timestamp, zone: &TimeZone) -> i64 {
        let (_, time) = local(at, zone);
        let second = i64::from(time.minute()) * 60 + i64::from(time.second());
        second % i64::from(self.unit.seconds())
    }

    // ----- a time of day -----

    fn first_day(
        &self,
        now: ClockReading,
        count: u32,
        zone: &TimeZone,
        time: Time,
    ) -> Option<Point> {
        let (today, _) = local(now.wall, zone);
        let ahead = match self.weekday {
            Some(weekday) => i64::from(weekday.since(today.weekday())),
            None if count == 1 => 0,
            None => i64::from(count) * self.unit.days(),
        };
        let mut date = days_later(today, ahead)?;
        let mut at = zone.to_timestamp(date.to_datetime(time)).ok()?;
        while at <= now.wall {
            date = days_later(date, self.unit.days())?;
            at = zone.to_timestamp(date.to_datetime(time)).ok()?;
        }
        Some(Point::Wall { at, date })
    }

    fn next_day(
        &self,
        (last, last_date): (Timestamp, Date),
        now: ClockReading,
        count: u32,
        zone: &TimeZone,
        time: Time,
    ) -> Option<Point> {
        let step = i64::from(count) * self.unit.days();
        let (today, _) = local(now.wall, zone);
        let missed = today.duration_since(last_date).as_hours() / 24 / step;
        let mut date = days_later(last_date, step * missed.max(1))?;
        let mut at = zone.to_timestamp(date.to_datetime(time)).ok()?;
        while at <= last || at < now.wall {
            date = days_later(date, step)?;
            at = zone.to_timestamp(date.to_datetime(time)).ok()?;
        }
        Some(Point::Wall { at, date })
    }
}

/// Returns a duration of this many seconds.
fn second(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn wall(at: Timestamp, zone: &TimeZone) -> Point {
    Point::Wall { at, date: local(at, zone).0 }
}

/// Returns the date and time that the wall clock shows.
fn local(at: Timestamp, zone: &TimeZone) -> (Date, Time) {
    let shown = zone.to_datetime(at);
    (shown.date(), shown.time())
}

fn seconds_later(at: Timestamp, seconds: i64) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn days_later(date: Date, days: i64) -> Option<Date> {
    date.checked_add(SignedDuration::from_secs(days.checked_mul(86400)?)).ok()
}

/// "every 10 seconds", "every 2 to 5 days at 10:30:00", "every Monday at 09:00:00".
impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.name();
        let weekday = self.weekday.map(|weekday| format!("{weekday:?}"));
        let unit = weekday.as_deref().unwrap_or(unit);
        match (self.every, self.to) {
            (1, 1) => write!(f, "every {unit}")?,
            (every, to) if every == to => write!(f, "every {every} {unit}s")?,
            (every, to) => write!(f, "every {every} to {to} {unit}s")?,
        }
        match self.at {
            None => Ok(()),
            Some(At::Time(time)) => write!(f, " at {time}"),
            Some(At::Second(second)) if self.unit == Unit::Minute => write!(f, " at :{second:02}"),
            Some(At::Second(second)) if second % 60 == 0 => write!(f, " at :{:02}", second / 60),
            Some(At::Second(second)) => write!(f, " at {:02}:{:02}", second / 60, second % 60),
        }
    }
}

//! The argument of `.until(…)`: the last moment at which a job may run.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::{Timestamp, ZonedDateTime};

use crate::jobs::clock::{ClockReading, WallClock, later};

/// The last moment at which a job may run, for [`until`](crate::jobs::Plan::until): a point in time, a date and time
/// in the zone of the jobs, or a duration from now.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::jobs::{Until, jiff::civil::date};
///
/// let until: Until = date(2026, 12, 24).at(18, 0, 0, 0).into();
/// let until: Until = Duration::from_secs(3600).into();
/// # let _ = until;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until(Last);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Point(Timestamp),
    Civil(DateTime),
    FromNow(Duration),
}

impl Until {
    /// Returns the point in time, limited to the range of timestamps.
    pub(super) fn resolve(self, now: ClockReading, clock: &WallClock) -> Timestamp {
        match self.0 {
            Last::Point(at) => at,
            // Civil dates reach slightly beyond the range of timestamps, at both ends.
            Last::Civil(at) => clock.zone.to_timestamp(at).unwrap_or(if at.year() < 0 {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            }),
            Last::FromNow(length) => later(now.wall, length).unwrap_or(Timestamp::MAX),
        }
    }
}

impl From<Timestamp> for Until {
    fn from(at: Timestamp) -> Self {
        Until(Last::Point(at))
    }
}

impl From<ZonedDateTime> for Until {
    fn from(at: ZonedDateTime) -> Self {
        Until(Last::Point(at.timestamp()))
    }
}

impl From<DateTime> for Until {
    fn from(at: DateTime) -> Self {
        Until(Last::Civil(at))
    }
}

impl From<Duration> for Until {
    fn from(length: Duration) -> Self {
        Until(Last::FromNow(length))
    }
}

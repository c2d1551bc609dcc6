//! Points in time as numbers, with additions that never overflow.

use std::time::Duration;

/// A point in time, in nanoseconds since the scheduler was created; negative before that. Also a length of time. 2⁶³
/// nanoseconds are 292 years.
pub(crate) type Nanos = i64;

/// The point in time that never comes.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// The last point in time that does come.
pub(crate) const LAST: Nanos = NEVER - 1;

/// Converts a duration to nanoseconds; 292 years or more become [`NEVER`].
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

/// Adds a length of time to a point in time that the clock has reached; a sum that is out of range becomes [`NEVER`].
pub(crate) fn later(now: Nanos, length: Nanos) -> Nanos {
    now.checked_add(length).unwrap_or(NEVER)
}

/// Returns the time from one point in time to a later one; zero if that is not later.
pub(crate) fn between(from: Nanos, to: Nanos) -> Duration {
    Duration::from_nanos(to.saturating_sub(from).max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_out_of_range_never_ends() {
        assert_eq!(nanos(Duration::MAX), NEVER);
        assert_eq!(nanos(Duration::from_nanos(1 << 63)), NEVER);
        assert_eq!(nanos(Duration::from_nanos((1 << 63) - 2)), LAST);
        assert_eq!(later(5, NEVER), NEVER);
        assert_eq!(later(LAST, 1), NEVER);
        assert_eq!(later(2, 3), 5);
    }

    #[test]
    fn the_time_between_is_never_negative() {
        assert_eq!(between(-2, 3), Duration::from_nanos(5));
        assert_eq!(between(3, -2), Duration::ZERO);
        assert_eq!(between(Nanos::MIN, NEVER), Duration::from_nanos((1 << 63) - 1));
    }
}

//! Points in time as numbers, with additions that never overflow.

use std::time::Duration;

/// A point in time: nanoseconds since the scheduler was created. 2⁶³ of them are 292 years.
pub(crate) type Nanos = u64;

/// The point in time that never comes.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// The last point in time that does come.
pub(crate) const LAST: Nanos = (1 << 63) - 1;

/// Converts a duration to nanoseconds; more than 292 years become [`NEVER`].
pub(crate) fn nanos(duration: Duration) -> Nanos {
    match Nanos::try_from(duration.as_nanos()) {
        Ok(nanos) if nanos <= LAST => nanos,
        _ => NEVER,
    }
}

/// Adds a length of time to a point in time; a sum that is out of range becomes [`NEVER`].
pub(crate) fn later(now: Nanos, length: Nanos) -> Nanos {
    match now.checked_add(length) {
        Some(sum) if sum <= LAST => sum,
        _ => NEVER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_out_of_range_never_ends() {
        assert_eq!(nanos(Duration::MAX), NEVER);
        assert_eq!(nanos(Duration::from_nanos(1 << 63)), NEVER);
        assert_eq!(nanos(Duration::from_nanos((1 << 63) - 1)), (1 << 63) - 1);
        assert_eq!(later(5, NEVER), NEVER);
        assert_eq!(later((1 << 63) - 1, 1), NEVER);
        assert_eq!(later(2, 3), 5);
    }
}

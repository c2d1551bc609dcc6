//! Points in time as numbers, and sums of them that never overflow.

use std::time::Duration;

/// A point in time: nanoseconds since the scheduler was made. 2⁶³ of them are 292 years.
pub(crate) type Nanos = u64;

/// The point in time that never comes.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// The last point in time that comes.
pub(crate) const LAST: Nanos = (1 << 63) - 1;

/// Turns a length of time into nanoseconds; what is longer than 292 years never ends.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    match Nanos::try_from(duration.as_nanos()) {
        Ok(nanos) if nanos <= LAST => nanos,
        _ => NEVER,
    }
}

/// Adds a length to a point in time; what is out of range is never.
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
    fn what_is_too_long_never_ends() {
        assert_eq!(nanos(Duration::MAX), NEVER);
        assert_eq!(nanos(Duration::from_nanos(1 << 63)), NEVER);
        assert_eq!(nanos(Duration::from_nanos((1 << 63) - 1)), (1 << 63) - 1);
        assert_eq!(later(5, NEVER), NEVER);
        assert_eq!(later((1 << 63) - 1, 1), NEVER);
        assert_eq!(later(2, 3), 5);
    }
}

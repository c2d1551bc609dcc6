//! Points in time on a machine without a clock: only a virtual clock moves between them.

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// A point in time. This target has no clock, so instants come from the virtual clock of a scheduler,
/// [`time::now`](crate::time::now).
///
/// It has the methods of [`std::time::Instant`] except `now` and `elapsed`, which could only panic here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// Where the virtual clocks start. There are as many years before as a sleep can be long.
    pub(crate) const ORIGIN: Instant = Instant(Duration::from_nanos(1 << 63));

    /// Returns the time from an earlier instant to this one; zero if that one is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// Returns the time from an earlier instant to this one; `None` if that one is later.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// Returns the time from an earlier instant to this one; zero if that one is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the instant that is later by `duration`; `None` if that cannot be represented.
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// Returns the instant that is earlier by `duration`; `None` if that cannot be represented.
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn add(self, duration: Duration) -> Instant {
        self.checked_add(duration).expect("the instant is too late to be represented")
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn sub(self, duration: Duration) -> Instant {
        self.checked_sub(duration).expect("the instant is too early to be represented")
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The same program with both types, so that one which is written for std's compiles and works with this one.
    macro_rules! differences {
        ($Instant:ty, $start:expr) => {{
            let (start, second): ($Instant, _) = ($start, Duration::from_secs(1));
            let (mut later, mut earlier) = (start + 3 * second, start - second);
            later += second;
            earlier -= second;
            assert!(earlier < start && start < later);
            [
                later.duration_since(start),
                earlier.duration_since(start),
                later - earlier,
                start.saturating_duration_since(later),
                later.checked_duration_since(start).unwrap(),
                later.checked_sub(second).unwrap() - start,
                earlier.checked_add(second).map_or(second, |at| start - at),
                start.checked_duration_since(later).unwrap_or(Duration::MAX),
                start.checked_add(Duration::MAX).map_or(second, |at| at - start),
            ]
        }};
    }

    #[test]
    fn instants_without_a_clock_count_like_those_of_std() {
        let with_clock = differences!(std::time::Instant, std::time::Instant::now());
        assert_eq!(differences!(Instant, Instant::ORIGIN), with_clock);
        assert_eq!(Instant::ORIGIN.checked_sub(Duration::MAX), None);
    }
}

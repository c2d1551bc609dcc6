//! The clock: real, or virtual. A virtual one is moved by hand, or by the scheduler when nothing else can happen.

use std::cell::Cell;
use std::time::Duration;

use crate::machine::{Instant, real_time_since};
use crate::time::nanos::{LAST, Nanos, between, nanos};

/// The scheduler's clock. It never goes back.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    /// The virtual time, or the latest reading of the real clock.
    now: Cell<Nanos>,
    is_virtual: bool,
}

impl Clock {
    /// Creates a clock that counts from `base`.
    pub(crate) fn new(base: Instant, is_virtual: bool) -> Self {
        Clock { base, now: Cell::new(0), is_virtual }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.is_virtual
    }

    /// Reads the clock. Reading a real one costs as much as two turns, so this should be rare.
    pub(crate) fn now(&self) -> Nanos {
        if !self.is_virtual {
            self.now.set(self.now.get().max(nanos(real_time_since(self.base))));
        }
        self.now.get()
    }

    /// Returns the time since the base.
    pub(crate) fn elapsed(&self) -> Duration {
        between(0, self.now())
    }

    /// Returns the latest reading, without taking a new one.
    pub(crate) fn latest(&self) -> Nanos {
        self.now.get()
    }

    /// Moves a virtual clock forward, but never beyond [`LAST`].
    pub(crate) fn jump(&self, to: Nanos) {
        debug_assert!(self.is_virtual, "a real clock moves by itself");
        self.now.set(self.now.get().max(to.min(LAST)));
    }

    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        let length = Duration::from_nanos(at.unsigned_abs());
        if at < 0 {
            return self.base.checked_sub(length).unwrap_or(self.base);
        }
        let far = Duration::from_secs(86400 * 365 * 30);
        self.base.checked_add(length).unwrap_or(self.base + far)
    }

    pub(crate) fn at(&self, instant: Instant) -> Nanos {
        match instant.checked_duration_since(self.base) {
            Some(after) => nanos(after),
            None => -nanos(self.base.saturating_duration_since(instant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::real_time;
    use crate::time::nanos::NEVER;

    #[test]
    fn a_virtual_clock_moves_forward_only() {
        let clock = Clock::new(real_time(), true);
        clock.jump(10);
        clock.jump(4);
        assert_eq!(clock.now(), 10);
        assert_eq!(clock.at(clock.instant(10)), 10);
    }

    // Two deadlines in the past keep their order, also if the scheduler was created after them.
    #[test]
    fn a_point_in_time_before_the_scheduler_is_kept() {
        let clock = Clock::new(real_time(), false);
        let before = clock.base.checked_sub(Duration::from_nanos(7)).unwrap();
        assert_eq!(clock.at(before), -7);
        assert_eq!(clock.instant(-7), before);
    }

    #[test]
    fn no_point_in_time_is_out_of_range() {
        let clock = Clock::new(real_time(), true);
        for shift in 0..63 {
            assert!(clock.instant(1 << shift) >= clock.base);
            assert!(clock.instant(-1 << shift) <= clock.base);
        }
        assert!(clock.instant(NEVER) >= clock.base);
        assert!(clock.instant(Nanos::MIN) <= clock.base);
    }
}

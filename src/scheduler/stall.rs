//! A stall: nothing can run, and it is not certain that nothing ever will. What is due while it lasts.

use std::time::Duration;

use crate::machine::{Instant, real_time};
use crate::report::DeadlockReport;

/// What `on_stall` installed.
pub(crate) struct StallAlarm {
    pub(super) after: Duration,
    pub(super) callback: Box<dyn FnMut(&DeadlockReport)>,
}

/// How long after its start a stall is looked at again for the first time.
const FIRST_LOOK: Duration = Duration::from_millis(10);

/// The stall that a run is in. It lasts until the next turn, and counts real time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    /// The turn after which nothing has happened.
    pub(super) turn: u64,
    since: Instant,
    /// When it is looked at again, from its start.
    look_at: Duration,
    /// The observers were notified.
    pub(super) was_observed: bool,
    /// The callback of `on_stall` was called.
    pub(super) was_reported: bool,
}

impl Stall {
    pub(super) fn begin(turn: u64) -> Self {
        let (was_observed, was_reported) = (false, false);
        Stall { turn, since: real_time(), look_at: FIRST_LOOK, was_observed, was_reported }
    }

    /// The observers were notified, and the callback was called.
    pub(super) fn told(self) -> Self {
        Stall { was_observed: true, was_reported: true, ..self }
    }

    /// Returns how long it has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        real_time().saturating_duration_since(self.since)
    }

    /// Returns how long until the next look at a stall that has lasted this long. The pauses between the looks are
    /// 10 ms, 20 ms, 40 ms and so on. So what can be seen is seen after twice the time at the latest, and a thread that
    /// has nothing to do is hardly ever woken.
    pub(super) fn until_look(&mut self, elapsed: Duration) -> Duration {
        while self.look_at <= elapsed {
            self.look_at = self.look_at.saturating_mul(2).saturating_add(FIRST_LOOK);
        }
        self.look_at.saturating_sub(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_between_looks_double_however_often_the_thread_is_woken() {
        let mut stall = Stall::begin(0);
        let mut pause = |elapsed| {
            let left = stall.until_look(Duration::from_millis(elapsed));
            u64::try_from(left.as_millis()).unwrap()
        };
        assert_eq!([0, 10, 30, 70].map(&mut pause), [10, 20, 40, 80]);
        assert_eq!([71, 72, 149].map(&mut pause), [79, 78, 1], "it was woken early");
        assert_eq!([150, 1000].map(&mut pause), [160, 270], "it was woken late");
        let hour = 3_600_000;
        assert!(pause(hour) <= hour + 10);
        let mut stall = Stall::begin(0);
        stall.until_look(Duration::MAX.saturating_sub(Duration::from_nanos(1))); // Without an overflow.
    }
}

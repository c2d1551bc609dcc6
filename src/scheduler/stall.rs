//! The alarm of `on_stall`: when its callback is due.

use std::time::Duration;

use crate::machine::{Instant, real_time};
use crate::report::DeadlockReport;

/// What `on_stall` installed: it is due when nothing has happened for a while, and it is not certain that nothing ever
/// will.
pub(crate) struct StallAlarm {
    after: Duration,
    pub(super) callback: Box<dyn FnMut(&DeadlockReport)>,
    /// The turn after which nothing has happened, since when, and whether the alarm was due.
    stall: Option<(u64, Instant, bool)>,
}

impl StallAlarm {
    pub(super) fn new(after: Duration, callback: Box<dyn FnMut(&DeadlockReport)>) -> Self {
        StallAlarm { after, callback, stall: None }
    }

    /// Returns how long until the callback is due, given that nothing has happened since this turn: zero if it is due
    /// now, `None` if it was called already. Counts real time, from the first call for this turn.
    pub(super) fn time_left(&mut self, turn: u64) -> Option<Duration> {
        let now = real_time();
        let stall = self.stall.take_if(|(of, ..)| *of == turn);
        let (_, since, was_reported) = stall.unwrap_or((turn, now, false));
        let left = self.after.saturating_sub(now.saturating_duration_since(since));
        self.stall = Some((turn, since, left.is_zero()));
        if was_reported { None } else { Some(left) }
    }
}

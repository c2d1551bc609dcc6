//! The alarm of `on_stall`: when it is to be told.

use std::time::{Duration, Instant};

use crate::report::DeadlockReport;

/// What `on_stall` installed: it is told when nothing has happened for a while, and it is only possible that something
/// will.
pub(crate) struct StallAlarm {
    after: Duration,
    pub(super) callback: Box<dyn FnMut(&DeadlockReport)>,
    /// After which turn nothing has happened, since when, and whether that was told.
    stall: Option<(u64, Instant, bool)>,
}

impl StallAlarm {
    pub(super) fn new(after: Duration, callback: Box<dyn FnMut(&DeadlockReport)>) -> Self {
        StallAlarm { after, callback, stall: None }
    }

    /// How long to wait until it is to be told that nothing has happened since this turn: zero if it is now, `None` if it
    /// was told already. Counts in real time, and from the first time that it is asked.
    pub(super) fn time_left(&mut self, turn: u64) -> Option<Duration> {
        let now = Instant::now();
        let stall = self.stall.take_if(|(of, ..)| *of == turn);
        let (_, since, told) = stall.unwrap_or((turn, now, false));
        let left = self.after.saturating_sub(now.saturating_duration_since(since));
        self.stall = Some((turn, since, left.is_zero()));
        if told { None } else { Some(left) }
    }
}

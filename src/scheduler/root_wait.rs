//! How long the root of a run has waited, and when to look for what it waits for.

use std::time::Duration;

use crate::time::{NEVER, Nanos, between, later, nanos};

/// A root that has waited for this long is looked at for the first time.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// A wait of a root, which lasts until its next turn, by the scheduler's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RootWait {
    /// The root's last turn. No other wait has the same.
    pub(super) turn: u64,
    /// When it was seen first.
    since: Nanos,
    /// When to look next.
    look_at: Nanos,
}

impl Default for RootWait {
    /// That of no root.
    fn default() -> Self {
        RootWait { turn: u64::MAX, since: 0, look_at: NEVER }
    }
}

impl RootWait {
    pub(super) fn begin(turn: u64, now: Nanos) -> Self {
        RootWait { turn, since: now, look_at: later(now, nanos(FIRST_LOOK)) }
    }

    /// Returns whether it is time to look, and if it is, plans the next look: when the root has waited for twice as
    /// long. So a root that waits for an hour is looked at twelve times.
    pub(super) fn is_due(&mut self, now: Nanos) -> bool {
        let is_due = self.look_at <= now && self.look_at != NEVER;
        if is_due {
            self.look_at = later(now, now.saturating_sub(self.since));
        }
        is_due
    }

    /// Plans no more looks: the wait was reported.
    pub(super) fn end_looks(&mut self) {
        self.look_at = NEVER;
    }

    /// Returns how long until the next look, if one is planned.
    pub(super) fn until_look(&self, now: Nanos) -> Option<Duration> {
        (self.look_at != NEVER).then(|| between(now, self.look_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_come_after_one_second_two_four_and_so_on() {
        let second = nanos(Duration::from_secs(1));
        let mut wait = RootWait::begin(7, 5);
        let mut looks = |half_seconds: std::ops::Range<i64>| -> Vec<i64> {
            let due = half_seconds.filter(|half| wait.is_due(5 + half * second / 2));
            due.map(|half| half / 2).collect()
        };
        assert_eq!(looks(0..7200), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]);
        let mut wait = RootWait::begin(7, 0);
        assert!(wait.is_due(NEVER - 1));
        assert!(!wait.is_due(NEVER - 1), "an overflow is never due");
    }
}

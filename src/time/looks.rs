//! How many turns may be given between two looks at the timers, although tasks are ready.
//!
//! Reading a real clock costs as much as two turns, so short turns share one reading. Long turns cannot: 64 turns of
//! 5 ms are a third of a second. So each look measures how long the turns since the last one took, and the next look
//! comes after as many as take about 100 µs.
//!
//! Only looks measure. So if turns become long, the look after that comes up to 64 turns later; from then on there is a
//! look after every pass, until turns are short again. A look that finds no timer has nothing to measure for, and reads
//! no clock. Then the first timer that is waited for brings the next look forward to the end of its pass; this look
//! starts a measurement, and the next one comes a pass later. Turns take no virtual time, so on a virtual clock the
//! number of turns is fixed.
//!
//! On both clocks, a timer that is due when a task starts to wait for it also brings the next look forward. So it fires
//! at the end of that pass, and the order of the turns does not depend on the kind of clock.

use std::cell::Cell;

use crate::time::nanos::{Nanos, between};

/// The greatest number of turns between two looks, and the number while no timer is waited for.
pub(crate) const MOST_TURNS: u64 = 64;

/// The time that should pass between two looks, in nanoseconds.
const TIME_BETWEEN: u64 = 100_000;

/// When the timers are looked at.
#[derive(Debug)]
pub(crate) struct Looks {
    /// How many turns may be given between the latest look and the next.
    interval: Cell<u64>,
    /// The number of turns given when the clock was last read for this, and that reading. `None` if no timer was waited
    /// for at the latest look, and on a virtual clock.
    since: Cell<Option<(u64, Nanos)>>,
    /// No look is brought forward to before this many turns.
    earliest: Cell<u64>,
}

impl Looks {
    pub(crate) fn new() -> Self {
        Looks { interval: Cell::new(MOST_TURNS), since: Cell::new(None), earliest: Cell::new(0) }
    }

    /// Returns whether the length of turns is being measured.
    #[inline]
    pub(crate) fn is_measuring(&self) -> bool {
        self.since.get().is_some()
    }

    /// Returns how many turns are given before a look that should come at the end of the current pass.
    pub(crate) fn earliest(&self) -> u64 {
        self.earliest.get()
    }

    /// Brings no look forward to before this many turns.
    pub(crate) fn not_before(&self, turns: u64) {
        self.earliest.set(turns);
    }

    /// Measures the turns from here.
    pub(crate) fn measure_from(&self, turns: u64, now: Nanos) {
        self.since.set(Some((turns, now)));
    }

    /// Records a look, after this many turns in total. Returns how many may be given until the next one. `now` is
    /// `None` if no timer is waited for, so that the clock was not read.
    pub(crate) fn next(&self, turns: u64, now: Option<Nanos>) -> u64 {
        let before = self.since.replace(now.map(|now| (turns, now)));
        let interval = match (before, now) {
            (_, None) => MOST_TURNS,
            // How long turns take is not known. This is how it becomes known soonest.
            (None, Some(_)) => 1,
            // The thread was idle since then, or no turn was given for another reason.
            (Some((before, _)), _) if before == turns => self.interval.get(),
            (Some((before, then)), Some(now)) => {
                let took = u64::try_from(between(then, now).as_nanos()).unwrap_or(u64::MAX).max(1);
                let count = (turns - before).saturating_mul(TIME_BETWEEN) / took;
                count.clamp(1, MOST_TURNS.min(2 * self.interval.get()))
            }
        };
        self.interval.set(interval);
        interval
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives turns of this length until each of so many looks; returns after how many turns each came.
    fn looks(looks: &Looks, at: &mut (u64, Nanos), length: Nanos, count: usize) -> Vec<u64> {
        let look = |_| {
            let turns = looks.interval.get();
            *at = (at.0 + turns, at.1 + turns.cast_signed() * length);
            looks.next(at.0, Some(at.1));
            turns
        };
        (0..count).map(look).collect()
    }

    #[test]
    fn long_turns_are_late_by_64_once_and_then_by_one() {
        let (all, mut at) = (Looks::new(), (0, 0));
        all.measure_from(0, 0);
        assert_eq!(looks(&all, &mut at, 100, 3), [64, 64, 64]);
        assert_eq!(looks(&all, &mut at, 5_000_000, 4), [64, 1, 1, 1]);
        assert_eq!(looks(&all, &mut at, 100, 8), [1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(looks(&all, &mut at, 10_000, 3), [64, 10, 10]);
    }

    #[test]
    fn without_a_timer_there_is_a_look_every_64_turns() {
        let (all, mut at) = (Looks::new(), (0, 0));
        all.measure_from(0, 0);
        assert_eq!(looks(&all, &mut at, 5_000_000, 2), [64, 1]);
        assert_eq!(all.next(70, None), 64);
        assert!(!all.is_measuring());
        assert_eq!(all.next(134, Some(0)), 1, "nothing is known about the turns before");
    }

    proptest! {
        /// However long turns are and however that changes: where they have been equally long for two looks, the next
        /// one comes after at most 100 µs, or after one turn.
        #[test]
        fn a_look_comes_after_100_us_or_one_turn(
            lengths in prop::collection::vec(1_i64..1_000_000, 1..50)
        ) {
            let (all, mut at) = (Looks::new(), (0, 0));
            all.measure_from(0, 0);
            for length in lengths {
                let turns = looks(&all, &mut at, length, 2)[1].cast_signed();
                prop_assert!(turns == 1 || turns * length <= 100_000, "{} turns of {}", turns, length);
            }
        }
    }
}

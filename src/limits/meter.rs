//! The meter of a turn: its time and its results, counted only for a scheduler with such a limit.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use crate::kernel::{Kernel, Key, Word, set_word};
use crate::machine::{Instant, real_time, real_time_since};
use crate::report::{Report, WaitsFor};
use crate::watch::{origin, report};

/// What a scheduler counts in each turn.
#[derive(Debug)]
pub(crate) struct Meter {
    /// A turn that takes this long is reported.
    slow: Option<Duration>,
    /// The number of results that a task may get in one turn.
    budget: Option<NonZeroU32>,
    /// When the turn started, in real time.
    began: Cell<Option<Instant>>,
    /// How many results the task may still get in this turn.
    left: Cell<u32>,
    /// The wait that was polled last.
    polled: RefCell<Option<WaitsFor>>,
    /// The last wait that completed in this turn.
    after: RefCell<Option<WaitsFor>>,
}

impl Meter {
    /// Creates a meter, if there is anything to count.
    pub(crate) fn new(slow: Option<Duration>, budget: Option<NonZeroU32>) -> Option<Rc<Self>> {
        (slow.is_some() || budget.is_some()).then(|| {
            let (began, left) = (Cell::new(None), Cell::new(0));
            let (polled, after) = (RefCell::new(None), RefCell::new(None));
            Rc::new(Meter { slow, budget, began, left, polled, after })
        })
    }

    /// Starts a turn.
    pub(crate) fn begin(&self) {
        self.left.set(self.budget.map_or(u32::MAX, NonZeroU32::get));
        if self.slow.is_some() {
            self.after.take(); // Left over if a panic ended the previous turn.
            self.began.set(Some(real_time()));
        }
        set_word(Word::Limits, 1);
    }

    /// Ends a turn; returns a report of it if it took too long.
    pub(crate) fn end(&self) -> Option<SlowTurn> {
        set_word(Word::Limits, 0);
        let took = real_time_since(self.began.take()?);
        let after = self.after.take();
        (took >= self.slow?).then_some(SlowTurn { took, after })
    }

    /// Returns whether the task has used up its budget for this turn.
    pub(super) fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }

    /// Records a wait that is about to be polled, if turns are timed.
    pub(super) fn note(&self, describe: impl FnOnce() -> Option<WaitsFor>) {
        if self.slow.is_some() {
            self.polled.replace(describe());
        }
    }

    /// Counts the wait that was polled last: it has completed.
    pub(super) fn count(&self) {
        self.left.set(self.left.get().saturating_sub(1));
        let polled = self.polled.take();
        if polled.is_some() {
            self.after.replace(polled);
        }
    }
}

/// A turn that took too long, and the wait that it came from.
pub(crate) struct SlowTurn {
    took: Duration,
    after: Option<WaitsFor>,
}

/// The counts of a turn, saved while other turns are nested in it.
struct Paused {
    at: Instant,
    began: Option<Instant>,
    left: u32,
    polled: Option<WaitsFor>,
    after: Option<WaitsFor>,
}

impl Meter {
    /// Saves the counts, for turns that are nested in this one.
    fn pause(&self) -> Box<Paused> {
        let (polled, after) = (self.polled.take(), self.after.take());
        let (began, left) = (self.began.take(), self.left.get());
        Box::new(Paused { at: real_time(), began, left, polled, after })
    }

    /// Resumes counting. The time of the nested turns does not count for this one.
    fn go_on(&self, paused: Paused) {
        let Paused { at, began, left, polled, after } = paused;
        self.began.set(began.map(|began| began + real_time_since(at)));
        self.left.set(left);
        self.polled.replace(polled);
        self.after.replace(after);
    }
}

/// Reports a turn that took too long, as returned by [`Meter::end`].
pub(crate) fn report_slow_turn(kernel: &Kernel, key: Key, slow: SlowTurn) {
    if let Some((task, spawned_at)) = origin(kernel, key) {
        // The number is from the slot, since turns nested in this one have advanced the counter.
        let turn = kernel.board.borrow().taskmap.get(key).map_or(0, |slot| slot.last_turn);
        let SlowTurn { took, after } = slow;
        report(kernel, &Report::SlowTurn { task, spawned_at, turn, took, after });
    }
}

/// A scheduler's meter, paused while other turns are nested in the current one, until [`Pause::end`].
pub(crate) struct Pause {
    meter: Rc<Meter>,
    paused: Box<Paused>,
}

impl Pause {
    /// Pauses the meter, if the scheduler has one.
    pub(crate) fn begin(kernel: &Kernel) -> Option<Pause> {
        if !kernel.is_traced() {
            return None;
        }
        let meter = kernel.part::<Meter>()?;
        let paused = meter.pause();
        Some(Pause { meter, paused })
    }

    /// Resumes counting. The time of the nested turns does not count for this one.
    pub(crate) fn end(self) {
        self.meter.go_on(*self.paused);
    }
}

//! The meter of a turn: what it takes and gets, counted only for a scheduler that wants to know.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::kernel::{Kernel, Key, Word, set_word};
use crate::report::{Report, WaitsFor};
use crate::watch::{origin, report};

/// What a scheduler counts in each turn.
#[derive(Debug)]
pub(crate) struct Meter {
    /// A turn that takes as long is reported.
    slow: Option<Duration>,
    /// So many results may a task get in one turn.
    budget: Option<NonZeroU32>,
    /// When the turn began, in real time.
    began: Cell<Option<Instant>>,
    /// How many results the task may still get in this turn.
    left: Cell<u32>,
    /// The wait that was polled last.
    polled: RefCell<Option<WaitsFor>>,
    /// The last one that was over in this turn.
    after: RefCell<Option<WaitsFor>>,
}

impl Meter {
    /// A meter, if there is anything to count.
    pub(crate) fn new(slow: Option<Duration>, budget: Option<NonZeroU32>) -> Option<Rc<Self>> {
        (slow.is_some() || budget.is_some()).then(|| {
            let (began, left) = (Cell::new(None), Cell::new(0));
            let (polled, after) = (RefCell::new(None), RefCell::new(None));
            Rc::new(Meter { slow, budget, began, left, polled, after })
        })
    }

    /// Begins to count a turn.
    pub(crate) fn begin(&self) {
        self.left.set(self.budget.map_or(u32::MAX, NonZeroU32::get));
        if self.slow.is_some() {
            self.after.take(); // If a panic has ended the turn before, it is still there.
            self.began.set(Some(Instant::now()));
        }
        set_word(Word::Limits, 1);
    }

    /// Ends a turn; says so if it took too long.
    pub(crate) fn end(&self) -> Option<SlowTurn> {
        set_word(Word::Limits, 0);
        let took = self.began.take()?.elapsed();
        let after = self.after.take();
        (took >= self.slow?).then_some(SlowTurn { took, after })
    }

    /// Returns whether the task may get nothing more in this turn.
    pub(super) fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }

    /// Notes what is waited for, if turns are timed; a wait is about to be polled.
    pub(super) fn note(&self, describe: impl FnOnce() -> Option<WaitsFor>) {
        if self.slow.is_some() {
            self.polled.replace(describe());
        }
    }

    /// The wait that was polled last is over.
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

/// What the meter had counted of a turn when others were nested in it.
struct Paused {
    at: Instant,
    began: Option<Instant>,
    left: u32,
    polled: Option<WaitsFor>,
    after: Option<WaitsFor>,
}

impl Meter {
    /// Puts what was counted aside, for turns that are nested in this one.
    fn pause(&self) -> Box<Paused> {
        let (polled, after) = (self.polled.take(), self.after.take());
        let (began, left) = (self.began.take(), self.left.get());
        Box::new(Paused { at: Instant::now(), began, left, polled, after })
    }

    /// Goes on counting. The time that the others took is theirs.
    fn go_on(&self, paused: Paused) {
        let Paused { at, began, left, polled, after } = paused;
        self.began.set(began.map(|began| began + at.elapsed()));
        self.left.set(left);
        self.polled.replace(polled);
        self.after.replace(after);
    }
}

/// Reports a turn that took too long, as [`Meter::end`] has found.
pub(crate) fn report_slow_turn(kernel: &Kernel, key: Key, slow: SlowTurn) {
    if let Some((task, spawned_at)) = origin(kernel, key) {
        // The slot knows the number: those of turns that were nested in this one came after it.
        let turn = kernel.board.borrow().taskmap.get(key).map_or(0, |slot| slot.last_turn);
        let SlowTurn { took, after } = slow;
        report(kernel, &Report::SlowTurn { task, spawned_at, turn, took, after });
    }
}

/// What the meter of a scheduler had counted of a turn, until this is [resumed](Pause::end): turns are nested in it.
pub(crate) struct Pause {
    meter: Rc<Meter>,
    paused: Box<Paused>,
}

impl Pause {
    /// Puts aside what was counted, if anything is.
    pub(crate) fn begin(kernel: &Kernel) -> Option<Pause> {
        if !kernel.is_traced() {
            return None;
        }
        let meter = kernel.part::<Meter>()?;
        let paused = meter.pause();
        Some(Pause { meter, paused })
    }

    /// Goes on counting. The time that the nested turns took is theirs.
    pub(crate) fn end(self) {
        self.meter.go_on(*self.paused);
    }
}

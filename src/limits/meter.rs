//! The meter of a turn: what it takes and gets, counted only for a scheduler that wants to know.
//!
//! Two things are counted, and both need to know of every wait that is over: the results that a task was given
//! in this turn, for the budget; and the time, which is of use only with the place that the task came from.
//! So every wait of this crate is polled through [`metered`]. While nothing is counted that looks at a flag of the
//! thread's, and that is all; the most usual waits look at it themselves.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::kernel::Ending;
use crate::kernel::Kernel;
use crate::kernel::Key;
use crate::kernel::thread;
use crate::report::Report;
use crate::report::TurnResult;
use crate::report::WaitsFor;
use crate::scheduler::Settings;

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
    /// A meter, if there is anything to count. It has a box of its own, since most schedulers have none.
    pub(crate) fn new(settings: &Settings) -> Option<Box<Self>> {
        let Settings { slow_poll: slow, budget, .. } = *settings;
        (slow.is_some() || budget.is_some()).then(|| {
            let (began, left) = (Cell::new(None), Cell::new(0));
            let (polled, after) = (RefCell::new(None), RefCell::new(None));
            Box::new(Meter { slow, budget, began, left, polled, after })
        })
    }

    fn begin(&self) {
        self.left.set(self.budget.map_or(u32::MAX, NonZeroU32::get));
        if self.slow.is_some() {
            self.after.take(); // If a panic has ended the turn before, it is still there.
            self.began.set(Some(Instant::now()));
        }
        thread::set_metered(true);
    }

    /// How long the turn took, if that was too long, and after which wait.
    fn end(&self) -> Option<(Duration, Option<WaitsFor>)> {
        thread::set_metered(false);
        let took = self.began.take()?.elapsed();
        let after = self.after.take();
        (took >= self.slow?).then_some((took, after))
    }
}

/// What the meter had counted of a turn when others were nested in it.
pub(crate) struct Paused {
    at: Instant,
    began: Option<Instant>,
    left: u32,
    polled: Option<WaitsFor>,
    after: Option<WaitsFor>,
}

impl Meter {
    /// Puts what was counted aside, for turns that are nested in this one.
    pub(crate) fn pause(&self) -> Box<Paused> {
        let (polled, after) = (self.polled.take(), self.after.take());
        let (began, left) = (self.began.take(), self.left.get());
        Box::new(Paused { at: Instant::now(), began, left, polled, after })
    }

    /// Goes on counting. The time that the others took is theirs.
    pub(crate) fn go_on(&self, paused: Paused) {
        let Paused { at, began, left, polled, after } = paused;
        self.began.set(began.map(|began| began + at.elapsed()));
        self.left.set(left);
        self.polled.replace(polled);
        self.after.replace(after);
    }
}

/// Polls a wait of this crate. If turns are metered: gives way instead, before it takes anything, if its task has
/// used up its budget, and then schedules that again; and counts the wait if it is over.
///
/// `describe` says what is waited for. It is asked before the poll, since after it the wait may be gone.
pub(crate) fn metered<W, T>(
    wait: &mut W,
    cx: &Context<'_>,
    describe: impl FnOnce(&W) -> Option<WaitsFor>,
    poll: impl FnOnce(&mut W, &Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let is_metered = thread::is_metered();
    if is_metered && is_over_budget(cx, || describe(wait)) {
        return Poll::Pending;
    }
    let polled = poll(wait, cx);
    if is_metered && polled.is_ready() {
        count();
    }
    polled
}

fn is_over_budget(cx: &Context<'_>, describe: impl FnOnce() -> Option<WaitsFor>) -> bool {
    let Some(kernel) = thread::current() else { return false };
    let Some(meter) = &kernel.meter else { return false };
    let is_over = meter.left.get() == 0;
    if is_over {
        cx.waker().wake_by_ref(); // A stranger's too: whoever polls is to come again.
    } else if meter.slow.is_some() {
        meter.polled.replace(describe());
    }
    is_over
}

fn count() {
    let Some(kernel) = thread::current() else { return };
    let Some(meter) = &kernel.meter else { return };
    meter.left.set(meter.left.get().saturating_sub(1));
    let polled = meter.polled.take();
    if polled.is_some() {
        meter.after.replace(polled);
    }
}

impl Kernel {
    /// Begins a turn that somebody watches, or that is metered.
    #[cold]
    pub(crate) fn begin_in_full(&self, key: Key) {
        if self.watched.get() {
            self.tell_turn_began(key);
        }
        if let Some(meter) = &self.meter {
            meter.begin();
        }
    }

    /// Ends such a turn. The task is back in its slot, or about to exit.
    #[cold]
    pub(crate) fn end_in_full(&self, key: Key, result: TurnResult) {
        let slow = self.meter.as_ref().and_then(|meter| meter.end());
        if self.watched.get() {
            self.tell_turn_ended(key, result);
        }
        // A panic takes its time to be printed, and is told of anyway.
        let has_panicked = matches!(result, TurnResult::Exited(Ending::Panicked));
        if let Some((took, after)) = slow.filter(|_| !has_panicked)
            && let Some((task, spawned_at)) = self.who_is(key)
        {
            // The slot knows the number: those of turns that were nested in this one came after it.
            let turn = self.board.borrow().taskmap.look(key).map_or(0, |slot| slot.last_turn);
            self.report(&Report::SlowTurn { task, spawned_at, turn, took, after });
        }
    }
}

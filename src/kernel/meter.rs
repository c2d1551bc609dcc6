//! The meter of a turn: what it takes and gets, counted only for a scheduler that wants to know.
//!
//! Two things are counted, and both need to know of every wait that is over: the results that a task was given
//! in this turn, for the budget; and the time, which is of use only with the place that the task came from.
//! So the waits of this crate are polled through [`metered`]. While nothing is counted that is one look at a
//! flag of the thread's.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::kernel::failures::Report;
use crate::kernel::id::Key;
use crate::kernel::scheduler::Kernel;
use crate::kernel::snapshot::WaitsFor;
use crate::kernel::thread;
use crate::kernel::transition::TurnResult;

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
    /// The last wait that was over in this turn.
    after: RefCell<Option<WaitsFor>>,
}

impl Meter {
    pub(crate) fn new(slow: Option<Duration>, budget: Option<NonZeroU32>) -> Self {
        let (began, left, after) = (Cell::new(None), Cell::new(0), RefCell::new(None));
        Meter { slow, budget, began, left, after }
    }

    /// Returns whether it counts anything.
    pub(crate) fn is_on(&self) -> bool {
        self.slow.is_some() || self.budget.is_some()
    }

    fn begin(&self) {
        if !self.is_on() {
            return;
        }
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

/// Polls a wait, and counts that it is over; or gives way instead, before anything was taken, if the task has
/// used up its budget.
///
/// `describe` says what is waited for. It is asked before the poll, since after it the wait may be gone.
#[allow(clippy::inline_always, reason = "it must not cost more than the look at the flag")]
#[inline(always)]
pub(crate) fn metered<W, T>(
    cx: &Context<'_>,
    wait: &mut W,
    describe: impl FnOnce(&W) -> Option<WaitsFor>,
    poll: impl FnOnce(&mut W) -> Poll<T>,
) -> Poll<T> {
    if thread::is_metered() { poll_metered(cx, wait, describe, poll) } else { poll(wait) }
}

#[cold]
#[inline(never)]
fn poll_metered<W, T>(
    cx: &Context<'_>,
    wait: &mut W,
    describe: impl FnOnce(&W) -> Option<WaitsFor>,
    poll: impl FnOnce(&mut W) -> Poll<T>,
) -> Poll<T> {
    let Some(kernel) = thread::current() else { return poll(wait) };
    let meter = &kernel.meter;
    if meter.left.get() == 0 {
        cx.waker().wake_by_ref(); // A stranger's too: whoever polls is to come again.
        return Poll::Pending;
    }
    let described = if meter.slow.is_some() { describe(wait) } else { None };
    let polled = poll(wait);
    if polled.is_ready() {
        meter.left.set(meter.left.get().saturating_sub(1));
        if described.is_some() {
            meter.after.replace(described);
        }
    }
    polled
}

impl Kernel {
    /// Begins a turn that somebody watches, or that is metered.
    #[cold]
    pub(crate) fn begin_in_full(&self, key: Key) {
        if self.watched.get() {
            self.tell_turn_began(key);
        }
        self.meter.begin();
    }

    /// Ends such a turn. The task is back in its slot, or about to exit.
    #[cold]
    pub(crate) fn end_in_full(&self, key: Key, result: TurnResult) {
        let slow = self.meter.end();
        if self.watched.get() {
            self.tell_turn_ended(key, result);
        }
        if let Some((took, after)) = slow
            && let Some((task, spawned_at)) = self.who_is(key)
        {
            let turn = self.board.borrow().turns;
            self.report(&Report::SlowTurn { task, spawned_at, turn, took, after });
        }
    }
}

//! The gate behind every primitive that counts: a number of permits, granted in FIFO order.
//!
//! A mutex is a gate with one permit; a reader-writer lock is one whose writers take all permits; a bounded
//! channel is one with a permit for each free slot.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Poll};

use crate::kernel::Place;
use crate::limits::poll_limited;
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::record::ALL_PERMITS;
use crate::sync::waiters::{Left, Ticket, WaitKind, Waiters};

/// Counts permits, and queues the waits for them.
///
/// Strictly FIFO: a wait for more permits than are available holds back all later ones, and permits are handed
/// over with the wake, so no other task can take them before the woken one is polled.
pub(crate) struct Gate {
    permits: Cell<u32>,
    is_closed: Cell<bool>,
    /// Whether the record names the holders of permits.
    records_holders: bool,
    waiters: Waiters,
}

/// No gate has more permits than this.
pub(crate) const MAX_PERMITS: u32 = ALL_PERMITS;

/// The word of a wait that ended because the gate was closed.
pub(crate) const CLOSED: u32 = u32::MAX;

impl Gate {
    /// Creates a gate whose permits are held by tasks, which reports name.
    pub(crate) const fn held(kind: WaitKind, permits: u32) -> Self {
        Gate::with(kind, permits, true)
    }

    /// Creates a gate whose permits are consumed.
    pub(crate) const fn consumed(kind: WaitKind, permits: u32) -> Self {
        Gate::with(kind, permits, false)
    }

    const fn with(kind: WaitKind, permits: u32, records_holders: bool) -> Self {
        Gate {
            permits: Cell::new(permits),
            is_closed: Cell::new(false),
            records_holders,
            waiters: Waiters::new(kind),
        }
    }

    /// Waits for this many permits.
    #[inline]
    pub(crate) fn pass(&self, permits: u32, place: Place) -> Queued<'_, Gate> {
        Queued::new(self, permits, place)
    }

    /// Takes one permit if one is available and no wait is queued. `false` may also mean that the gate is closed.
    ///
    /// Only for gates whose permits are consumed: it records no holder.
    #[inline]
    pub(crate) fn take_one(&self) -> bool {
        let permits = self.permits.get();
        let may = permits > 0 && self.waiters.is_empty() && !self.is_closed.get();
        if may {
            self.permits.set(permits - 1);
        }
        may
    }

    /// Returns the number of available permits.
    pub(crate) fn permits(&self) -> u32 {
        self.permits.get()
    }

    /// Returns permits to the gate, or adds new ones.
    #[inline]
    pub(crate) fn add(&self, permits: u32) {
        self.permits.set(self.permits.get() + permits);
        if !self.waiters.is_empty() {
            self.serve();
        }
    }

    /// Removes up to this many of the available permits; returns how many it removed.
    pub(crate) fn remove(&self, permits: u32) -> u32 {
        let removed = permits.min(self.permits.get());
        self.permits.set(self.permits.get() - removed);
        removed
    }

    /// Ends all current and future waits with [`CLOSED`].
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
        while self.waiters.wake_first(CLOSED) {}
    }

    /// Opens a closed gate again. The caller ensures that no wait is queued.
    pub(crate) fn reopen(&mut self) {
        self.is_closed.set(false);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Hands permits to waits from the front of the list, for as long as there are enough.
    fn serve(&self) {
        // Taken before the wake, which may run code that acquires permits.
        while self.waiters.serve_first(self.records_holders, |wanted| {
            let left = self.permits.get().checked_sub(wanted);
            left.inspect(|&left| self.permits.set(left)).is_some()
        }) {
            // Each wait for consumed permits is for one. Of held permits, a wait may be for none.
            if self.permits.get() == 0 && !self.records_holders {
                break;
            }
        }
    }
}

impl Source for Gate {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    #[inline]
    fn try_take(&self, wanted: u32, place: Place) -> Result<Grant, u32> {
        if self.is_closed.get() {
            return Ok(Grant::Word(CLOSED));
        }
        match self.permits.get().checked_sub(wanted) {
            Some(left) if self.waiters.is_empty() => {
                self.permits.set(left);
                let taken = if self.records_holders {
                    Grant::Holding(self.waiters.hold(wanted, place))
                } else {
                    Grant::Word(wanted)
                };
                Ok(taken)
            }
            _ => Err(wanted),
        }
    }

    fn left_waiting(&self) {
        self.serve();
    }

    #[inline]
    fn give_back(&self, grant: Left) {
        match grant {
            Left::Woken(CLOSED) | Left::Waiting => {}
            Left::Woken(permits) | Left::Holding(permits) => self.add(permits),
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gate = f.debug_struct("Gate");
        gate.field("permits", &self.permits.get());
        self.waiters.debug(&mut gate);
        gate.finish_non_exhaustive()
    }
}

impl Queued<'_, Gate> {
    /// Polls a wait at a gate made by [`Gate::held`], for the permits that go into a guard; `None` if the gate was
    /// closed.
    #[inline]
    pub(crate) fn poll_held<G: HasGate>(
        &mut self,
        owner: G,
        cx: &Context<'_>,
    ) -> Poll<Option<HeldPermits<G>>> {
        poll_limited(self, cx).map(|grant| HeldPermits::from(owner, grant))
    }
}

/// A gate, or an owner that keeps one alive.
pub(crate) trait HasGate {
    fn gate(&self) -> &Gate;
}

impl HasGate for &Gate {
    #[inline]
    fn gate(&self) -> &Gate {
        self
    }
}

/// Held permits: the inside of every guard. Dropping them hands them to the next in line.
#[derive(Debug)]
pub(crate) struct HeldPermits<G: HasGate> {
    owner: G,
    ticket: Option<Ticket>,
}

impl<G: HasGate> HeldPermits<G> {
    /// Wraps the grant of a gate made by [`Gate::held`]; `None` if the gate was closed.
    #[inline]
    pub(crate) fn from(owner: G, grant: Grant) -> Option<Self> {
        match grant {
            Grant::Holding(ticket) => Some(HeldPermits { owner, ticket: Some(ticket) }),
            Grant::Word(_) => None,
        }
    }

    /// Takes permits without waiting, if enough are available and no wait is queued.
    #[inline]
    pub(crate) fn try_take(owner: G, permits: u32, place: Place) -> Option<Self> {
        let grant = owner.gate().try_take(permits, place).ok()?;
        HeldPermits::from(owner, grant)
    }

    /// Returns the gate or its owner.
    pub(crate) fn owner(&self) -> &G {
        &self.owner
    }

    /// Returns the number of permits held.
    pub(crate) fn permits(&self) -> u32 {
        self.ticket.as_ref().map_or(0, Ticket::word)
    }

    /// Makes the current task their owner.
    pub(crate) fn take_over(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.take_over();
        }
    }

    /// Keeps this many permits, and returns the rest to the gate.
    pub(crate) fn keep(&self, permits: u32) {
        let Some(ticket) = &self.ticket else { return };
        let surplus = ticket.word().saturating_sub(permits);
        ticket.set_word(permits);
        self.owner.gate().add(surplus);
    }

    /// Takes the permits out without returning them to the gate; returns how many there were.
    pub(crate) fn forget(&mut self) -> u32 {
        match self.ticket.take().map(|ticket| self.owner.gate().waiters.leave(ticket)) {
            Some(Left::Holding(permits)) => permits,
            _ => 0,
        }
    }
}

impl<G: HasGate> Drop for HeldPermits<G> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let gate = self.owner.gate();
            gate.give_back(gate.waiters.leave(ticket));
        }
    }
}

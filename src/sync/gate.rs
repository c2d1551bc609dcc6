//! The gate behind every primitive that counts: so many permits, given out in the order of asking.
//!
//! A mutex is a gate with one permit, a lock for readers and a writer one where the writer asks for all, a
//! bounded channel one with a permit for each free place.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Poll};

use crate::kernel::Place;
use crate::limits::poll_limited;
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Ticket, Waiters};

/// Counts permits, and keeps the list of those who wait for some.
///
/// Strictly first come, first served: nobody overtakes a wait that wants more than there is, and a permit is
/// handed over, so nobody can snatch it from who was woken for it.
pub(crate) struct Gate {
    permits: Cell<u32>,
    is_closed: Cell<bool>,
    /// Whether the record is to say who holds permits.
    records_holders: bool,
    waiters: Waiters,
}

/// No gate has more permits than this.
pub(crate) const MAX_PERMITS: u32 = u32::MAX / 2;

/// The word of a wait that ended because the gate was closed.
pub(crate) const CLOSED: u32 = u32::MAX;

impl Gate {
    /// A gate whose permits are held by tasks, which reports name.
    pub(crate) const fn held(kind: &'static str, permits: u32) -> Self {
        Gate::with(kind, permits, true)
    }

    /// A gate whose permits are used up.
    pub(crate) const fn consumed(kind: &'static str, permits: u32) -> Self {
        Gate::with(kind, permits, false)
    }

    const fn with(kind: &'static str, permits: u32, records_holders: bool) -> Self {
        Gate {
            permits: Cell::new(permits),
            is_closed: Cell::new(false),
            records_holders,
            waiters: Waiters::new(kind),
        }
    }

    /// Waits for so many permits.
    #[inline]
    pub(crate) fn pass(&self, permits: u32, place: Place) -> Queued<'_, Gate> {
        Queued::new(self, permits, place)
    }

    /// Takes one permit if there is one and nobody waits for it. `false` may also mean that the gate is closed.
    ///
    /// Only for gates whose permits are used up: it notes no holder.
    #[inline]
    pub(crate) fn take_one(&self) -> bool {
        let permits = self.permits.get();
        let may = permits > 0 && self.waiters.is_empty() && !self.is_closed.get();
        if may {
            self.permits.set(permits - 1);
        }
        may
    }

    /// Permits that nobody has.
    pub(crate) fn permits(&self) -> u32 {
        self.permits.get()
    }

    /// Gives permits back, or new ones.
    #[inline]
    pub(crate) fn add(&self, permits: u32) {
        self.permits.set(self.permits.get() + permits);
        if !self.waiters.is_empty() {
            self.serve();
        }
    }

    /// Takes up to so many permits away that nobody has; returns how many there were.
    pub(crate) fn remove(&self, permits: u32) -> u32 {
        let removed = permits.min(self.permits.get());
        self.permits.set(self.permits.get() - removed);
        removed
    }

    /// Ends all waits, also those to come, with [`CLOSED`].
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
        while self.waiters.wake_first(CLOSED) {}
    }

    /// Lets waits be served again; for a gate that nobody can be waiting at.
    pub(crate) fn reopen(&mut self) {
        self.is_closed.set(false);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Hands permits to the first in the list, as long as there are enough for it.
    fn serve(&self) {
        // Taken before the wake, which may run code that asks for permits.
        while self.waiters.serve_first(self.records_holders, |wanted| {
            let left = self.permits.get().checked_sub(wanted);
            left.inspect(|&left| self.permits.set(left)).is_some()
        }) {}
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
    /// Polls a wait at a gate of [`Gate::held`] for what it is to give to its caller; `None` if the gate was closed.
    #[inline]
    pub(crate) fn poll_held<G: HasGate>(
        &mut self,
        owner: G,
        cx: &Context<'_>,
    ) -> Poll<Option<HeldPermits<G>>> {
        poll_limited(self, cx).map(|grant| HeldPermits::from(owner, grant))
    }
}

/// A gate, or what keeps one alive.
pub(crate) trait HasGate {
    fn gate(&self) -> &Gate;
}

impl HasGate for &Gate {
    #[inline]
    fn gate(&self) -> &Gate {
        self
    }
}

/// Permits that somebody holds: what every guard has inside. Its drop hands them to the next in the list.
#[derive(Debug)]
pub(crate) struct HeldPermits<G: HasGate> {
    owner: G,
    ticket: Option<Ticket>,
}

impl<G: HasGate> HeldPermits<G> {
    /// What a wait at a gate of [`Gate::held`] ends with; `None` if the gate was closed.
    #[inline]
    pub(crate) fn from(owner: G, grant: Grant) -> Option<Self> {
        match grant {
            Grant::Holding(ticket) => Some(HeldPermits { owner, ticket: Some(ticket) }),
            Grant::Word(_) => None,
        }
    }

    /// Takes permits without waiting, if they are there and nobody came before.
    #[inline]
    pub(crate) fn try_take(owner: G, permits: u32, place: Place) -> Option<Self> {
        let grant = owner.gate().try_take(permits, place).ok()?;
        HeldPermits::from(owner, grant)
    }

    /// What has the gate.
    pub(crate) fn owner(&self) -> &G {
        &self.owner
    }

    /// How many permits these are.
    pub(crate) fn permits(&self) -> u32 {
        self.ticket.as_ref().map_or(0, Ticket::word)
    }

    /// Gives all but so many back to the gate.
    pub(crate) fn keep(&self, permits: u32) {
        let Some(ticket) = &self.ticket else { return };
        let surplus = ticket.word().saturating_sub(permits);
        ticket.set_word(permits);
        self.owner.gate().add(surplus);
    }

    /// Takes the permits out without giving them back to the gate; returns how many they were.
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

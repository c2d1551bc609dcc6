//! The FIFO wait list that all primitives share.
//!
//! ```text
//!             ┌──────────── leave: the wait is dropped ─────────────┐
//!             │                                                     ▼
//!   join ──▶ waiting ──── wake_first ────▶ woken ──── seen ──────▶ gone
//!             │                                                     ▲
//!             └──────── serve_first ─────▶ holding ── released ─────┘
//! ```
//!
//! Joining returns a [`Ticket`]; the future that keeps it is in `queued.rs`, and its drop leaves the list.
//!
//! The nodes live in the one slab of the thread (`sync/record.rs`), so a wait does not allocate; a list is a
//! handful of numbers. Nothing is borrowed while a foreign waker is cloned, woken or dropped.

mod details;
mod debug;
mod resource;
mod detailed;
mod held;
mod ring;
mod rejoin;

use std::cell::Cell;
use std::marker::PhantomData;
use std::task::{Context, Waker};

use crate::kernel::{Place, TaskKey, Waiter, drop_quietly, run_quietly, schedule};
use crate::slab::{NO_ENTRY, Slab};
use crate::sync::record::{
    ListedResource, Node, ONESHOT_MESSAGE, OWN_ONESHOT, WaitStage, Waits, with_waits,
};
use crate::watch::is_detailed;

/// What a list of waits is for, as reports call it. A thin reference, since each list has one.
pub(crate) type WaitKind = &'static &'static str;

/// A list of waits for one resource.
pub(crate) struct Waiters {
    kind: WaitKind,
    /// The resource's number in the thread's record; [`NO_ENTRY`] until it has a name or a first node.
    resource: Cell<u32>,
    first: Cell<u32>,
    last: Cell<u32>,
    round: Cell<u32>,
    /// The number of nodes, in all stages.
    nodes: Cell<u32>,
    /// The record is thread-local.
    _not_send: PhantomData<*const ()>,
}

/// Ownership of a node: it is removed once, by [`Waiters::leave`], which consumes the ticket.
#[derive(Debug)]
pub(crate) struct Ticket(u32);

/// The state of a wait when it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Waiting,
    /// With the word that it was woken with.
    Woken(u32),
    /// With the word for what it holds.
    Holding(u32),
}

impl Waiters {
    /// Creates a list for a resource; reports show it as a `kind`.
    pub(crate) const fn new(kind: WaitKind) -> Self {
        Waiters {
            kind,
            resource: Cell::new(NO_ENTRY),
            first: Cell::new(NO_ENTRY),
            last: Cell::new(NO_ENTRY),
            round: Cell::new(0),
            nodes: Cell::new(0),
            _not_send: PhantomData,
        }
    }

    /// Creates the list for the message of a oneshot channel, which has no name yet.
    pub(crate) const fn of_oneshot() -> Self {
        let waiters = Waiters::new(&ONESHOT_MESSAGE);
        waiters.resource.replace(OWN_ONESHOT);
        waiters
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get() == NO_ENTRY
    }

    /// Joins the end of the list. `word` encodes what is wanted.
    ///
    /// Creating the `waiter` may have run arbitrary code: check the resource after that and before this call.
    #[inline]
    pub(crate) fn join(&self, waiter: Waiter, word: u32, place: Place) -> Ticket {
        let Waiter { waker, task, .. } = waiter;
        self.enter(waker, task, word, place)
    }

    /// Like [`join`](Waiters::join), for a task that is woken by its key: runs no user code.
    #[inline(never)] // Short out of line; inlined code would reach the record indirectly.
    pub(crate) fn join_task(&self, task: TaskKey, word: u32, place: Place) -> Ticket {
        self.enter(None, Some(task), word, place)
    }

    #[inline]
    fn enter(
        &self,
        waker: Option<Waker>,
        task: Option<TaskKey>,
        word: u32,
        place: Place,
    ) -> Ticket {
        self.nodes.set(self.nodes.get() + 1);
        let ticket = with_waits(|waits| {
            let resource = self.number(&mut waits.resources);
            let number = waits.insert(Node {
                stage: WaitStage::Waiting,
                task,
                waker,
                place,
                resource,
                word,
                previous: self.last.get(),
                next: NO_ENTRY,
            });
            self.link(waits, number);
            Ticket(number)
        });
        if is_detailed() {
            self.wait_began(task, place);
        }
        ticket
    }

    /// Links a node as the last one; its own links are already set.
    #[inline]
    fn link(&self, waits: &mut Waits, number: u32) {
        match self.last.get() {
            NO_ENTRY => self.first.set(number),
            last => waits.node(last).next = number,
        }
        self.last.set(number);
    }

    /// Records that the current task holds the resource without having waited for it.
    #[inline]
    pub(crate) fn hold(&self, word: u32, place: Place) -> Ticket {
        let task = TaskKey::current();
        self.nodes.set(self.nodes.get() + 1);
        let ticket = with_waits(|waits| {
            let resource = self.number(&mut waits.resources);
            Ticket(waits.insert(Node {
                stage: WaitStage::Holding,
                task,
                waker: None,
                place,
                resource,
                word,
                previous: NO_ENTRY,
                next: NO_ENTRY,
            }))
        });
        if is_detailed() {
            details::acquired(self.resource.get(), task, word, place);
        }
        ticket
    }

    /// Returns the number of the resource, allocated on first use.
    #[inline]
    fn number(&self, resources: &mut Slab<ListedResource>) -> u32 {
        if self.resource.get() == NO_ENTRY {
            self.resource.set(resources.insert(ListedResource::new(self.kind)));
        }
        self.resource.get()
    }

    /// Removes the first wait from the list and wakes it with `word`. Returns whether there was one.
    pub(crate) fn wake_first(&self, word: u32) -> bool {
        self.release_first(WaitStage::Woken, Some(word), |_| true)
    }

    /// Like [`wake_first`](Waiters::wake_first), but only if `is_meant` accepts the word that it joined with.
    pub(crate) fn wake_first_if(&self, word: u32, is_meant: impl FnOnce(u32) -> bool) -> bool {
        self.release_first(WaitStage::Woken, Some(word), is_meant)
    }

    /// Grants the first wait in the list what it wants, if `take` can take that much. Returns whether it did.
    ///
    /// If `is_held`, the task is recorded as a [holder](WaitStage::Holding) from now on.
    #[inline]
    pub(crate) fn serve_first(&self, is_held: bool, take: impl FnOnce(u32) -> bool) -> bool {
        let stage = if is_held { WaitStage::Holding } else { WaitStage::Woken };
        self.release_first(stage, None, take)
    }

    /// Returns the number of the current round. Waking all waits starts a new one.
    #[inline]
    pub(crate) fn round(&self) -> u32 {
        self.round.get()
    }

    /// Starts a round, which distinguishes the waits in the list from those that join later.
    pub(crate) fn begin_round(&self) -> u32 {
        self.round.set(self.round.get().wrapping_add(1));
        self.round.get()
    }

    /// Removes the first wait from the list and wakes it, if `take` accepts its word.
    #[inline]
    fn release_first(
        &self,
        stage: WaitStage,
        word: Option<u32>,
        take: impl FnOnce(u32) -> bool,
    ) -> bool {
        if is_detailed() {
            return self.release_first_detailed(stage, word, take);
        }
        self.take_first::<false>(stage, word, take).is_some_and(|first| wake(first.0, first.1))
    }

    /// Takes the first wait out of the list, if `take` accepts its word; returns what wakes it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its two callers are the common path and the rare one")]
    fn take_first<const DETAILED: bool>(
        &self,
        stage: WaitStage,
        word: Option<u32>,
        take: impl FnOnce(u32) -> bool,
    ) -> Option<(Option<Waker>, Option<TaskKey>)> {
        let first = self.first.get();
        if first == NO_ENTRY {
            return None;
        }
        with_waits(|waits| {
            let node = waits.node(first);
            if !take(node.word) {
                return None;
            }
            node.stage = stage;
            node.word = word.unwrap_or(node.word);
            let (waker, task, next) = (node.waker.take(), node.task, node.next);
            self.first.set(next);
            match next {
                NO_ENTRY => self.last.set(NO_ENTRY),
                next => waits.node(next).previous = NO_ENTRY,
            }
            Some((waker, task))
        })
    }

    /// Returns the stage of a wait. If it is still waiting, it will wake the poller behind `cx`.
    #[inline]
    #[allow(clippy::unused_self, reason = "a ticket says nothing without its list")]
    pub(crate) fn poll(&self, ticket: &Ticket, cx: &Context<'_>) -> WaitStage {
        let (stage, is_known) = with_waits(|waits| {
            let node = waits.node(ticket.0);
            (node.stage, node.is_polled_by(cx))
        });
        if is_known || stage != WaitStage::Waiting { stage } else { replace_waker(ticket, cx) }
    }

    /// Like [`poll`](Waiters::poll), but removes the node if the wait was woken; a held node stays. `None` while it
    /// waits.
    #[inline]
    pub(crate) fn poll_outcome(&self, ticket: &Ticket, cx: &Context<'_>) -> Option<Left> {
        let seen = with_waits(|waits| {
            let node = waits.node(ticket.0);
            match node.stage {
                // A woken node has no waker that would be dropped here, under the borrow.
                WaitStage::Woken => Some(self.remove(waits, ticket.0).0),
                WaitStage::Holding => Some(Left::Holding(node.word)),
                WaitStage::Waiting if node.is_polled_by(cx) => Some(Left::Waiting),
                WaitStage::Waiting | WaitStage::Due | WaitStage::Vacant => None,
            }
        });
        match seen {
            Some(Left::Waiting) => None,
            Some(seen) => Some(seen),
            None => self.poll_as_foreign(ticket, cx),
        }
    }

    #[cold]
    fn poll_as_foreign(&self, ticket: &Ticket, cx: &Context<'_>) -> Option<Left> {
        match replace_waker(ticket, cx) {
            WaitStage::Waiting => None,
            WaitStage::Holding => self.poll_outcome(ticket, cx),
            WaitStage::Woken | WaitStage::Due | WaitStage::Vacant => {
                Some(self.leave(Ticket(ticket.0)))
            }
        }
    }

    /// Removes a node, whatever its stage.
    #[inline]
    #[allow(clippy::needless_pass_by_value, reason = "the right to the node is used up")]
    pub(crate) fn leave(&self, ticket: Ticket) -> Left {
        let Ticket(number) = ticket;
        if is_detailed() {
            details::left(number);
        }
        let (left, waker) = with_waits(|waits| self.remove(waits, number));
        if waker.is_some() {
            drop_quietly(waker);
        }
        left
    }

    #[inline]
    fn remove(&self, waits: &mut Waits, number: u32) -> (Left, Option<Waker>) {
        self.nodes.set(self.nodes.get() - 1);
        if matches!(waits.node(number).stage, WaitStage::Waiting | WaitStage::Due) {
            self.unlink(waits, number);
        }
        let (stage, word, waker) = waits.remove(number);
        let left = match stage {
            WaitStage::Woken | WaitStage::Due => Left::Woken(word),
            WaitStage::Holding => Left::Holding(word),
            WaitStage::Waiting | WaitStage::Vacant => Left::Waiting,
        };
        (left, waker)
    }

    fn unlink(&self, waits: &mut Waits, number: u32) {
        let node = waits.node(number);
        let (previous, next) = (node.previous, node.next);
        match previous {
            NO_ENTRY => self.first.set(next),
            previous => waits.node(previous).next = next,
        }
        match next {
            NO_ENTRY => self.last.set(previous),
            next => waits.node(next).previous = previous,
        }
    }
}

/// Wakes a task or a foreign waker, with nothing borrowed; returns `true`.
#[inline]
fn wake(waker: Option<Waker>, task: Option<TaskKey>) -> bool {
    match (waker, task) {
        (None, Some(task)) => schedule(task),
        (Some(waker), _) => wake_foreign(waker),
        (None, None) => {}
    }
    true
}

/// Makes the wait wake the poller behind `cx`. Returns the stage of the wait.
#[cold]
fn replace_waker(ticket: &Ticket, cx: &Context<'_>) -> WaitStage {
    // This may run a foreign waker's code, which may change the wait in any way.
    let Waiter { waker, task, .. } = Waiter::of(cx);
    let (stage, is_moved, unused) = with_waits(|waits| {
        let node = waits.node(ticket.0);
        if node.stage != WaitStage::Waiting {
            return (node.stage, false, waker);
        }
        let before = std::mem::replace(&mut node.task, task);
        if before != task && is_detailed() {
            details::wait_ended(node.resource, before, node.place);
        }
        (node.stage, before != task, std::mem::replace(&mut node.waker, waker))
    });
    drop_quietly(unused);
    if is_moved && is_detailed() {
        details::wait_goes_on(ticket.0);
    }
    stage
}

/// Wakes a foreign waker. Its panic is caught, since it must not keep the next wait from being woken, nor become
/// a second panic in a destructor; the panic hook has already reported it.
#[cold]
fn wake_foreign(waker: Waker) {
    run_quietly(|| waker.wake());
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests;

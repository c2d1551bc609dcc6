//! The wait list that all primitives share: first in, first out.
//!
//! ```text
//!             ┌──────────── leave: the wait is dropped ─────────────┐
//!             │                                                     ▼
//!   join ──▶ waiting ──── wake_first ────▶ woken ──── seen ──────▶ gone
//!             │                                                     ▲
//!             └──────── serve_first ─────▶ holding ── let go ───────┘
//! ```
//!
//! Joining gives a [`Ticket`]; the future that keeps it is in `queued.rs`, and its drop undoes the joining.
//!
//! The nodes live in the thread's one slab (`sync/record.rs`), so a wait allocates nothing; a list is a handful
//! of numbers. Nothing is borrowed while a foreign waker is cloned, woken or dropped.

mod debug;
mod ring;
mod rejoin;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Waker};

use crate::kernel::{Place, TaskKey, Waiter, drop_quietly, run_quietly, schedule};
use crate::report::{Resource, WaitsFor};
use crate::slab::{NO_ENTRY, Slab};
use crate::sync::record::{Node, WaitStage, Waits, with_waits};

/// A list of waits for one resource.
pub(crate) struct Waiters {
    kind: &'static str,
    /// Its number in the thread's record, once it has a name or somebody waited; [`NO_ENTRY`] before.
    resource: Cell<u32>,
    first: Cell<u32>,
    last: Cell<u32>,
    round: Cell<u32>,
    /// How many nodes there are, in all stages.
    nodes: Cell<u32>,
    /// The record is the thread's.
    _not_send: PhantomData<*const ()>,
}

/// The right to a node. Whoever has it removes the node once, by [`Waiters::leave`].
#[derive(Debug)]
pub(crate) struct Ticket(u32);

/// What had become of a wait when it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Waiting,
    /// With the word that it was woken with.
    Woken(u32),
    /// With what it holds.
    Holding(u32),
}

impl Ticket {
    /// How much is wanted, was granted or is held.
    pub(crate) fn word(&self) -> u32 {
        with_waits(|waits| waits.node(self.0).word)
    }

    /// Changes how much is held.
    pub(crate) fn set_word(&self, word: u32) {
        with_waits(|waits| waits.node(self.0).word = word);
    }
}

impl Waiters {
    /// A list for a resource of this kind, as reports are to name it.
    pub(crate) const fn new(kind: &'static str) -> Self {
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

    /// Gives the resource a name.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        let resource = Resource::new(self.kind).named(name);
        let old = with_waits(|waits| match self.resource.get() {
            NO_ENTRY => {
                self.resource.set(waits.resources.insert(resource));
                None
            }
            number => Some(std::mem::replace(&mut waits.resources[number], resource)),
        });
        drop(old);
    }

    /// A wait in this list, as reports are to name it; without those who hold what is waited for.
    pub(crate) fn describe(&self, place: Place) -> WaitsFor {
        let resource = match self.resource.get() {
            NO_ENTRY => Resource::new(self.kind),
            number => with_waits(|waits| waits.resources[number].clone()),
        };
        WaitsFor::Resource { resource, place, owners: Vec::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get() == NO_ENTRY
    }

    /// Enters at the end of the list. `word` says what is wanted.
    ///
    /// Making the `waiter` may have run any code: what is waited for must have been looked at after that.
    #[inline]
    pub(crate) fn join(&self, waiter: Waiter, word: u32, place: Place) -> Ticket {
        let Waiter { waker, task, .. } = waiter;
        self.enter(waker, task, word, place)
    }

    /// The same for a task that is woken by its key: nothing else than the list is touched.
    #[inline(never)] // Apart it is short; inside of something else the record is reached by detours.
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
        with_waits(|waits| {
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
        })
    }

    /// Makes a node the last one, as it says of itself already.
    #[inline]
    fn link(&self, waits: &mut Waits, number: u32) {
        match self.last.get() {
            NO_ENTRY => self.first.set(number),
            last => waits.node(last).next = number,
        }
        self.last.set(number);
    }

    /// Notes that the task whose turn it is holds the resource without having waited for it.
    #[inline]
    pub(crate) fn hold(&self, word: u32, place: Place) -> Ticket {
        let task = TaskKey::current();
        self.nodes.set(self.nodes.get() + 1);
        with_waits(|waits| {
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
        })
    }

    /// The number of the resource, which it is given now if it has none yet.
    #[inline]
    fn number(&self, resources: &mut Slab<Resource>) -> u32 {
        if self.resource.get() == NO_ENTRY {
            self.resource.set(resources.insert(Resource::new(self.kind)));
        }
        self.resource.get()
    }

    /// Takes the first out of the list, to see `word` when it is polled. Returns whether there was one.
    pub(crate) fn wake_first(&self, word: u32) -> bool {
        self.release_first(WaitStage::Woken, Some(word), |_| true)
    }

    /// The same, but only if it is meant by what it noted down when it joined.
    pub(crate) fn wake_first_if(&self, word: u32, is_meant: impl FnOnce(u32) -> bool) -> bool {
        self.release_first(WaitStage::Woken, Some(word), is_meant)
    }

    /// Gives the first in the list what it wants, if `take` can take that much. Returns whether it did.
    ///
    /// What is [held](WaitStage::Holding) is noted as the task's from now on.
    #[inline]
    pub(crate) fn serve_first(&self, is_held: bool, take: impl FnOnce(u32) -> bool) -> bool {
        let stage = if is_held { WaitStage::Holding } else { WaitStage::Woken };
        self.release_first(stage, None, take)
    }

    /// How many rounds have begun: each time that all are woken at once begins one.
    #[inline]
    pub(crate) fn round(&self) -> u32 {
        self.round.get()
    }

    /// Begins a round, so that those who are in the list can be told from those who join later.
    pub(crate) fn begin_round(&self) -> u32 {
        self.round.set(self.round.get().wrapping_add(1));
        self.round.get()
    }

    /// Takes the first out of the list and wakes it, unless `take` does not like what it wants.
    #[inline]
    fn release_first(
        &self,
        stage: WaitStage,
        word: Option<u32>,
        take: impl FnOnce(u32) -> bool,
    ) -> bool {
        let first = self.first.get();
        if first == NO_ENTRY {
            return false;
        }
        let released = with_waits(|waits| {
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
        });
        // Nothing is borrowed any more.
        match released {
            Some((None, Some(task))) => schedule(task),
            Some((Some(waker), _)) => wake_foreign(waker),
            Some((None, None)) => {}
            None => return false,
        }
        true
    }

    /// Asks what has become of a wait. While it goes on, whoever polls now is the one to be woken.
    #[inline]
    #[allow(clippy::unused_self, reason = "a ticket says nothing without its list")]
    pub(crate) fn poll(&self, ticket: &Ticket, cx: &Context<'_>) -> WaitStage {
        let (stage, is_known) = with_waits(|waits| {
            let node = waits.node(ticket.0);
            (node.stage, node.is_polled_by(cx))
        });
        if is_known || stage != WaitStage::Waiting { stage } else { replace_waker(ticket, cx) }
    }

    /// The same, and leaves at once if the wait was woken; what is held stays. `None` while it waits.
    #[inline]
    pub(crate) fn see(&self, ticket: &Ticket, cx: &Context<'_>) -> Option<Left> {
        let seen = with_waits(|waits| {
            let node = waits.node(ticket.0);
            match node.stage {
                // Only then is there no waker that would have to be dropped.
                WaitStage::Woken => Some(self.remove(waits, ticket.0).0),
                WaitStage::Holding => Some(Left::Holding(node.word)),
                WaitStage::Waiting if node.is_polled_by(cx) => Some(Left::Waiting),
                WaitStage::Waiting | WaitStage::Due | WaitStage::Vacant => None,
            }
        });
        match seen {
            Some(Left::Waiting) => None,
            Some(seen) => Some(seen),
            None => self.see_as_foreign(ticket, cx),
        }
    }

    #[cold]
    fn see_as_foreign(&self, ticket: &Ticket, cx: &Context<'_>) -> Option<Left> {
        match replace_waker(ticket, cx) {
            WaitStage::Waiting => None,
            WaitStage::Holding => self.see(ticket, cx),
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

/// From now on whoever polls with `cx` is to be woken. Returns the stage of the wait.
#[cold]
fn replace_waker(ticket: &Ticket, cx: &Context<'_>) -> WaitStage {
    // This may run a foreign waker's code, which may do anything to the wait.
    let Waiter { waker, task, .. } = Waiter::of(cx);
    let (stage, unused) = with_waits(|waits| {
        let node = waits.node(ticket.0);
        if node.stage != WaitStage::Waiting {
            return (node.stage, waker);
        }
        node.task = task;
        (node.stage, std::mem::replace(&mut node.waker, waker))
    });
    drop_quietly(unused);
    stage
}

impl Drop for Waiters {
    #[inline]
    fn drop(&mut self) {
        if self.resource.get() != NO_ENTRY {
            self.remove_resource();
        }
    }
}

impl Waiters {
    fn remove_resource(&self) {
        let number = self.resource.get();
        let forgotten = if self.nodes.get() == 0 {
            Vec::new()
        } else {
            // Somebody called `mem::forget` on a future or a guard: its node must not speak of another
            // resource that will have this number.
            with_waits(|waits| waits.remove_all(number))
        };
        drop_quietly(forgotten);
        drop(with_waits(|waits| waits.remove_resource(number)));
    }
}

/// Wakes by a foreign waker. A panic there is its owner's, and must not keep the next in line from being
/// woken, nor meet another panic in a destructor; the panic hook has told of it.
#[cold]
fn wake_foreign(waker: Waker) {
    run_quietly(|| waker.wake());
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests;

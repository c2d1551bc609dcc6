//! The wait list that all primitives share: first in, first out.
//!
//! ```text
//!             ┌──────────── leave: the wait is dropped ─────────────┐
//!             │                                                     ▼
//!   join ──▶ waiting ──── wake_first ────▶ woken ──── seen ──────▶ gone
//!             │                                                     ▲
//!             └──────── hand_to_first ───▶ holding ── let go ───────┘
//! ```
//!
//! Joining gives a [`Ticket`]; the future that keeps it is in `queued.rs`, and its drop undoes the joining.
//!
//! The nodes live in the thread's one slab (`kernel/waits.rs`), so a wait allocates nothing; a list is three
//! numbers. Nothing is borrowed while a foreign waker is cloned, woken or dropped.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::task::Context;

use crate::kernel::{
    NOBODY, Node, Resource, Slab, Stage, TaskKey, Waiter, Waits, burn, label_of, trim_waits,
    with_waits,
};

/// Where a wait began.
pub(crate) type Place = &'static Location<'static>;

/// A list of waits for one resource.
pub(crate) struct Waiters {
    kind: &'static str,
    /// Its number in the thread's record, once it has a name or somebody waited; [`NOBODY`] before.
    resource: Cell<u32>,
    first: Cell<u32>,
    last: Cell<u32>,
    round: Cell<u32>,
    /// How many nodes say that they hold the resource.
    holding: Cell<u32>,
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

impl Waiters {
    /// A list for a resource of this kind, as reports are to name it.
    pub(crate) const fn new(kind: &'static str) -> Self {
        Waiters {
            kind,
            resource: Cell::new(NOBODY),
            first: Cell::new(NOBODY),
            last: Cell::new(NOBODY),
            round: Cell::new(0),
            holding: Cell::new(0),
            _not_send: PhantomData,
        }
    }

    /// Gives the resource a name.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        let resource = Resource::new(self.kind).named(name);
        let old = with_waits(|waits| match self.resource.get() {
            NOBODY => {
                self.resource.set(waits.resources.insert(resource));
                None
            }
            number => Some(std::mem::replace(&mut waits.resources[number], resource)),
        });
        drop(old);
    }

    /// Its name, if it was given one.
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        let number = self.resource.get();
        with_waits(|waits| (number != NOBODY).then(|| waits.resources[number].shared_name())?)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get() == NOBODY
    }

    /// Enters at the end of the list. `word` says what is wanted.
    ///
    /// Making the `waiter` may have run a foreign waker's code: what is waited for must have been looked at
    /// after that.
    #[inline]
    pub(crate) fn join(&self, waiter: Waiter, word: u32, place: Place) -> Ticket {
        let (waker, task) = waiter.into_node();
        with_waits(|waits| {
            let last = self.last.get();
            let resource = self.number(&mut waits.resources);
            let number = waits.nodes.insert(Node {
                stage: Stage::Waiting,
                task,
                waker,
                place,
                resource,
                word,
                previous: last,
                next: NOBODY,
            });
            match last {
                NOBODY => self.first.set(number),
                last => waits.nodes[last].next = number,
            }
            self.last.set(number);
            Ticket(number)
        })
    }

    /// Notes that the task whose turn it is holds the resource without having waited for it.
    #[inline]
    pub(crate) fn hold(&self, word: u32, place: Place) -> Ticket {
        let task = TaskKey::current();
        self.holding.set(self.holding.get() + 1);
        with_waits(|waits| {
            let resource = self.number(&mut waits.resources);
            Ticket(waits.nodes.insert(Node {
                stage: Stage::Holding,
                task,
                waker: None,
                place,
                resource,
                word,
                previous: NOBODY,
                next: NOBODY,
            }))
        })
    }

    /// The number of the resource, which it is given now if it has none yet.
    #[inline]
    fn number(&self, resources: &mut Slab<Resource>) -> u32 {
        if self.resource.get() == NOBODY {
            self.resource.set(resources.insert(Resource::new(self.kind)));
        }
        self.resource.get()
    }

    /// What the first in the list wants.
    #[inline]
    pub(crate) fn first_word(&self) -> Option<u32> {
        let first = self.first.get();
        (first != NOBODY).then(|| with_waits(|waits| waits.nodes[first].word))
    }

    /// Takes the first out of the list, to see `word` when it is polled. Returns whether there was one.
    pub(crate) fn wake_first(&self, word: u32) -> bool {
        self.release_first(Stage::Woken, Some(word))
    }

    /// Hands what the first in the list wants to it. Returns whether there was one.
    pub(crate) fn hand_to_first(&self) -> bool {
        self.release_first(Stage::Holding, None)
    }

    /// Wakes all that are in the list at this moment, in order; not those that join meanwhile.
    ///
    /// For lists whose waits want nothing but to be woken, and join with [`Waiters::round`].
    pub(crate) fn wake_all(&self, word: u32) {
        let round = self.begin_round();
        // Rounds go up along the list: whoever joins from now on ends it.
        while self.first_word().is_some_and(|joined| round.wrapping_sub(joined).cast_signed() > 0) {
            self.wake_first(word);
        }
    }

    /// How many rounds have begun: [`Waiters::wake_all`] begins one.
    #[inline]
    pub(crate) fn round(&self) -> u32 {
        self.round.get()
    }

    /// Begins a round, so that those who are in the list can be told from those who join later.
    pub(crate) fn begin_round(&self) -> u32 {
        self.round.set(self.round.get().wrapping_add(1));
        self.round.get()
    }

    #[inline]
    fn release_first(&self, stage: Stage, word: Option<u32>) -> bool {
        let first = self.first.get();
        if first == NOBODY {
            return false;
        }
        if stage == Stage::Holding {
            self.holding.set(self.holding.get() + 1);
        }
        let waiter = with_waits(|waits| {
            self.unlink(waits, first);
            let node = &mut waits.nodes[first];
            node.stage = stage;
            if let Some(word) = word {
                node.word = word;
            }
            Waiter::of_node(node.waker.take(), node.task)
        });
        if let Some(waiter) = waiter {
            wake(waiter);
        }
        true
    }

    /// What is held: the word of a node.
    pub(crate) fn word(&self, ticket: &Ticket) -> u32 {
        with_waits(|waits| waits.nodes[ticket.0].word)
    }

    /// Changes how much is held.
    pub(crate) fn set_word(&self, ticket: &Ticket, word: u32) {
        with_waits(|waits| waits.nodes[ticket.0].word = word);
    }

    /// Asks what has become of a wait. While it goes on, whoever polls now is the one to be woken.
    #[inline]
    pub(crate) fn poll(&self, ticket: &Ticket, cx: &Context<'_>) -> Stage {
        let (stage, is_known) = with_waits(|waits| {
            let node = &waits.nodes[ticket.0];
            let is_known = node.waker.is_none() && node.task.is_some_and(|task| task.polls(cx));
            (node.stage, is_known)
        });
        if is_known || stage != Stage::Waiting { stage } else { self.replace_waker(ticket, cx) }
    }

    #[cold]
    fn replace_waker(&self, ticket: &Ticket, cx: &Context<'_>) -> Stage {
        // This may run a foreign waker's code, which may do anything to the wait.
        let (waker, task) = Waiter::of(cx).into_node();
        let (stage, unused) = with_waits(|waits| {
            let node = &mut waits.nodes[ticket.0];
            if node.stage != Stage::Waiting {
                return (node.stage, waker);
            }
            node.task = task;
            (node.stage, std::mem::replace(&mut node.waker, waker))
        });
        burn(unused);
        stage
    }

    /// Removes a node, whatever its stage.
    #[inline]
    pub(crate) fn leave(&self, ticket: Ticket) -> Left {
        let Ticket(number) = ticket;
        let (left, waker, is_empty) = with_waits(|waits| {
            if waits.nodes[number].stage == Stage::Waiting {
                self.unlink(waits, number);
            }
            let node = waits.nodes.remove(number);
            let left = match node.stage {
                Stage::Waiting => Left::Waiting,
                Stage::Woken => Left::Woken(node.word),
                Stage::Holding => {
                    self.holding.set(self.holding.get() - 1);
                    Left::Holding(node.word)
                }
            };
            (left, node.waker, waits.is_empty())
        });
        if waker.is_some() {
            burn(waker);
        }
        if is_empty {
            trim_waits();
        }
        left
    }

    fn unlink(&self, waits: &mut Waits, number: u32) {
        let node = &waits.nodes[number];
        let (previous, next) = (node.previous, node.next);
        match previous {
            NOBODY => self.first.set(next),
            previous => waits.nodes[previous].next = next,
        }
        match next {
            NOBODY => self.last.set(previous),
            next => waits.nodes[next].previous = previous,
        }
    }

    /// Writes who holds and who waits, for the `Debug` of a primitive.
    pub(crate) fn debug(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        let number = self.resource.get();
        if number == NOBODY {
            return;
        }
        let (name, holding, waiting) = with_waits(|waits| {
            let name = waits.resources[number].shared_name();
            (name, waits.of(number, Stage::Holding), waits.of(number, Stage::Waiting))
        });
        if let Some(name) = name {
            f.field("name", &name);
        }
        for (title, tasks) in [("held_by", holding), ("waiters", waiting)] {
            let tasks = tasks.into_iter().map(|(task, place)| Party { task, place });
            let tasks: Vec<Party> = tasks.collect();
            if !tasks.is_empty() {
                f.field(title, &tasks);
            }
        }
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        let number = self.resource.get();
        if number == NOBODY {
            return;
        }
        let forgotten = if self.first.get() == NOBODY && self.holding.get() == 0 {
            Vec::new()
        } else {
            // Somebody called `mem::forget` on a future or a guard: its node must not speak of another
            // resource that will have this number.
            with_waits(|waits| waits.remove_all(number))
        };
        burn(forgotten);
        let (resource, is_empty) =
            with_waits(|waits| (waits.resources.remove(number), waits.is_empty()));
        drop(resource);
        if is_empty {
            trim_waits();
        }
    }
}

/// Somebody who waits or holds, as `Debug` prints him: `#3 "bob" at src/main.rs:30:20`.
struct Party {
    task: Option<TaskKey>,
    place: Place,
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task.and_then(label_of) {
            Some(label) => write!(f, "{label} at {}", self.place),
            None => write!(f, "somebody at {}", self.place),
        }
    }
}

/// Wakes whoever waits. The panic of a foreign waker is its owner's, and must not keep the next in line
/// from being woken, nor meet another panic in a destructor; the panic hook has told of it.
#[inline]
fn wake(waiter: Waiter) {
    if waiter.own().is_some() {
        return waiter.wake();
    }
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waiter.wake())) {
        burn(payload);
    }
}

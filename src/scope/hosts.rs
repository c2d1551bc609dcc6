//! Hosts: a scope gives turns to tasks of its own, nested in the turn of whoever polls it.
//!
//! The child of a scope has a slot, a key and a bell like any task, so whatever wakes tasks wakes it. But its
//! future lives in the scope, where it may borrow from around it. So it is not put on the scheduler's ready
//! queue but on that of its host, which is rung then: whoever polled the scope last is woken, and the next
//! poll of the scope gives the turn. That turn is in `nested.rs`; here is who is whose guest.
//!
//! ```text
//! schedule(child) ──▶ ready queue of the host ──▶ ring: wake who polled the scope last
//!                              │                                 │
//!                        turn of child  ◀── pass ◀── poll of the scope
//! ```
//!
//! A host is rung once for all children that become ready before its next poll: the *ring* is taken then, and
//! left again by [`Host::leave`]. Whoever is woken may be the child of another scope; then its host is rung too,
//! and so on outward to a task, or to a foreign waker.
//!
//! The kernel knows a scope by its *desk*, and a child by its number there. It never has the future: what it
//! wants done to a child it asks of the scope, through [`Hosted`](crate::scope::pass::Hosted).

use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use crate::kernel::Heritage;
use crate::kernel::Kernel;
use crate::kernel::Marks;
use crate::kernel::Ready;
use crate::kernel::thread;
use crate::kernel::wake_safely;
use crate::kernel::{Birth, Put};
use crate::kernel::{Key, TaskId, TaskKey};
use crate::report::Cause;
use crate::report::Place;
use crate::report::Waiter;
use crate::scheduler::Dealer;
use crate::sync::Slab;

/// The scopes of a scheduler, and who is a guest of which.
pub(crate) struct Hosting {
    desks: Slab<Desk>,
    /// By the slot of the guest. Only as long as the highest slot that ever was a guest's.
    guests: Vec<Guest>,
    /// Empty queues of scopes that are over, for the next ones.
    spares: Vec<Ready>,
}

/// So many empty queues are kept, if they have no room for more than this.
const SPARE: usize = 4;
const LONGEST: usize = 1 << 10;

/// What the kernel knows of a scope.
struct Desk {
    /// Where its children wait for their turn.
    ready: Ready,
    /// To be woken when a child is ready. `None` if that was done since the last poll, and during a poll.
    ring: Option<Waiter>,
    /// The task that polled the scope last.
    poller: Option<TaskKey>,
    /// A child was ended without the scope: it went with all tasks of its scheduler.
    is_deserted: bool,
    place: Place,
}

#[derive(Clone, Copy)]
struct Guest {
    desk: u32,
    /// Its number in the scope.
    number: u32,
}

impl Default for Hosting {
    fn default() -> Self {
        Hosting { desks: Slab::new(), guests: Vec::new(), spares: Vec::new() }
    }
}

impl Hosting {
    /// Queues a child for its turn.
    pub(crate) fn push(&mut self, slot: u32) {
        let desk = self.guests[slot as usize].desk;
        self.desks[desk].ready.push(slot);
    }

    #[inline]
    fn check_in(&mut self, slot: u32, guest: Guest) {
        let slot = slot as usize;
        if slot >= self.guests.len() {
            self.guests.resize(slot + 1, guest);
        }
        self.guests[slot] = guest;
    }

    /// Takes who is to be woken for the turn of a child; nobody if that was done before.
    fn take_ring(&mut self, slot: u32) -> Option<Waiter> {
        let desk = self.guests[slot as usize].desk;
        self.desks[desk].ring.take()
    }

    /// Returns whether there is a scope that has, or had, children.
    pub(crate) fn has_scopes(&self) -> bool {
        !self.desks.is_empty()
    }

    /// Where the children of a scope wait for their turn.
    pub(crate) fn ready(&mut self, desk: u32) -> &mut Ready {
        &mut self.desks[desk].ready
    }

    /// Where a scope was made.
    pub(crate) fn place(&self, desk: u32) -> Place {
        self.desks[desk].place
    }

    /// The number of a child in this scope; `None` if it is another's.
    #[inline]
    pub(crate) fn number_in(&self, desk: u32, slot: u32) -> Option<u32> {
        let guest = self.guests[slot as usize];
        (guest.desk == desk).then_some(guest.number)
    }

    /// The number of a child's scope, who polled that last, and where it was made.
    pub(crate) fn host_of(&self, slot: u32) -> (u32, Option<TaskKey>, Place) {
        let number = self.guests[slot as usize].desk;
        let desk = &self.desks[number];
        (number, desk.poller, desk.place)
    }
}

/// A scope's side of the kernel. Dropping it forgets the scope; its children must have ended.
pub(crate) struct Host {
    pub(crate) kernel: Rc<Kernel>,
    pub(crate) desk: u32,
}

impl Host {
    /// Opens a desk for a scope that was made at this place.
    pub(crate) fn open(kernel: Rc<Kernel>, place: Place) -> Self {
        let poller = thread::current_task();
        let desk = {
            let hosting = &mut kernel.board.borrow_mut().hosting;
            let dealer = Dealer::new(kernel.settings.policy);
            let ready = match hosting.spares.pop() {
                Some(spare) => spare.emptied(dealer),
                None => Ready::new(dealer),
            };
            hosting.desks.insert(Desk { ready, ring: None, poller, is_deserted: false, place })
        };
        Host { kernel, desk }
    }

    pub(crate) fn kernel(&self) -> &Rc<Kernel> {
        &self.kernel
    }

    /// Returns whether the scheduler was dropped: then no child has a turn any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.kernel.is_closed.get()
    }

    /// Returns whether children may have ended without the scope, since the last call: with their scheduler, or
    /// with all its tasks.
    pub(crate) fn is_deserted(&self) -> bool {
        let mut board = self.kernel.board.borrow_mut();
        mem::take(&mut board.hosting.desks[self.desk].is_deserted)
    }

    /// Makes a child, and puts it on ready. [`Hosted::turn`](crate::scope::pass::Hosted::turn) will call it by
    /// this number.
    #[inline]
    pub(crate) fn spawn(
        &self,
        number: u32,
        mut birth: Birth,
        name: Option<Arc<str>>,
        heritage: Option<Box<dyn Heritage>>,
    ) -> (u32, TaskId) {
        birth.marks.set(Marks::HOSTED);
        let (key, id, is_polled) = {
            let mut guard = self.kernel.board.borrow_mut();
            let board = &mut *guard;
            let (key, id) = board.taskmap.insert_guest(birth);
            board.taskmap.endow(key.slot, name, heritage);
            board.hosting.check_in(key.slot, Guest { desk: self.desk, number });
            let desk = &mut board.hosting.desks[self.desk];
            desk.ready.push(key.slot);
            (key, id, desk.ring.is_none())
        };
        if self.kernel.watched.get() {
            self.kernel.tell_spawned(key);
        }
        if !is_polled {
            self.kernel.ring_host(key);
        }
        (key.slot, id)
    }

    /// Notes that a poll of the scope begins. What this returns is for [`Host::leave`].
    pub(crate) fn arrive(&self) -> Option<Waiter> {
        self.kernel.board.borrow_mut().hosting.desks[self.desk].ring.take()
    }

    /// Ends a poll of the scope: whoever polled is woken when a child is ready, or at once if one is.
    ///
    /// # Panics
    ///
    /// If the waker in `cx` is a foreign one and panics.
    pub(crate) fn leave(&self, cx: &Context<'_>, before: Option<Waiter>) {
        let waiter = match before {
            Some(waiter) if waiter.is_for(cx) => waiter,
            _ => Waiter::of(cx),
        };
        let unused = {
            let mut board = self.kernel.board.borrow_mut();
            let desk = &mut board.hosting.desks[self.desk];
            desk.poller = waiter.task();
            if desk.ready.is_empty() { desk.ring.replace(waiter) } else { Some(waiter) }
        };
        if let Some(waiter) = unused {
            waiter.wake();
        }
    }

    /// Ends a child outside of its turn: `end` drops its future. It may have left the task map already.
    pub(crate) fn end(&self, slot: u32, id: TaskId, end: impl FnOnce()) {
        let key = Key { slot, serial: id.serial() };
        let is_inside = self.is_closed() || thread::is_current(self.kernel.id);
        // What its destructors spawn is spawned on their scheduler.
        let entered = (!is_inside).then(|| thread::enter(self.kernel.id, None));
        self.kernel.end_of_heir(key, end);
        self.kernel.end_now(key);
        drop(entered);
    }

    /// The name of a child that is not over, and where it was spawned.
    pub(crate) fn origin(&self, slot: u32, id: TaskId) -> Option<(Option<Arc<str>>, Place)> {
        let mut board = self.kernel.board.borrow_mut();
        let place = board.taskmap.resident(slot, id)?.spawned_at;
        Some((board.taskmap.name(slot), place))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let ring = {
            let hosting = &mut self.kernel.board.borrow_mut().hosting;
            let Desk { ready, ring, .. } = hosting.desks.remove(self.desk);
            if hosting.spares.len() < SPARE && ready.room() <= LONGEST {
                hosting.spares.push(ready);
            }
            ring
        };
        drop(ring); // A foreign waker may be in it.
    }
}

impl Kernel {
    /// Tells the scope of a child that is about to be ended without it. In vain if it is no child of a scope.
    pub(crate) fn desert(&self, child: Key) {
        {
            let mut guard = self.board.borrow_mut();
            let board = &mut *guard;
            match board.taskmap.tenant(child) {
                Some(tenant) if tenant.marks.has(Marks::HOSTED) => {}
                _ => return,
            }
            let desk = board.hosting.guests[child.slot as usize].desk;
            board.hosting.desks[desk].is_deserted = true;
        }
        self.ring_host(child);
    }

    /// Wakes whoever polled the scope of a child last, for the child to have its turn. That may be the child
    /// of another scope, and so on outward.
    #[cold]
    pub(crate) fn ring_host(&self, child: Key) {
        let mut child = child;
        loop {
            let waiter = self.board.borrow_mut().hosting.take_ring(child.slot);
            let Some(waiter) = waiter else { return };
            let Some(task) = waiter.own().filter(|task| task.scheduler == self.id) else {
                return wake_safely(waiter);
            };
            let put = self.board.borrow_mut().schedule(task.key);
            if put != Put::Nowhere && self.watched.get() {
                let cause = self.id_of(child).map_or(Cause::Outside, Cause::Task);
                self.tell_scheduled(task.key, cause);
            }
            if put != Put::AtHost {
                return;
            }
            child = task.key;
        }
    }
}

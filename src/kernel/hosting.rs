//! Hosts: a scope gives turns to tasks of its own, nested in the turn of whoever polls it.
//!
//! The child of a scope has a slot, a key and a bell like any task, so whatever wakes tasks wakes it. But its
//! future lives in the scope, where it may borrow from around it. So it is not put on the scheduler's ready
//! queue but on that of its host, which is rung then: whoever polled the scope last is woken, and the next
//! poll of the scope gives the turn.
//!
//! ```text
//! schedule(child) ──▶ ready queue of the host ──▶ ring: wake who polled the scope last
//!                              │                                 │
//!                        turn of child  ◀── pass ◀── poll of the scope
//! ```

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::ending::wake_safely;
use crate::kernel::id::{Key, TaskId, TaskKey};
use crate::kernel::mainloop::Turn;
use crate::kernel::policy::Dealer;
use crate::kernel::ready::Ready;
use crate::kernel::scheduler::{Board, Kernel};
use crate::kernel::snapshot::Place;
use crate::kernel::task::Ending;
use crate::kernel::taskmap::{Birth, Doing, Marks, Put};
use crate::kernel::thread::{self, Entered};
use crate::kernel::transition::{Cause, TurnResult};
use crate::kernel::waiting::Waiter;
use crate::kernel::waits::Slab;
use crate::kernel::waker::Bell;

/// The scopes of a scheduler, and who is a guest of which.
pub(crate) struct Hosting {
    desks: Slab<Desk>,
    /// By the slot of the guest. Only as long as the highest slot that ever was a guest's.
    guests: Vec<Guest>,
}

/// What the kernel knows of a scope.
struct Desk {
    /// Where its children wait for their turn.
    ready: Ready,
    /// To be woken when a child is ready. `None` if that was done since the last poll, and during a poll.
    ring: Option<Waiter>,
    /// The task that polled the scope last.
    poller: Option<TaskKey>,
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
        Hosting { desks: Slab::new(), guests: Vec::new() }
    }
}

impl Hosting {
    /// Queues a child for its turn.
    pub(crate) fn push(&mut self, slot: u32) {
        let desk = self.guests[slot as usize].desk;
        self.desks[desk].ready.push(slot);
    }

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

    /// Who polled the scope of a child last, and where the scope was made.
    pub(crate) fn host_of(&self, slot: u32) -> (Option<TaskKey>, Place) {
        let desk = &self.desks[self.guests[slot as usize].desk];
        (desk.poller, desk.place)
    }

    /// The number of a child's scope: the same for all its children.
    pub(crate) fn desk_of(&self, slot: u32) -> u32 {
        self.guests[slot as usize].desk
    }
}

/// A scope's side of the kernel. Dropping it forgets the scope; its children must have ended.
pub(crate) struct Host {
    kernel: Rc<Kernel>,
    desk: u32,
}

impl Host {
    /// Opens a desk for a scope that was made at this place.
    pub(crate) fn open(kernel: Rc<Kernel>, place: Place) -> Self {
        let ready = Ready::new(Dealer::new(kernel.settings.policy));
        let poller = thread::current_task();
        let desk = Desk { ready, ring: None, poller, place };
        let desk = kernel.board.borrow_mut().hosting.desks.insert(desk);
        Host { kernel, desk }
    }

    pub(crate) fn kernel(&self) -> &Rc<Kernel> {
        &self.kernel
    }

    /// Returns whether the scheduler was dropped: then no child has a turn any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.kernel.is_closed.get()
    }

    /// Makes a child, and puts it on ready. `number` is what [`Host::pass`] will call it.
    pub(crate) fn spawn(
        &self,
        number: u32,
        birth: Birth,
        name: Option<Arc<str>>,
    ) -> (u32, TaskId) {
        let mut birth = birth;
        birth.marks.set(Marks::HOSTED);
        let (key, id) = {
            let mut guard = self.kernel.board.borrow_mut();
            let board = &mut *guard;
            let (key, id) = board.taskmap.insert_guest(birth);
            if name.is_some() {
                board.taskmap.rare(key.slot).name = name;
            }
            board.hosting.check_in(key.slot, Guest { desk: self.desk, number });
            board.hosting.push(key.slot);
            (key, id)
        };
        if self.kernel.watched.get() {
            self.kernel.tell_spawned(key);
        }
        self.kernel.ring_host(key); // Mostly in vain: who spawns is in the middle of a poll.
        (key.slot, id)
    }

    /// Notes that a poll of the scope begins. What this returns is for [`Host::leave`].
    pub(crate) fn arrive(&self) -> Option<Waiter> {
        self.kernel.board.borrow_mut().hosting.desks[self.desk].ring.take()
    }

    /// Gives a turn to every child that is ready now, by calling `turn` with its number. That gives the
    /// child a poll with the waker, or drops it if it was aborted; and never unwinds.
    pub(crate) fn pass(&self, mut turn: impl FnMut(u32, Lent<'_, '_>) -> Poll<Ending>) {
        let Some(mut pass) = Pass::begin(self) else { return };
        while let Some((child, number)) = pass.next() {
            let mut cx = Context::from_waker(pass.bell.waker());
            thread::begin_turn(child.key, pass.bell.waker());
            let lent = if child.aborted { Lent::Abort } else { Lent::Turn(&mut cx) };
            let poll = turn(number, lent);
            let again = thread::end_poll();
            let ending = match poll {
                Poll::Ready(ending) => ending,
                Poll::Pending if pass.end_turn(child, again) => continue,
                Poll::Pending => {
                    let _ended = turn(number, Lent::Abort);
                    Ending::Aborted
                }
            };
            pass.exit(child, ending);
        }
        pass.end();
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

    /// Ends a child whose future was dropped outside of its turn; in vain if it is over.
    pub(crate) fn end(&self, slot: u32, id: TaskId) {
        self.kernel.end_now(Key { slot, serial: id.serial() });
    }

    /// What the destructors of children spawn is spawned on their scheduler, as long as this is held.
    pub(crate) fn enter(&self) -> Option<Entered> {
        let is_inside = self.is_closed() || thread::is_current(self.kernel.id);
        (!is_inside).then(|| thread::enter(self.kernel.id, None))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let desk = self.kernel.board.borrow_mut().hosting.desks.remove(self.desk);
        drop(desk); // A foreign waker may be in it.
    }
}

/// What a child has in its turn.
pub(crate) enum Lent<'a, 'b> {
    /// A poll with this.
    Turn(&'a mut Context<'b>),
    /// The end: its future is to be dropped.
    Abort,
}

/// The turns of the children in one poll of their scope.
struct Pass<'h> {
    host: &'h Host,
    /// Lent to each child for its turn, as in a run.
    bell: Bell,
    _entered: Entered,
}

impl<'h> Pass<'h> {
    /// Begins a pass, if any child is ready.
    fn begin(host: &'h Host) -> Option<Self> {
        let kernel = &*host.kernel;
        let (bell, place) = {
            let mut guard = kernel.board.borrow_mut();
            let Board { hosting, taskmap, bells, .. } = &mut *guard;
            let desk = &mut hosting.desks[host.desk];
            if desk.ready.is_empty() {
                return None;
            }
            desk.ready.begin_pass(|slot| taskmap.priority(slot));
            (bells.take(&kernel.mailbox), desk.place)
        };
        // On a foreign executor no run encloses this one: then it is one by itself.
        let run = thread::run_place().unwrap_or(place);
        Some(Pass { host, bell, _entered: thread::enter(kernel.id, Some(run)) })
    }

    /// Begins the turn of the next child.
    fn next(&mut self) -> Option<(Turn, u32)> {
        let kernel = &*self.host.kernel;
        let child = loop {
            let mut guard = kernel.board.borrow_mut();
            let board = &mut *guard;
            let slot = board.hosting.desks[self.host.desk].ready.pop()?;
            let (place, guest) =
                (board.taskmap.slot(slot), board.hosting.guests[slot as usize]);
            let is_here = place.marks.has(Marks::HOSTED) && guest.desk == self.host.desk;
            // Else its scheduler was dropped in this pass, and the slot is perhaps another's.
            if is_here && place.doing == Doing::Queued {
                let (turn, _) = board.begin_turn(&mut self.bell, slot);
                break (turn, guest.number);
            }
        };
        if kernel.watched.get() {
            kernel.tell_turn_began(child.0.key);
        }
        Some(child)
    }

    /// Lets a child wait for its bell, or for its next turn. `false` if it is to end now, since it was
    /// aborted in its own turn.
    fn end_turn(&mut self, child: Turn, again: bool) -> bool {
        let kernel = &*self.host.kernel;
        let slot = child.key.slot;
        let mut guard = kernel.board.borrow_mut();
        let board = &mut *guard;
        let Some(place) = board.taskmap.tenant(child.key) else { return false };
        if place.doing == Doing::Again && place.marks.has(Marks::ABORT) {
            return false;
        }
        let yields = again || place.doing == Doing::Again;
        place.doing = if yields { Doing::Queued } else { Doing::Idle };
        if yields {
            board.hosting.push(slot);
        }
        board.take_bell_back(&mut self.bell, child, &kernel.mailbox);
        kernel.settle_sleeps(board);
        drop(guard);
        if kernel.watched.get() {
            let result = if yields { TurnResult::Yielded } else { TurnResult::Waiting };
            kernel.tell_turn_ended(child.key, result);
        }
        true
    }

    /// Lets a child leave the task map.
    fn exit(&mut self, child: Turn, ending: Ending) {
        let kernel = &*self.host.kernel;
        let mut board = kernel.board.borrow_mut();
        if board.taskmap.tenant(child.key).is_none() {
            return; // Its scheduler was dropped in its turn.
        }
        board.take_bell_for_good(&mut self.bell, child, &kernel.mailbox);
        kernel.settle_sleeps(&mut board);
        if kernel.watched.get() {
            drop(board);
            kernel.tell_turn_ended(child.key, TurnResult::Exited(ending));
            board = kernel.board.borrow_mut();
        }
        drop(kernel.exit(board, child.key, None, ending));
    }

    /// Ends in peace; the bell serves others.
    fn end(self) {
        self.host.kernel.give_back(self.bell);
    }
}

impl Kernel {
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

//! Hosts: a scope gives turns to its own tasks, nested in the turn of the task that polls it.
//!
//! The child of a scope has a slot, a key and a bell like any task, so everything that wakes tasks can wake it. But its
//! future lives in the scope, where it may borrow from its surroundings. It is therefore [routed](Flags::ROUTED): a
//! wake does not put it on the scheduler's ready queue but on that of its host, which is then rung. Ringing wakes the
//! waiter that polled the scope last, and the next poll of the scope gives the child its turn. That turn is in
//! `pass.rs`; this file keeps track of which child belongs to which scope.
//!
//! ```text
//! schedule(child) ──▶ ready queue of the host ──▶ ring: wake what polled the scope last
//!                              │                                 │
//!                        turn of child  ◀── pass ◀── poll of the scope
//! ```
//!
//! A host is rung once for all children that become ready before its next poll: the *ring* is taken then, and left
//! again by [`Host::end_poll`]. The waiter may be the child of another scope; then that scope's host is rung too, and
//! so on outward to a task or a foreign waker.
//!
//! The scheduler identifies a scope by its *queue*, and a child by its number in the scope. It never has the child's
//! future: whatever must be done to a child, its scope does.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use crate::kernel::{
    By, Flags, Kernel, Key, Place, Ready, SpawnMeta, TaskEvent, TaskId, TaskKey, Waiter,
    current_scheduler, current_task, enter, run_quietly,
};
use crate::report::{Detail, ScopeId};
use crate::slab::Slab;
use crate::watch::detail;

/// The scopes of a scheduler, and which child belongs to which.
pub(crate) struct Hosts(RefCell<Lists>);

struct Lists {
    queues: Slab<ChildQueue>,
    /// By the child's slot. Extends only to the highest slot that a child has ever had. An entry outlives its child: it
    /// is meaningful only for a slot that has `ROUTED`.
    members: Vec<QueueMember>,
    /// Empty queues of finished scopes, for reuse.
    spares: Vec<Ready>,
}

/// At most this many empty queues are kept, none with a larger capacity than this.
const SPARE: usize = 4;
const LONGEST: usize = 1 << 10;

/// A scope, as the scheduler sees it.
struct ChildQueue {
    /// Its children that wait for their turn.
    ready: Ready,
    /// Woken when a child becomes ready. `None` during a poll, and once it was woken after the last poll.
    ring: Option<Waiter>,
    /// The task that polled the scope last.
    poller: Option<TaskKey>,
    /// A child was ended by the scheduler instead of the scope, along with all of its tasks.
    is_orphaned: bool,
    place: Place,
}

#[derive(Clone, Copy)]
struct QueueMember {
    queue: u32,
    /// Its number in the scope.
    number: u32,
}

impl Default for Hosts {
    fn default() -> Self {
        let lists = Lists { queues: Slab::new(), members: Vec::new(), spares: Vec::new() };
        Hosts(RefCell::new(lists))
    }
}

impl Lists {
    fn queue_of(&mut self, slot: u32) -> &mut ChildQueue {
        let queue = self.members[slot as usize].queue;
        &mut self.queues[queue]
    }
}

// ----- for the scheduler -----

impl Hosts {
    /// Queues a child that was woken, and returns its id. `None` if the task is not the child of a scope, or is gone.
    pub(crate) fn queue(&self, kernel: &Kernel, key: Key) -> Option<TaskId> {
        let id = child_at(kernel, key)?;
        self.0.borrow_mut().queue_of(key.slot).ready.push(key.slot);
        Some(id)
    }

    /// Wakes the waiter that polled the child's scope last. If that is a task that was waiting, and a flag requires the
    /// slow path of its wake, its key is returned: it may be the child of another scope.
    pub(crate) fn ring(&self, kernel: &Kernel, child: Key) -> Option<Key> {
        child_at(kernel, child)?; // An observer may have dropped its scope.
        let ring = self.0.borrow_mut().queue_of(child.slot).ring.take()?;
        let Some(task) = ring.own().filter(|task| task.scheduler == kernel.id) else {
            run_quietly(|| ring.wake());
            return None;
        };
        let has_more = kernel.board.borrow_mut().schedule(task.key);
        has_more.then_some(task.key)
    }

    /// Marks the scope of a child that is about to be ended without it, and wakes the waiter that polled that scope
    /// last.
    pub(crate) fn orphan(&self, kernel: &Kernel, child: Key) {
        if let Some(id) = child_at(kernel, child) {
            self.0.borrow_mut().queue_of(child.slot).is_orphaned = true;
            self.ring_outward(kernel, child, id);
        }
    }

    /// Rings the host of a child; the hooks ring further outward.
    fn ring_outward(&self, kernel: &Kernel, child: Key, id: TaskId) {
        if let Some(next) = self.ring(kernel, child) {
            kernel.after_schedule(next, By::Task(id));
        }
    }

    /// Returns whether there is a scope that has, or had, children.
    pub(crate) fn has_scopes(&self) -> bool {
        !self.0.borrow().queues.is_empty()
    }

    /// Returns the number of the child's scope, the task that polled the scope last, and where the scope was created.
    pub(crate) fn host_of(&self, slot: u32) -> (u32, Option<TaskKey>, Place) {
        let lists = self.0.borrow();
        let number = lists.members[slot as usize].queue;
        let queue = &lists.queues[number];
        (number, queue.poller, queue.place)
    }
}

/// Returns the id of the scope's child that has this key, if there is one.
fn child_at(kernel: &Kernel, key: Key) -> Option<TaskId> {
    kernel.board.borrow().taskmap.get(key).filter(|slot| slot.flags.has(Flags::ROUTED))?.id()
}

// ----- for a scope -----

/// A scope's side of its queue. Dropping it removes the queue; all children must have ended.
pub(crate) struct Host {
    pub(crate) kernel: Rc<Kernel>,
    hosts: Rc<Hosts>,
    queue: u32,
}

impl Host {
    /// Opens a queue for a scope that was created at this place.
    pub(crate) fn open(kernel: Rc<Kernel>, place: Place) -> Self {
        let hosts = kernel.part::<Hosts>().expect("every scheduler can have scopes");
        let poller = current_task();
        let queue = {
            let lists = &mut *hosts.0.borrow_mut();
            let ready = lists.spares.pop().unwrap_or_default();
            lists.queues.insert(ChildQueue { ready, ring: None, poller, is_orphaned: false, place })
        };
        detail(kernel.id, || Detail::scope_opened(kernel.id, queue, poller, place));
        Host { kernel, hosts, queue }
    }

    /// Returns whether children may have been ended without the scope since the last call: with their scheduler, or
    /// with all of its tasks.
    pub(crate) fn take_orphaned(&self) -> bool {
        mem::take(&mut self.hosts.0.borrow_mut().queues[self.queue].is_orphaned)
    }

    /// Creates a child, and puts it on ready. A pass gives the turns of the child with this number.
    #[inline]
    pub(crate) fn spawn(
        &self,
        number: u32,
        mut meta: SpawnMeta,
        name: Option<Arc<str>>,
    ) -> (u32, TaskId) {
        meta.flags = meta.flags.with(Flags::ROUTED);
        let (key, id) = self.kernel.insert_external(meta, name);
        let is_polled = {
            let lists = &mut *self.hosts.0.borrow_mut();
            let (slot, member) = (key.slot as usize, QueueMember { queue: self.queue, number });
            if slot >= lists.members.len() {
                lists.members.resize(slot + 1, member);
            }
            lists.members[slot] = member;
            let queue = &mut lists.queues[self.queue];
            queue.ready.push(key.slot);
            queue.ring.is_none()
        };
        detail(self.kernel.id, || Detail::ChildSpawned { scope: ScopeId(self.queue), task: id });
        if self.kernel.is_traced() {
            self.kernel.trace(key, TaskEvent::Spawned);
        }
        if !is_polled {
            self.hosts.ring_outward(&self.kernel, key, id);
        }
        (key.slot, id)
    }

    /// Starts a poll of the scope. The result is for [`Host::end_poll`].
    pub(crate) fn begin_poll(&self) -> Option<Waiter> {
        self.hosts.0.borrow_mut().queues[self.queue].ring.take()
    }

    /// Ends a poll of the scope: the polling task is woken when a child becomes ready, or immediately if one is.
    ///
    /// # Panics
    ///
    /// If the waker in `cx` is a foreign one and panics.
    pub(crate) fn end_poll(&self, cx: &Context<'_>, before: Option<Waiter>) {
        let waiter = match before {
            Some(waiter) if waiter.is_for(cx) => waiter,
            _ => Waiter::of(cx),
        };
        let unused = {
            let queue = &mut self.hosts.0.borrow_mut().queues[self.queue];
            let (scheduler, scope, poller) = (self.kernel.id, self.queue, waiter.task());
            if queue.poller != poller {
                detail(scheduler, || Detail::scope_opened(scheduler, scope, poller, queue.place));
            }
            queue.poller = poller;
            if queue.ready.is_empty() { queue.ring.replace(waiter) } else { Some(waiter) }
        };
        if let Some(waiter) = unused {
            waiter.wake();
        }
    }

    /// Ends a child outside of its turn: `end` drops its future. The child may have left the taskmap already.
    pub(crate) fn end(&self, slot: u32, id: TaskId, end: impl FnOnce()) {
        let is_inside = self.kernel.is_closed.get() || current_scheduler() == Some(self.kernel.id);
        // What its destructors spawn goes to the child's scheduler.
        let entered = (!is_inside).then(|| enter(self.kernel.id, None));
        end();
        self.kernel.end_now(id.key(slot));
        drop(entered);
    }

    // ----- for a pass of the scope -----

    /// Starts a pass, in the order chosen by `arrange`; `false` if no child is ready.
    pub(super) fn begin_pass(&self, arrange: impl FnOnce(&mut Vec<u32>, &mut Vec<u32>)) -> bool {
        let ready = &mut self.hosts.0.borrow_mut().queues[self.queue].ready;
        if ready.is_empty() {
            return false;
        }
        let (pass, next) = ready.begin_pass();
        arrange(pass, next);
        true
    }

    /// Takes the next child of the pass: its slot, and its number in the scope unless the slot now belongs to another
    /// scope.
    #[inline]
    pub(super) fn next(&self) -> Option<(u32, Option<u32>)> {
        let lists = &mut *self.hosts.0.borrow_mut();
        let slot = lists.queues[self.queue].ready.pop()?;
        let QueueMember { queue, number } = lists.members[slot as usize];
        Some((slot, (queue == self.queue).then_some(number)))
    }

    /// Queues a child that has yielded.
    #[inline]
    pub(super) fn push(&self, slot: u32) {
        self.hosts.0.borrow_mut().queues[self.queue].ready.push(slot);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        detail(self.kernel.id, || Detail::ScopeEnded { scope: ScopeId(self.queue) });
        let ring = {
            let lists = &mut *self.hosts.0.borrow_mut();
            let ChildQueue { mut ready, ring, .. } = lists.queues.remove(self.queue);
            if lists.spares.len() < SPARE && ready.room() <= LONGEST {
                ready.clear_but(None);
                lists.spares.push(ready);
            }
            ring
        };
        drop(ring); // It may hold a foreign waker.
    }
}

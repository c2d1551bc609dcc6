//! How tasks end: after their last turn, without one, or all together when the scheduler is dropped.

use std::cell::RefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kernel::id::{Key, TaskId};
use crate::kernel::marks::Marks;
use crate::kernel::scheduler::{Board, Kernel};
use crate::kernel::task::{Boxed, Ending, Failure, burn};
use crate::kernel::taskmap::{Doing, Put, Slot};
use crate::kernel::thread;
use crate::report::Waiter;
use crate::report::{Cause, Transition};

impl Kernel {
    /// Takes a task that is over out of the task map; its output stays if somebody may ask for it.
    #[allow(clippy::inline_always, reason = "part of the main loop; calls cost a third of a turn")]
    #[inline(always)]
    pub(crate) fn exit<'k>(
        &'k self,
        mut guard: RefMut<'k, Board>,
        key: Key,
        target: Option<Boxed>,
        ending: Ending,
    ) -> RefMut<'k, Board> {
        let board = &mut *guard;
        let place = board.taskmap.slot(key.slot);
        if self.watched.get() || place.marks.has_any([Marks::DETACHED, Marks::RARE]) {
            return self.exit_in_full(guard, key, target, ending);
        }
        let joiner = place.joiner.take();
        let unwanted = board.taskmap.finish(key.slot, target);
        debug_assert!(unwanted.is_none(), "only what a detached task leaves is unwanted");
        if let Some(joiner) = joiner
            && board.schedule(joiner) == Put::AtHost
        {
            return self.ring_host_of_joiner(guard, joiner);
        }
        guard
    }

    #[cold]
    fn ring_host_of_joiner<'k>(
        &'k self,
        guard: RefMut<'k, Board>,
        joiner: Key,
    ) -> RefMut<'k, Board> {
        drop(guard);
        self.ring_host(joiner);
        self.board.borrow_mut()
    }

    /// Does the same for a task that is watched, detached, or joined by a stranger.
    fn exit_in_full<'k>(
        &'k self,
        mut guard: RefMut<'k, Board>,
        key: Key,
        target: Option<Boxed>,
        ending: Ending,
    ) -> RefMut<'k, Board> {
        let board = &mut *guard;
        let place = board.taskmap.slot(key.slot);
        let (id, joiner) = (place.id(), place.joiner.take());
        let may_have_failed = ending == Ending::Panicked || place.marks.has(Marks::RARE);
        let foreign = board.taskmap.take_foreign_joiner(key.slot);
        board.taskmap.close_region(key.slot);
        let unwanted = board.taskmap.finish(key.slot, target);
        let woken = joiner.map(|joiner| (joiner, board.schedule(joiner)));
        drop(guard);
        if let Some(task) = id.filter(|_| self.watched.get()) {
            self.emit(Transition::Exited { task, ending });
        }
        if let Some((joiner, put)) = woken {
            self.announce(joiner, put, || id.map_or(Cause::Outside, Cause::Task));
        }
        match unwanted {
            Some(unwanted) if may_have_failed => self.decline(key.slot, unwanted),
            Some(unwanted) => self.discard(key.slot, unwanted),
            None => {}
        }
        if let Some(waiter) = foreign {
            wake_safely(waiter);
        }
        self.board.borrow_mut()
    }

    /// Ends every task, in the order in which they were spawned, and leaves the thread.
    pub(crate) fn close(&self) {
        // Calls that nobody will obey: whoever waits for them is told. Each is burned by itself, as all is here:
        // two destructors of one value that both panic would end the process.
        self.mailbox.close().into_iter().for_each(burn);
        let entered = thread::enter(self.id, None);
        if self.board.borrow().taskmap.alive() > 0 {
            self.end_everyone(None);
        }
        drop(entered);
        self.is_closed.set(true);
        thread::move_out(self.id);
        let hook = self.hook.take();
        let observer = self.observer.take();
        let reporter = self.reporter.take();
        let sleeper = self.mailbox.sleeper();
        burn(hook);
        burn(observer);
        burn(reporter);
        burn(sleeper);
    }

    /// Ends every task but one, in the order in which they were spawned, and what their destructors spawn.
    /// Nobody may have a turn meanwhile.
    pub(crate) fn end_everyone(&self, but: Option<Key>) {
        let before = self.is_ending.replace(true);
        // What is hosted goes with its scope, so not here; what is still there when the scopes of all tasks have
        // gone was lost with its own, or that lives elsewhere.
        let of_its_own = |key, slot: &Slot| Some(key) != but && !slot.marks.has(Marks::HOSTED);
        while self.end_all(of_its_own) || (but.is_none() && self.end_all(|_, _| true)) {}
        self.board.borrow_mut().ready.clear_but(but.map(|but| but.slot));
        self.is_ending.set(before);
    }

    /// The tasks of this kind that are not over, in the order in which they were spawned.
    pub(crate) fn alive(&self, kind: impl Fn(Key, &Slot) -> bool) -> Vec<Key> {
        let board = self.board.borrow();
        let tenants = board.taskmap.tenants();
        let alive = tenants.filter(|&(key, slot)| slot.is_alive() && kind(key, slot));
        let mut alive: Vec<(TaskId, Key)> =
            alive.filter_map(|(key, slot)| Some((slot.id()?, key))).collect();
        alive.sort_unstable_by_key(|&(id, _)| id);
        alive.into_iter().map(|(_, key)| key).collect()
    }

    /// Ends the tasks of this kind that are there now. `false` if there are none: also what the destructors
    /// have spawned is gone then.
    fn end_all(&self, kind: impl Fn(Key, &Slot) -> bool) -> bool {
        let alive = self.alive(kind);
        for &key in &alive {
            self.desert(key);
            self.end_now(key);
        }
        !alive.is_empty()
    }

    /// Ends a root whose `block_on` ends without it; does nothing if it is over.
    pub(crate) fn give_up(&self, root: Key) {
        {
            let mut guard = self.board.borrow_mut();
            let board = &mut *guard;
            match board.taskmap.tenant(root) {
                Some(tenant) if tenant.doing == Doing::Queued => board.ready.remove(root.slot),
                Some(_) => {}
                None => return,
            }
        }
        self.end_now(root);
    }

    /// Ends a task that is not in its turn, as if aborted: roots that are given up, children of a scope that
    /// is dropped, and everybody at the end.
    pub(crate) fn end_now(&self, key: Key) {
        let target = {
            let mut board = self.board.borrow_mut();
            match board.taskmap.tenant(key) {
                Some(tenant) if tenant.is_alive() => {
                    let target = tenant.target.take();
                    board.release_bell(key.slot);
                    target
                }
                _ => return,
            }
        };
        let mut target = target;
        match &mut target {
            Some(target) => drop(self.drop_target(key, target, Failure::Aborted)),
            None => burn(self.take_heritage(key)),
        }
        drop(self.exit(self.board.borrow_mut(), key, target, Ending::Aborted));
    }

    /// Does the same for a task that may have failed: then that is reported first.
    #[cold]
    pub(crate) fn decline(&self, slot: u32, mut unwanted: Boxed) {
        self.look_for_failure(slot, &mut unwanted);
        self.discard(slot, unwanted);
    }

    /// Drops the output of a finished task that nobody wants, and vacates its slot.
    ///
    /// Outputs may hold handles of further finished tasks, in chains of any length; so what is discarded
    /// while something is being discarded waits here instead of on the stack.
    pub(crate) fn discard(&self, slot: u32, unwanted: Boxed) {
        if self.discarding.replace(true) {
            self.board.borrow_mut().discarded.push((slot, unwanted));
            return;
        }
        let mut next = Some((slot, unwanted));
        while let Some((slot, mut unwanted)) = next {
            unwanted.as_mut().clear();
            let mut board = self.board.borrow_mut();
            board.taskmap.bring_back(slot, unwanted);
            next = board.discarded.pop();
        }
        self.discarding.set(false);
    }
}

/// Wakes whoever waits; if that is a stranger whose waker panics, the scheduler goes on all the same.
pub(crate) fn wake_safely(waiter: Waiter) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waiter.wake())) {
        burn(payload);
    }
}

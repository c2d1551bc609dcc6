//! How tasks end: after their last turn, without one, or all together when the scheduler is dropped.

use std::cell::RefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kernel::id::Key;
use crate::kernel::scheduler::{Board, Kernel};
use crate::kernel::task::{Boxed, Ending, Failure, burn};
use crate::kernel::taskmap::{Doing, Marks};
use crate::kernel::thread;
use crate::kernel::waiting::Waiter;

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
        if let Some(joiner) = joiner {
            board.schedule(joiner);
        }
        guard
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
        let woken = joiner.filter(|joiner| board.schedule(*joiner));
        drop(guard);
        if self.watched.get() {
            self.tell_exited(id, ending, woken);
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
        self.end_everyone(None);
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
        loop {
            let mut alive = self.alive();
            alive.retain(|&(_, key)| Some(key) != but);
            if alive.is_empty() {
                break; // What the destructors have spawned is gone too.
            }
            for (_, key) in alive {
                self.end_now(key);
            }
        }
        self.board.borrow_mut().ready.clear_but(but.map(|but| but.slot));
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

    /// Ends a task that is not in its turn, as if aborted; for roots that are given up, and at the end.
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
        if let Some(target) = &mut target {
            self.drop_target(key, target, Failure::Aborted);
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

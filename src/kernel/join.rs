//! How tasks end, and what happens to their outputs: taken by a handle, dropped unread, or dropped with the scheduler.

use std::any::Any;
use std::mem;
use std::task::{Context, Poll};

use crate::kernel::id::{Key, TaskId};
use crate::kernel::now::{self, Flags};
use crate::kernel::scheduler::{By, Held, Kernel, TaskEvent, unregister};
use crate::kernel::task::{Boxed, Ending, Failure, drop_quietly, run_quietly};
use crate::kernel::taskmap::{Slot, SlotState, TaskMap};
use crate::kernel::waker::Waiter;

// ----- a task ends -----

impl Kernel {
    /// Ends a task in the task map. Its output stays in its slot for the handle; a root, the child of a scope and a
    /// detached task are removed from the map immediately.
    #[inline(always)]
    pub(crate) fn exit<'k>(
        &'k self,
        mut guard: Held<'k>,
        key: Key,
        target: Option<Boxed>,
        ending: Ending,
    ) -> Held<'k> {
        let board = &mut *guard;
        let slot = board.taskmap.slot(key.slot);
        if slot.flags.with(board.flags).has(Flags::AT_EXIT) {
            return self.exit_slow_path(guard, key, target, ending);
        }
        let joiner = slot.joiner.take();
        board.taskmap.finish(key.slot, target);
        if let Some(joiner) = joiner
            && board.schedule(joiner)
        {
            drop(guard);
            self.after_schedule(joiner, By::Current);
            return self.board.borrow_mut();
        }
        guard
    }

    /// Does the same for a task that is traced or detached, has extra data, or whose exit calls a layer.
    #[cold]
    fn exit_slow_path<'k>(
        &'k self,
        mut guard: Held<'k>,
        key: Key,
        target: Option<Boxed>,
        ending: Ending,
    ) -> Held<'k> {
        let flags = guard.taskmap.slot(key.slot).flags;
        if flags.has(Flags::CALL_EXIT) {
            drop(guard);
            self.hooks.exits(self, key);
            guard = self.board.borrow_mut();
            // The hook may have run user code that dropped the scope whose child this task is.
            if guard.taskmap.get(key).is_none_or(|slot| !slot.is_alive()) {
                drop(guard);
                drop_quietly(target);
                return self.board.borrow_mut();
            }
        }
        let board = &mut *guard;
        let is_traced = board.flags.has(Flags::TRACE);
        let slot = board.taskmap.slot(key.slot);
        let (id, joiner) = (slot.id(), slot.joiner.take());
        let panic = target.as_ref().filter(|_| is_traced).and_then(|left| left.as_ref().panic());
        panic.into_iter().for_each(|payload| self.hooks.panicked(self, id, payload));
        let foreign = board.taskmap.take_foreign_joiner(key.slot);
        let detached_output = if flags.has(Flags::DETACHED) && target.is_some() {
            board.taskmap.finish_detached(key.slot);
            target
        } else {
            board.taskmap.finish(key.slot, target);
            None
        };
        let needs_slow_path = joiner.is_some_and(|joiner| board.schedule(joiner));
        drop(guard);
        if let Some(id) = id.filter(|_| is_traced) {
            self.trace(key, TaskEvent::Exited(id, ending));
        }
        if let Some(joiner) = joiner.filter(|_| needs_slow_path) {
            self.after_schedule(joiner, id.map_or(By::Current, By::Task));
        }
        if let Some(mut output) = detached_output {
            if ending == Ending::Panicked || flags.has(Flags::CALL_UNREAD) {
                self.hooks.unread(self, key.slot, &mut output);
            }
            self.discard(key.slot, output);
        }
        if let Some(waiter) = foreign {
            run_quietly(|| waiter.wake());
        }
        self.board.borrow_mut()
    }

    /// Ends a task outside of its turn, as if aborted.
    pub(crate) fn end_now(&self, key: Key) {
        let mut target = {
            let mut board = self.board.borrow_mut();
            match board.taskmap.get_mut(key) {
                Some(slot) if slot.is_alive() => {
                    let target = slot.target.take();
                    board.release_bell(key.slot);
                    target
                }
                _ => return,
            }
        };
        if let Some(target) = &mut target {
            target.as_mut().abort(Failure::Aborted);
        }
        drop(self.exit(self.board.borrow_mut(), key, target, Ending::Aborted));
    }

    /// Ends the root of a `block_on` that returns or unwinds before the root completes; does nothing if it has ended.
    pub(crate) fn give_up(&self, root: Key) {
        {
            let board = &mut *self.board.borrow_mut();
            match board.taskmap.get_mut(root) {
                Some(slot) if slot.state == SlotState::Queued => board.ready.remove(root.slot),
                Some(_) => {}
                None => return,
            }
        }
        self.end_now(root);
    }
}

// ----- all tasks end -----

impl Kernel {
    /// Ends every task, in the order in which they were spawned, and removes the scheduler from its thread.
    pub(crate) fn close(&self) {
        // Some letters are calls that will never run; dropping them notifies their waiters. Each letter is dropped
        // separately, as everything is here: if two destructors panicked in one drop, the process would abort.
        self.mailbox.close().into_iter().for_each(drop_quietly);
        if self.board.borrow().taskmap.alive() > 0 {
            let entered = now::enter(self.id, None);
            self.end_all_tasks(false);
            drop(entered);
        }
        self.is_closed.set(true);
        unregister(self.id);
        if let Some(sleeper) = self.mailbox.sleeper() {
            drop_quietly(sleeper);
        }
    }

    /// Ends every task, in the order in which they were spawned, including those that their destructors spawn. Spares
    /// the root if `keep_root`. No task may be taking its turn.
    pub(crate) fn end_all_tasks(&self, keep_root: bool) {
        let before = self.is_ending.replace(true);
        let is_kept = |slot: &Slot| keep_root && slot.flags.has(Flags::MAIN);
        // A scope's child lives in its parent's future and ends with it. A child that is still there was leaked with
        // its scope, or the scope is polled by another scheduler. Then the layer that routes the child must be notified
        // of its end.
        let owns_future = |slot: &Slot| !is_kept(slot) && !slot.flags.has(Flags::ROUTED);
        while self.end_all(owns_future, Flags::NONE)
            || (!keep_root && self.end_all(|_| true, Flags::CALL_EXIT))
        {}
        let board = &mut *self.board.borrow_mut();
        let root = board.taskmap.tasks().find(|(_, slot)| slot.is_alive() && is_kept(slot));
        board.ready.clear_but(root.map(|(key, _)| key.slot));
        self.is_ending.set(before);
    }

    /// Ends the current tasks of this kind, after setting a flag on them. Returns `false` if there were none: then
    /// those that destructors spawned are gone too.
    fn end_all(&self, kind: impl Fn(&Slot) -> bool, flag: Flags) -> bool {
        let alive = self.alive(kind);
        for &key in &alive {
            self.set_flag(key, flag, true);
            self.end_now(key);
        }
        !alive.is_empty()
    }

    /// Returns the tasks of this kind that have not ended, in the order in which they were spawned.
    pub(crate) fn alive(&self, kind: impl Fn(&Slot) -> bool) -> Vec<Key> {
        let board = self.board.borrow();
        let alive = board.taskmap.tasks().filter(|&(_, slot)| slot.is_alive() && kind(slot));
        let mut alive: Vec<(Option<TaskId>, Key)> =
            alive.map(|(key, slot)| (slot.id(), key)).collect();
        alive.sort_unstable_by_key(|&(id, _)| id);
        alive.into_iter().map(|(_, key)| key).collect()
    }
}

// ----- joining -----

impl Kernel {
    /// Moves a finished task's output into `output`, an `Option<Result<T, Failure>>`, and returns the turn in which the
    /// task ended; or registers the polling task to be woken.
    ///
    /// If this is ready and `output` is still empty, the task is gone and has left no output.
    #[inline]
    pub(crate) fn poll_join(
        &self,
        slot: u32,
        id: TaskId,
        cx: &Context<'_>,
        output: &mut dyn Any,
    ) -> Poll<u64> {
        {
            let taskmap = &mut self.board.borrow_mut().taskmap;
            let Some(task) = taskmap.get_by_id(slot, id) else { return Poll::Ready(0) };
            if task.state == SlotState::Done {
                let last_turn = task.last_turn;
                taskmap.take_output(slot, output);
                return Poll::Ready(last_turn);
            }
            if let Some(own) = now::owner_of(cx.waker()).filter(|own| own.scheduler == self.id) {
                task.joiner = Some(own.key);
                if !task.flags.has(Flags::EXTRA) {
                    return Poll::Pending;
                }
            }
        }
        self.poll_join_slow_path(slot, id, cx, output)
    }

    /// Registers a foreign waker, or removes the previous one. Cloning or dropping one may run any code, which may even
    /// end this task; so nothing is borrowed at that point, and everything is looked up again.
    #[cold]
    fn poll_join_slow_path(
        &self,
        slot: u32,
        id: TaskId,
        cx: &Context<'_>,
        output: &mut dyn Any,
    ) -> Poll<u64> {
        let is_own = now::owner_of(cx.waker()).is_some_and(|own| own.scheduler == self.id);
        let waiter = (!is_own).then(|| Waiter::of(cx));
        let old = {
            let taskmap = &mut self.board.borrow_mut().taskmap;
            let Some(task) = taskmap.get_by_id(slot, id) else { return Poll::Ready(0) };
            if task.state == SlotState::Done {
                let last_turn = task.last_turn;
                taskmap.take_output(slot, output);
                return Poll::Ready(last_turn);
            }
            if !is_own {
                task.joiner = None;
            }
            mem::replace(&mut taskmap.extra_mut(slot).joiner, waiter)
        };
        drop(old);
        Poll::Pending
    }

    /// Detaches a task whose handle was dropped: its output will not be read.
    pub(crate) fn detach(&self, slot: u32, id: TaskId) {
        let mut board = self.board.borrow_mut();
        let Some(task) = board.taskmap.get_by_id(slot, id) else { return };
        if task.state == SlotState::Done {
            let (left, is_reported) = (task.target.take(), task.flags.has(Flags::CALL_UNREAD));
            drop(board);
            return self.discard_unread(slot, left, is_reported);
        }
        task.flags.set(Flags::DETACHED, true);
        task.joiner = None;
        let foreign = board.taskmap.take_foreign_joiner(slot);
        drop(board);
        drop(foreign);
    }

    /// Drops an unread output; if it is a failure, the layers may inspect it first.
    #[cold]
    fn discard_unread(&self, slot: u32, left: Option<Boxed>, is_error: bool) {
        let Some(mut left) = left else { return };
        if is_error || left.as_ref().panic().is_some() {
            self.hooks.unread(self, slot, &mut left);
        }
        self.discard(slot, left);
    }

    /// Drops the output of a finished task and vacates its slot.
    ///
    /// An output may hold handles of other finished tasks, in chains of any length. So an output that is discarded
    /// while another is being discarded waits in a list instead of on the stack.
    fn discard(&self, slot: u32, output: Boxed) {
        if self.discarding.replace(true) {
            self.board.borrow_mut().discarded.push((slot, output));
            return;
        }
        let mut next = Some((slot, output));
        while let Some((slot, mut output)) = next {
            output.as_mut().clear();
            let mut board = self.board.borrow_mut();
            board.taskmap.return_box(slot, output);
            next = board.discarded.pop();
        }
        self.discarding.set(false);
    }
}

impl TaskMap {
    /// Takes the foreign waker that waits for the end of a task, if there is one.
    pub(crate) fn take_foreign_joiner(&mut self, slot: u32) -> Option<Waiter> {
        self.extra(slot)?; // Do not create extra data for a task that has none.
        self.extra_mut(slot).joiner.take()
    }
}

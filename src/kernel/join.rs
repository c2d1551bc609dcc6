//! The kernel's side of a `JoinHandle`: asking for the output of a task, or declining it.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::id::{Key, TaskId, TaskKey};
use crate::kernel::marks::Marks;
use crate::kernel::scheduler::Kernel;
use crate::kernel::taskmap::{Doing, Slot};
use crate::kernel::thread;
use crate::report::Waiter;
use crate::report::{Place, TaskLabel, WaitsFor};
use crate::scheduler::label;

impl Kernel {
    /// Moves a task's output into `output`, an `Option<Result<T, Failure>>`; or remembers to wake who asks.
    ///
    /// If it is ready and `output` is still empty, the task is gone without having left one.
    #[inline]
    pub(crate) fn poll_join(
        &self,
        slot: u32,
        id: TaskId,
        cx: &Context<'_>,
        output: &mut dyn Any,
    ) -> Poll<()> {
        let own;
        {
            let mut guard = self.board.borrow_mut();
            let taskmap = &mut guard.taskmap;
            let Some(tenant) = taskmap.resident(slot, id) else { return Poll::Ready(()) };
            if tenant.doing == Doing::Done {
                thread::note_end(tenant.last_turn);
                taskmap.take_output(slot, output);
                return Poll::Ready(());
            }
            own = thread::owner_of(cx.waker()).filter(|task| task.scheduler == self.id);
            if let Some(task) = own {
                tenant.joiner = Some(task.key);
                if !tenant.marks.has(Marks::RARE) {
                    return Poll::Pending;
                }
            }
        }
        self.set_foreign_joiner(slot, id, own.is_none().then_some(cx), output)
    }

    /// Remembers a waker that is not a task's own, or forgets the one before. Cloning and dropping it may
    /// run any code, this task's end included; so nothing is borrowed then, and all is looked up again.
    #[cold]
    fn set_foreign_joiner(
        &self,
        slot: u32,
        id: TaskId,
        cx: Option<&Context<'_>>,
        output: &mut dyn Any,
    ) -> Poll<()> {
        let waiter = cx.map(Waiter::of);
        let old = {
            let mut guard = self.board.borrow_mut();
            let taskmap = &mut guard.taskmap;
            let Some(tenant) = taskmap.resident(slot, id) else { return Poll::Ready(()) };
            if tenant.doing == Doing::Done {
                taskmap.take_output(slot, output);
                return Poll::Ready(());
            }
            if waiter.is_some() {
                tenant.joiner = None;
            }
            std::mem::replace(&mut taskmap.rare(slot).joiner, waiter)
        };
        drop(old);
        Poll::Pending
    }

    /// Nobody will ask for the output of this task any more.
    pub(crate) fn detach(&self, slot: u32, id: TaskId) {
        let (unwanted, joiner) = {
            let mut guard = self.board.borrow_mut();
            let taskmap = &mut guard.taskmap;
            let Some(tenant) = taskmap.resident(slot, id) else { return };
            if tenant.doing == Doing::Done {
                (tenant.target.take(), None)
            } else {
                tenant.marks.set(Marks::DETACHED);
                tenant.joiner = None;
                (None, taskmap.take_foreign_joiner(slot))
            }
        };
        drop(joiner);
        if let Some(unwanted) = unwanted {
            self.decline(slot, unwanted);
        }
    }

    /// The wait for a task's end.
    pub(crate) fn join_wait(&self, slot: u32, id: TaskId, spawned_at: Place) -> WaitsFor {
        let key = Key { slot, serial: id.serial() };
        let task = label(&self.board.borrow(), key);
        let task = task.unwrap_or(TaskLabel { id, name: None, is_root: false });
        WaitsFor::Join { task, spawned_at }
    }

    /// Nobody waits for the end of this task any more.
    pub(crate) fn forget_joiner(&self, slot: u32, id: TaskId) {
        let foreign = {
            let mut guard = self.board.borrow_mut();
            let Some(tenant) = guard.taskmap.resident(slot, id) else { return };
            tenant.joiner = None;
            guard.taskmap.take_foreign_joiner(slot)
        };
        drop(foreign);
    }

    /// Returns whether a task is over.
    pub(crate) fn is_over(&self, slot: u32, id: TaskId) -> bool {
        self.board.borrow_mut().taskmap.resident(slot, id).is_none_or(|tenant| !tenant.is_alive())
    }

    /// The address of a task, whether it is over or not.
    pub(crate) fn address(&self, slot: u32, id: TaskId) -> TaskKey {
        TaskKey::new(self.id, Key { slot, serial: id.serial() })
    }

    pub(crate) fn name_of(&self, slot: u32, id: TaskId) -> Option<Arc<str>> {
        let mut board = self.board.borrow_mut();
        board.taskmap.resident(slot, id)?;
        board.taskmap.name(slot)
    }

    pub(crate) fn id_of_task(&self, task: TaskKey) -> Option<TaskId> {
        self.board.borrow().taskmap.look(task.key).and_then(Slot::id)
    }

    pub(crate) fn name_of_task(&self, task: TaskKey) -> Option<Arc<str>> {
        let board = self.board.borrow();
        board.taskmap.look(task.key)?;
        board.taskmap.name(task.key.slot)
    }
}

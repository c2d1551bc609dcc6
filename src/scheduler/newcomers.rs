//! Tasks that are spawned during a shutdown, and when they are cancelled.
//!
//! The tasks that are alive when a shutdown starts are cancelled then. A task that is spawned later is usually part of
//! a clean-up, which waits for it: a `spawn` whose handle is awaited, a `gather`, a `shield`. So it is not cancelled
//! until its *ancestor* has ended. The ancestor is the task that spawned it; but if that task is itself a newcomer that
//! was not cancelled yet, it is the ancestor of that one. So whatever a clean-up spawns, however indirectly, lasts as
//! long as the task whose clean-up it is; and when all these tasks have ended, so has the shutdown.
//!
//! A task that is spawned outside of all turns, such as from another thread, is part of no clean-up, and is cancelled
//! immediately. So is a task that is spawned by one that has ended, such as by the destructor of its output.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::cancel::{Reason, cancel};
use crate::kernel::{Flags, Kernel, Key, TaskId, current_task};
use crate::report::id_of;

/// The tasks that were spawned during a shutdown and not cancelled yet.
#[derive(Default)]
pub(super) struct Newcomers(RefCell<NewcomerLists>);

#[derive(Default)]
struct NewcomerLists {
    /// The ancestor of each of them.
    ancestors: BTreeMap<TaskId, TaskId>,
    /// The slot of each of them, by ancestor and id; those of one ancestor are in spawn order.
    by_ancestor: BTreeMap<(TaskId, TaskId), u32>,
}

impl Newcomers {
    /// A task was spawned.
    pub(super) fn spawned(&self, kernel: &Kernel, key: Key) {
        let Some(id) = id_of(kernel, key) else { return };
        let Some(spawner) = spawner(kernel) else {
            return ask(kernel, key.slot, id, &shutdown_reason());
        };
        let lists = &mut *self.0.borrow_mut();
        let ancestor = lists.ancestors.get(&spawner).copied().unwrap_or(spawner);
        lists.ancestors.insert(id, ancestor);
        lists.by_ancestor.insert((ancestor, id), key.slot);
    }

    /// A task has ended: those whose ancestor it was are cancelled.
    pub(super) fn exited(&self, kernel: &Kernel, task: TaskId) {
        let newcomers = self.0.borrow_mut().remove(task);
        let reason = shutdown_reason();
        newcomers.into_iter().for_each(|(slot, id)| ask(kernel, slot, id, &reason));
    }

    /// The shutdown has ended.
    pub(super) fn clear(&self) {
        self.0.take();
    }
}

impl NewcomerLists {
    /// Removes a task that has ended, and those whose ancestor it was. Returns these, with their slots.
    fn remove(&mut self, task: TaskId) -> Vec<(u32, TaskId)> {
        if let Some(ancestor) = self.ancestors.remove(&task) {
            self.by_ancestor.remove(&(ancestor, task));
        }
        let all = (task, TaskId(NonZeroU64::MIN))..=(task, TaskId(NonZeroU64::MAX));
        let newcomers = self.by_ancestor.range(all).map(|(&(_, id), &slot)| (slot, id));
        let newcomers: Vec<_> = newcomers.collect();
        for (_, id) in &newcomers {
            self.ancestors.remove(id);
            self.by_ancestor.remove(&(task, *id));
        }
        newcomers
    }
}

/// The task whose turn it is, if it is one of this scheduler's and has not ended.
fn spawner(kernel: &Kernel) -> Option<TaskId> {
    let task = current_task().filter(|task| task.scheduler == kernel.id)?;
    let board = kernel.board.borrow();
    board.taskmap.get(task.key).filter(|slot| slot.is_alive())?.id()
}

/// Cancels a task, unless it is the child of a scope: its scope does that.
pub(super) fn ask(kernel: &Kernel, slot: u32, id: TaskId, reason: &Reason) {
    let is_child = {
        let board = kernel.board.borrow();
        board.taskmap.get(id.key(slot)).is_some_and(|slot| slot.flags.has(Flags::ROUTED))
    };
    if !is_child {
        cancel(kernel, slot, id, reason);
    }
}

/// The reason of the cancel requests that a shutdown makes.
pub(super) fn shutdown_reason() -> Reason {
    Reason::Said(Arc::from("shutdown"))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::rc::Rc;
    use std::time::Duration;

    use crate::task::catch_cancel;
    use crate::{Scheduler, spawn};

    #[test]
    fn newcomers_that_end_before_their_ancestor_are_forgotten() {
        let scheduler = Scheduler::builder().virtual_time().build();
        let newcomers = Rc::clone(scheduler.layers.newcomers());
        let known = Rc::clone(&newcomers);
        scheduler.spawn(async move {
            let _cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            for _ in 0..1000 {
                // The ancestor of both is the task that cleans up.
                spawn(async { spawn(async {}).await.unwrap() }).await.unwrap();
                let lists = known.0.borrow();
                assert!(lists.by_ancestor.len() <= 2 && lists.ancestors.len() <= 2);
            }
            drop(spawn(pending::<()>()));
        });
        scheduler.run_until_stalled();
        let report = scheduler.shutdown(Duration::MAX).unwrap();
        assert_eq!((report.finished.len(), report.cancelled.len()), (2001, 1));
        assert!(newcomers.0.borrow().by_ancestor.is_empty());
    }
}

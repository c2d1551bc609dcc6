//! The label of a task: its id and name, as reports print them.

use std::sync::Arc;

use crate::kernel::{Board, Flags, Kernel, Key, Slot, TaskId, TaskKey, TaskMap, find};

/// A task as reports print it: `#7 "poller"`, `#7`, or `#1 main` for the root of a `block_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLabel {
    /// Its id.
    pub id: TaskId,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Whether it is the root future of a `block_on`.
    pub is_root: bool,
}

/// Returns the id of a task that is still in the map.
pub(crate) fn id_of(kernel: &Kernel, key: Key) -> Option<TaskId> {
    kernel.board.borrow().taskmap.get(key).and_then(Slot::id)
}

/// Returns the name of a task that is in this task map; that of a root is "main".
pub(crate) fn name_of(taskmap: &TaskMap, slot: u32) -> Option<Arc<str>> {
    if taskmap.at(slot).flags.has(Flags::MAIN) {
        return Some(Arc::from("main"));
    }
    taskmap.extra(slot)?.name.clone()
}

/// Returns the label of a task that is in this task map.
pub(crate) fn label(board: &Board, key: Key) -> Option<TaskLabel> {
    let slot = board.taskmap.get(key)?;
    let (name, is_root) = (name_of(&board.taskmap, key.slot), slot.flags.has(Flags::MAIN));
    Some(TaskLabel { id: slot.id()?, name, is_root })
}

/// Returns the label of a task of any scheduler on this thread; `None` if its board is borrowed.
pub(crate) fn label_of(task: TaskKey) -> Option<TaskLabel> {
    let kernel = find(task.scheduler)?;
    let board = kernel.board.try_borrow().ok()?;
    label(&board, task.key)
}

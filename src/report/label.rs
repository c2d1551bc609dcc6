//! The label of a task: its id and name, as reports print them.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::kernel::{Board, Flags, Kernel, Key, Slot, TaskId, TaskKey, TaskMap, find};

/// A task as reports print it: `#7 "poller"`, `#7`, or `#1 main` for the root of a `block_on`; and `#7 of another
/// scheduler`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLabel {
    /// Its id.
    pub id: TaskId,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Whether it is the root future of a `block_on`.
    pub is_root: bool,
    /// Whether it is a task of another scheduler than the one that the report is about.
    pub is_elsewhere: bool,
}

impl TaskLabel {
    /// Creates the label of a task that is not a root, for its own scheduler.
    pub(crate) fn new(id: TaskId, name: Option<Arc<str>>) -> Self {
        TaskLabel { id, name, is_root: false, is_elsewhere: false }
    }
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
    Some(TaskLabel { is_root, ..TaskLabel::new(slot.id()?, name) })
}

/// Returns the label of a task of any scheduler on this thread for a report of this one, and whether the task has
/// ended. The name of one that has left the map is not known any more.
pub(crate) fn label_anywhere(kernel: &Kernel, board: &Board, task: TaskKey) -> (TaskLabel, bool) {
    if task.scheduler == kernel.id {
        return label_or_id(Some(board), task.key);
    }
    let other = find(task.scheduler);
    let other_board = other.as_ref().and_then(|other| other.board.try_borrow().ok());
    let is_known = other.is_none() || other_board.is_some();
    let (label, has_ended) = label_or_id(other_board.as_deref(), task.key);
    (TaskLabel { is_elsewhere: true, ..label }, has_ended && is_known)
}

fn label_or_id(board: Option<&Board>, key: Key) -> (TaskLabel, bool) {
    let known = board.and_then(|board| label(board, key));
    let is_alive = board.and_then(|board| board.taskmap.get(key)).is_some_and(Slot::is_alive);
    let spawned = board.map_or(0, |board| board.taskmap.spawned);
    let label = known.unwrap_or_else(|| TaskLabel::new(id_from(key, spawned), None));
    (label, !is_alive)
}

/// Returns the id of a task that has left the map: the latest one with this serial, which is a part of the id.
fn id_from(key: Key, spawned: u64) -> TaskId {
    let serials = 1 << 31;
    let low = u64::from(key.serial.get()) % serials;
    let earlier = spawned.saturating_sub(low) / serials * serials;
    TaskId(NonZeroU64::new(earlier + low).unwrap_or(NonZeroU64::MIN))
}

/// Returns the id of a task of any scheduler on this thread, even if the task has left the map.
pub(crate) fn id_anywhere(task: TaskKey) -> TaskId {
    let kernel = find(task.scheduler);
    let board = kernel.as_ref().and_then(|kernel| kernel.board.try_borrow().ok());
    let known = board.as_ref().and_then(|board| board.taskmap.get(task.key)).and_then(Slot::id);
    let spawned = board.map_or(0, |board| board.taskmap.spawned);
    known.unwrap_or_else(|| id_from(task.key, spawned))
}

/// Returns the label of a task of any scheduler on this thread; `None` if its board is borrowed.
pub(crate) fn label_of(task: TaskKey) -> Option<TaskLabel> {
    let kernel = find(task.scheduler)?;
    let board = kernel.board.try_borrow().ok()?;
    label(&board, task.key)
}

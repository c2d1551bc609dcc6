//! A task as its handles see it: whether it is over, its name, and that it is not awaited any more.

use std::cell::Cell;
use std::sync::Arc;

use crate::kernel::{Kernel, TaskId};
use crate::report::name_of;

/// Returns whether a task is over.
pub(crate) fn is_over(kernel: &Kernel, slot: u32, id: TaskId) -> bool {
    kernel.board.borrow_mut().taskmap.get_by_id(slot, id).is_none_or(|task| !task.is_alive())
}

/// The name of a task that is still in the map.
pub(crate) fn name(kernel: &Kernel, slot: u32, id: TaskId) -> Option<Arc<str>> {
    let taskmap = &mut kernel.board.borrow_mut().taskmap;
    taskmap.get_by_id(slot, id)?;
    name_of(taskmap, slot)
}

/// No task waits for the end of this one any more.
pub(crate) fn forget_joiner(kernel: &Kernel, slot: u32, id: TaskId) {
    let foreign = {
        let taskmap = &mut kernel.board.borrow_mut().taskmap;
        let Some(task) = taskmap.get_by_id(slot, id) else { return };
        task.joiner = None;
        taskmap.take_foreign_joiner(slot)
    };
    drop(foreign); // User code may run.
}

thread_local! {
    /// The turn in which a task ended whose output was taken since the last [`take_end`]; 0 if none was.
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

/// Notes the turn in which a task ended whose output is being taken.
#[inline]
pub(super) fn record_end(turn: u64) {
    ENDED.set(turn);
}

/// The turn in which a task ended whose output was taken last, if one was since the last call. So a combinator that polls
/// several futures, some of which are handles, knows which of their tasks ended first.
pub(crate) fn take_end() -> Option<u64> {
    ENDED.replace(0).checked_sub(1)
}

//! A task's entry in the taskmap, as its handles see it.

use std::cell::Cell;
use std::sync::Arc;

use crate::kernel::{Kernel, TaskId};
use crate::report::name_of;

/// Returns whether a task has ended.
pub(crate) fn is_over(kernel: &Kernel, slot: u32, id: TaskId) -> bool {
    kernel.board.borrow_mut().taskmap.get_by_id(slot, id).is_none_or(|task| !task.is_alive())
}

/// Returns the name of a task that is still in the taskmap.
pub(crate) fn name(kernel: &Kernel, slot: u32, id: TaskId) -> Option<Arc<str>> {
    let taskmap = &mut kernel.board.borrow_mut().taskmap;
    taskmap.get_by_id(slot, id)?;
    name_of(taskmap, slot)
}

/// Removes the waiter that would be woken when this task ends.
pub(crate) fn forget_joiner(kernel: &Kernel, slot: u32, id: TaskId) {
    let foreign = {
        let taskmap = &mut kernel.board.borrow_mut().taskmap;
        let Some(task) = taskmap.get_by_id(slot, id) else { return };
        task.joiner = None;
        taskmap.take_foreign_joiner(slot)
    };
    drop(foreign); // This may run user code.
}

thread_local! {
    /// The turn in which the last joined task ended; 0 if none was joined since the last [`take_end`].
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

/// Records the turn in which a task ended, when its output is taken.
#[inline]
pub(super) fn record_end(turn: u64) {
    ENDED.set(turn);
}

/// Returns when the last joined task ended, as a number that grows with the turns; `None` if none was joined since the
/// previous call. A combinator that polls several futures, some of them handles, orders the tasks by it.
pub(crate) fn take_end() -> Option<u64> {
    ENDED.replace(0).checked_sub(1)
}

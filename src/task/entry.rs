//! A task's entry in the taskmap, as its handles see it.

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::{Kernel, TaskId, TaskKey, Waiter};
use crate::report::{Awaited, Cause, Detail, id_anywhere, name_of};
use crate::watch::{detail, is_detailed};

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

/// Returns the task that waits for the end of this one.
fn joiner(kernel: &Kernel, slot: u32, id: TaskId) -> Option<TaskKey> {
    let taskmap = &mut kernel.board.borrow_mut().taskmap;
    let own = taskmap.get_by_id(slot, id).filter(|task| task.is_alive())?.joiner;
    let own = own.map(|key| TaskKey { scheduler: kernel.id, key });
    own.or_else(|| taskmap.extra(slot)?.joiner.as_ref().and_then(Waiter::task))
}

/// The poller waits for the end of this task: the detail of that, for the observers that receive details.
#[inline]
pub(crate) fn join_pending<T>(kernel: &Kernel, cx: &Context<'_>, id: TaskId) -> Poll<T> {
    if is_detailed() {
        join_begins(kernel, cx, id);
    }
    Poll::Pending
}

#[cold]
fn join_begins(kernel: &Kernel, cx: &Context<'_>, id: TaskId) {
    let Some(waiter) = TaskKey::of(cx).or_else(TaskKey::current) else { return };
    // In another scheduler, the id would be that of another task.
    if waiter.scheduler != kernel.id {
        return;
    }
    detail(waiter.scheduler, || Detail::WaitBegan {
        task: id_anywhere(waiter),
        on: Awaited::Task(id),
        what: None,
        place: None,
    });
}

/// The handle of a task is dropped, and no other future of the task waits for it.
#[inline(never)] // So the drop of a handle stays small enough to be inlined.
pub(super) fn detach(kernel: &Kernel, slot: u32, id: TaskId) {
    if is_detailed() {
        return detach_detailed(kernel, slot, id);
    }
    kernel.detach(slot, id);
}

#[cold]
fn detach_detailed(kernel: &Kernel, slot: u32, id: TaskId) {
    join_ends(kernel, slot, id);
    kernel.detach(slot, id);
}

/// Aborts a task, unless it has ended.
#[inline]
pub(crate) fn abort(kernel: &Kernel, slot: u32, id: TaskId) {
    if is_detailed() {
        emit_aborted(kernel, slot, id);
    }
    kernel.abort(slot, id);
}

#[cold]
fn emit_aborted(kernel: &Kernel, slot: u32, id: TaskId) {
    if is_over(kernel, slot, id) {
        return;
    }
    let current = TaskKey::current().filter(|task| task.scheduler == kernel.id);
    let cause = current.map_or(Cause::Outside, |task| Cause::Task(id_anywhere(task)));
    detail(kernel.id, || Detail::Aborted { task: id, cause });
}

/// The waiter of this task is about to be removed: the detail of that, for the observers that receive details.
#[cold]
fn join_ends(kernel: &Kernel, slot: u32, id: TaskId) {
    let waiter = joiner(kernel, slot, id).filter(|waiter| waiter.scheduler == kernel.id);
    let Some(waiter) = waiter else { return };
    let (task, on) = (id_anywhere(waiter), Awaited::Task(id));
    detail(waiter.scheduler, || Detail::WaitEnded { task, on, place: None });
}

/// Removes the waiter that would be woken when this task ends.
pub(crate) fn forget_joiner(kernel: &Kernel, slot: u32, id: TaskId) {
    if is_detailed() {
        join_ends(kernel, slot, id);
    }
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

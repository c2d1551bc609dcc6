//! The task side of cancelling: making a request on a task, and checking after each turn whether the task must end.
//!
//! A request is made on the root of the task's regions. If the task is waiting, the request is delivered immediately;
//! if it is taking its turn, after that turn. Either way no code of the task runs inside the call. After a turn that
//! has left regions unlinked, or of a task with a request, the root adopts those regions and the request is delivered
//! again. Once nothing below the root can take it or holds it, the task must end: it is marked, with `Cancelled` as its
//! failure.
//!
//! Two flags of a task connect this to the executor: `CALL_EXIT` while it has a root, `CALL_AFTER` while there is a
//! request on that root. Most tasks never receive a request and leave no regions; they don't pay a single instruction
//! for this.

use std::cell::RefCell;

use crate::cancel::regions::{Ring, Role, wake_all};
use crate::cancel::request::Reason;
use crate::cancel::requests::{Delivery, Polled};
use crate::cancel::thread::{take_since, with_regions};
use crate::kernel::{By, Failure, Flags, Kernel, Key, SlotState, TaskId, TaskKey, find};
use crate::report::Transition;
use crate::slab::NO_ENTRY;
use crate::watch::emit;

/// The root regions of a scheduler's tasks, by slot. A task that has one has `CALL_EXIT`.
#[derive(Default)]
pub(crate) struct Roots(RefCell<Vec<u32>>);

/// Makes a cancel request on a task. It is delivered now if the task is waiting, otherwise at the end of its turn.
pub(crate) fn cancel(kernel: &Kernel, slot: u32, id: TaskId, reason: &Reason) {
    let key = id.key(slot);
    let is_in_turn = match kernel.board.borrow_mut().taskmap.get_by_id(slot, id) {
        Some(task) if task.is_alive() && !task.flags.has(Flags::ABORT) => {
            matches!(task.state, SlotState::Turn | SlotState::Notified)
        }
        _ => return,
    };
    let Some(roots) = kernel.part::<Roots>() else { return };
    let mut rings = Vec::new();
    let must_end = match roots.of(kernel, key) {
        // Nothing in the task has ever waited in a region, so nothing can take the request.
        None if !is_in_turn => true,
        root => {
            let root = root.unwrap_or_else(|| roots.make(kernel, key));
            kernel.set_flag(key, Flags::CALL_AFTER, true);
            ask_root(root, is_in_turn, reason, &mut rings)
        }
    };
    let must_end = must_end && kernel.mark(key, Failure::Cancelled(reason.text()));
    emit(kernel, || Transition::Asked { task: id, reason: reason.as_str().into() });
    if must_end {
        kernel.schedule(key, By::Current);
    }
    wake_all(rings);
}

/// Makes a request on a task's root region. Returns whether the task must end.
fn ask_root(root: u32, is_in_turn: bool, reason: &Reason, rings: &mut Vec<Ring>) -> bool {
    with_regions(|regions| {
        let is_new = regions.ask(root, reason.clone(), rings);
        let deliver_now = is_new && !is_in_turn;
        deliver_now && regions.deliver(root, Polled::No, rings) == Delivery::Acts
    })
}

impl Roots {
    /// Returns the root region of a task, if it has one.
    fn of(&self, kernel: &Kernel, key: Key) -> Option<u32> {
        let flags = kernel.board.borrow().taskmap.get(key)?.flags;
        self.get(key, flags)
    }

    /// The same, for a task with these flags.
    fn get(&self, key: Key, flags: Flags) -> Option<u32> {
        if !flags.has(Flags::CALL_EXIT) {
            return None;
        }
        let root = self.0.borrow().get(key.slot as usize).copied();
        root.filter(|&root| root != NO_ENTRY)
    }

    /// Creates the root region of a task that has none.
    fn make(&self, kernel: &Kernel, key: Key) -> u32 {
        let poller = Ring::of_task(TaskKey { scheduler: kernel.id, key });
        let root = with_regions(|regions| regions.create(Role::Root, poller));
        kernel.set_flag(key, Flags::CALL_EXIT, true);
        let mut roots = self.0.borrow_mut();
        let slot = key.slot as usize;
        if slot >= roots.len() {
            roots.resize(slot + 1, NO_ENTRY);
        }
        roots[slot] = root;
        root
    }

    /// Removes the root region of a finished task, after its future was dropped.
    pub(crate) fn exits(&self, kernel: &Kernel, key: Key) {
        let Some(root) = self.of(kernel, key) else { return };
        self.0.borrow_mut()[key.slot as usize] = NO_ENTRY;
        // Nothing is woken and no user code is dropped: a root has no parent, and its poller is a task.
        with_regions(|regions| regions.remove(root, false, &mut Vec::new()));
    }
}

/// Called after a turn that has not ended its task, if it left regions unlinked or the task has a request: links the
/// regions below the root, and marks the task if it must end.
#[inline(never)] // Inlined, its stack frame would cost every turn that has created a sleep.
pub(crate) fn after_turn(kernel: &Kernel, roots: &Roots, key: Key, flags: Flags) {
    let since = take_since();
    let own = kernel.board.borrow().taskmap.get(key).map(|slot| slot.flags);
    let Some(own) = own.filter(|own| !own.has(Flags::ABORT)) else { return };
    let root = roots.get(key, own);
    let has_unlinked = |since| with_regions(|regions| regions.has_unlinked(since));
    if root.is_none() && !since.is_some_and(has_unlinked) {
        return;
    }
    let root = root.unwrap_or_else(|| roots.make(kernel, key));
    let polled = if flags.has(Flags::RUNG) { Polled::Woken } else { Polled::AtRest };
    let mut rings = Vec::new();
    let (is_asked, failure) = with_regions(|regions| {
        if let Some(since) = since {
            regions.adopt(root, since, &mut rings);
        }
        if regions.slab[root].request.is_none() {
            return (false, None);
        }
        let delivery = regions.deliver(root, polled, &mut rings);
        let request = regions.slab[root].request.clone();
        let failure = request.as_ref().filter(|_| delivery == Delivery::Acts);
        let failure = failure.map(|request| Failure::Cancelled(request.reason.text()));
        (request.is_some(), failure)
    });
    if is_asked != own.has(Flags::CALL_AFTER) {
        kernel.set_flag(key, Flags::CALL_AFTER, is_asked);
    }
    if let Some(failure) = failure {
        kernel.mark(key, failure);
    }
    wake_all(rings);
}

/// Called after a turn that has ended its task, if it left regions unlinked.
pub(crate) fn after_last_turn() {
    let Some(since) = take_since() else { return };
    let mut rings = Vec::new();
    with_regions(|regions| regions.discard_parcels(since, &mut rings));
    wake_all(rings);
}

/// Returns how many cancel requests were made on the task that is taking its turn and have not been dealt with yet: 0
/// if there were none, or if the clean-up after the last one has ended. Also 0 outside of all turns.
///
/// Only requests on the whole task count, not those of a timeout in it.
///
/// # Example
///
/// ```
/// use std::future::pending;
/// use turnwise::{block_on, spawn, task, yield_now};
///
/// block_on(async {
///     let handle = spawn(async {
///         let cancelled = task::catch_cancel(pending::<()>()).await.unwrap_err();
///         let during = task::cancelling();
///         drop(cancelled);
///         (during, task::cancelling())
///     });
///     yield_now().await;
///     handle.cancel();
///     handle.cancel();
///     assert_eq!(handle.await.unwrap(), (2, 0));
/// });
/// ```
#[doc(alias = "uncancel")]
pub fn cancelling() -> u32 {
    let Some(task) = TaskKey::current() else { return 0 };
    let Some(kernel) = find(task.scheduler) else { return 0 };
    let count = |root: u32| {
        with_regions(|regions| {
            regions.slab[root].request.as_ref().map_or(0, |request| request.count.get())
        })
    };
    let root = kernel.part::<Roots>().and_then(|roots| roots.of(&kernel, task.key));
    root.map_or(0, count)
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;
    use crate::Scheduler;
    use crate::task::{CancelToken, JoinHandle, catch_cancel, mask, yield_now};
    use crate::time::{sleep, timeout};
    use std::future::pending;
    use std::time::Duration;

    async fn everything(resumes: bool) {
        let token = CancelToken::new();
        let work = timeout(Duration::from_secs(1), async {
            let one = async {
                match catch_cancel(mask(yield_now())).await {
                    Ok(()) => sleep(Duration::from_secs(3)).await,
                    Err(cancelled) => cancelled.resume().await,
                }
            };
            let two = async {
                let cancelled = catch_cancel(pending::<()>()).await.expect_err("a request comes");
                sleep(Duration::from_secs(1)).await;
                if resumes {
                    cancelled.resume().await;
                }
            };
            futures::join!(token.run_until_cancelled(one), two);
        });
        let _ = work.await;
        yield_now().await;
    }

    #[test]
    fn no_region_is_left_behind() {
        for turns in 0..12 {
            for resumes in [false, true] {
                let scheduler = Scheduler::builder().virtual_time().build();
                let handles = [(); 3].map(|()| scheduler.spawn(everything(resumes)));
                (0..turns).for_each(|_| drop(scheduler.step()));
                handles[0].cancel();
                handles[1].abort();
                assert!(scheduler.run().is_ok() && handles.iter().all(JoinHandle::is_finished));
                drop((scheduler, handles));
                assert!(with_regions(|regions| regions.is_empty()));
            }
        }
    }
}

//! The tasks' side of cancelling: asking a task to end, and checking after each turn whether it must.
//!
//! A task is asked by a request on its root region, which is made when something first enters the tree below it, or
//! when the task is asked in its own turn. If the task is waiting, the request is settled immediately; if it is taking
//! its turn, after that. Either way no code of the task runs inside the call. Once nothing below the root holds the
//! request, the task is flagged to end, with `Cancelled` for its failure.
//!
//! This plugs into the executor by two flags of a task: `CALL_EXIT` while it has a root, `CALL_AFTER` while there is a
//! request on that. Most tasks have neither, and pay nothing.

use std::cell::RefCell;
use std::panic::Location;

use crate::cancel::poller::{Poller, wake_all};
use crate::cancel::request::Reason;
use crate::cancel::thread::{change, with_regions};
use crate::cancel::tree::Role;
use crate::kernel::{
    By, Failure, Flags, Kernel, Key, SlotState, TaskId, TaskKey, drop_quietly, find,
};
use crate::report::Transition;
use crate::slab::NO_ENTRY;
use crate::watch::{emit, is_detailed};

/// The root regions of a scheduler's tasks, by slot. A task that has one has `CALL_EXIT`.
#[derive(Default)]
pub(crate) struct Roots(RefCell<Vec<u32>>);

/// Asks a task to end. The request is settled now if the task waits, or else after its turn.
pub(crate) fn cancel(kernel: &Kernel, slot: u32, id: TaskId, reason: &Reason) {
    let key = id.key(slot);
    let is_in_turn = match kernel.board.borrow_mut().taskmap.get_by_id(slot, id) {
        Some(task) if task.is_alive() && !task.flags.has(Flags::ABORT) => {
            matches!(task.state, SlotState::Turn | SlotState::Notified)
        }
        _ => return,
    };
    let Some(roots) = kernel.part::<Roots>() else { return };
    let mut woken = Vec::new();
    let must_end = match roots.of(kernel, key) {
        None if !is_in_turn => true, // It has no regions, so nothing can take the request.
        root => {
            let root = root.unwrap_or_else(|| roots.make(kernel, key));
            kernel.set_flag(key, Flags::CALL_AFTER, true);
            with_regions(|regions| {
                regions.ask(root, reason.clone());
                !is_in_turn && regions.settle(root, false, &mut woken).is_some()
            })
        }
    };
    let must_end = must_end && kernel.mark(key, Failure::Cancelled(reason.text()));
    emit(kernel, || Transition::Asked { task: id, reason: reason.as_str().into() });
    if is_detailed() {
        roots.emit_requests(kernel, id, key);
    }
    if must_end {
        kernel.schedule(key, By::Current);
    }
    wake_all(woken);
}

/// The root region of the task whose turn it is; [`NO_ENTRY`] outside of all turns.
#[cold]
pub(super) fn of_current() -> u32 {
    let find_root = || {
        let task = TaskKey::current()?;
        let kernel = find(task.scheduler)?;
        kernel.board.borrow().taskmap.get(task.key)?;
        let roots = kernel.part::<Roots>()?;
        Some(roots.of(&kernel, task.key).unwrap_or_else(|| roots.make(&kernel, task.key)))
    };
    find_root().unwrap_or(NO_ENTRY)
}

impl Roots {
    /// Returns the root region of a task, if it has one.
    fn of(&self, kernel: &Kernel, key: Key) -> Option<u32> {
        let flags = kernel.board.borrow().taskmap.get(key)?.flags;
        self.get(key, flags)
    }

    /// The same, of a task with these flags.
    pub(super) fn get(&self, key: Key, flags: Flags) -> Option<u32> {
        if !flags.has(Flags::CALL_EXIT) {
            return None;
        }
        let root = self.0.borrow().get(key.slot as usize).copied();
        root.filter(|&root| root != NO_ENTRY)
    }

    /// Creates the root region of a task that has none.
    fn make(&self, kernel: &Kernel, key: Key) -> u32 {
        let poller = Poller::of_task(TaskKey { scheduler: kernel.id, key });
        let root = with_regions(|regions| regions.create(Role::Root, Location::caller(), poller));
        kernel.set_flag(key, Flags::CALL_EXIT, true);
        let mut roots = self.0.borrow_mut();
        let slot = key.slot as usize;
        if slot >= roots.len() {
            roots.resize(slot + 1, NO_ENTRY);
        }
        roots[slot] = root;
        root
    }

    /// Removes the root region of a task that has ended; its future is gone. Something that was only lent to it may be
    /// woken.
    pub(crate) fn exits(&self, kernel: &Kernel, key: Key) {
        let Some(root) = self.of(kernel, key) else { return };
        self.0.borrow_mut()[key.slot as usize] = NO_ENTRY;
        drop_quietly(change(|regions, woken| regions.remove(root, woken)));
    }
}

/// After a turn that has not ended its task: settles the request on it, if there is one, and flags it if it must end.
#[cold]
pub(crate) fn after_turn(kernel: &Kernel, roots: &Roots, key: Key, flags: Flags) {
    let own = kernel.board.borrow().taskmap.get(key).map(|slot| slot.flags);
    let Some(own) = own.filter(|own| own.has(Flags::CALL_AFTER) && !own.has(Flags::ABORT)) else {
        return;
    };
    let Some(root) = roots.get(key, own) else { return };
    let mut woken = Vec::new();
    let (acts, is_asked) = with_regions(|regions| {
        let acts = regions.settle(root, !flags.has(Flags::RUNG), &mut woken);
        (acts, regions[root].request.is_some())
    });
    if !is_asked {
        kernel.set_flag(key, Flags::CALL_AFTER, false);
    }
    if let Some(request) = acts {
        kernel.mark(key, Failure::Cancelled(request.reason.text()));
    }
    wake_all(woken);
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
pub fn cancelling() -> u32 {
    let Some(task) = TaskKey::current() else { return 0 };
    let Some(kernel) = find(task.scheduler) else { return 0 };
    let count = |root: u32| {
        with_regions(|regions| {
            regions[root].request.as_ref().map_or(0, |request| request.count.get())
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

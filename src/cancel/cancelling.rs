//! The kernel's side of cancelling: asking a task to end, and looking after each turn whether it must.
//!
//! A task is asked by a request on the root of its regions. If it waits, the request is delivered at once; if it
//! has its turn, it is marked `ASKED`, and the request is delivered after that. Either way nothing of the task
//! runs inside the call. After each turn that has left regions, or of a task that is marked, they are hung below
//! the root and the request is looked at again. Once nothing below can take it or holds it, the task must end:
//! it is marked `ABORT` and scheduled, or, after its own turn, dropped there; with `Cancelled` for its failure.
//!
//! Most tasks are never asked and leave no regions. For them all this is one look at a mark.

use crate::cancel::regions::{Ring, Role};
use crate::cancel::request::Reason;
use crate::cancel::requests::{Delivery, Polled};
use crate::kernel::Kernel;
use crate::kernel::Marks;
use crate::kernel::Noted;
use crate::kernel::thread;
use crate::kernel::{Boxed, Ending, Failure};
use crate::kernel::{Doing, TaskMap};
use crate::kernel::{Key, TaskId, TaskKey};
use crate::report::Transition;

impl Kernel {
    /// Asks a task to end. It is told while it waits: now, or at the end of its turn.
    pub(crate) fn cancel(&self, slot: u32, id: TaskId, reason: &Reason) {
        let key = Key { slot, serial: id.serial() };
        let mut rings = Vec::new();
        let must_end = {
            let taskmap = &mut self.board.borrow_mut().taskmap;
            let Some(tenant) = taskmap.resident(slot, id) else { return };
            if !tenant.is_alive() || tenant.marks.has(Marks::ABORT) {
                return;
            }
            let in_turn = matches!(tenant.doing, Doing::Turn | Doing::Again);
            let must_end = match taskmap.has_rare(slot).and_then(|rare| rare.region) {
                // Nothing in it has ever waited in a region, so nothing can take the request.
                None if !in_turn => true,
                _ => self.ask_root(taskmap, key, in_turn, reason, &mut rings),
            };
            if must_end {
                taskmap.rare(slot).cancelled = Some(reason.clone());
                taskmap.slot(slot).marks.set(Marks::ABORT);
            }
            must_end
        };
        if self.watched.get() {
            self.emit(Transition::Asked { task: id, reason: reason.as_str().into() });
        }
        if must_end {
            self.schedule(key);
        }
        rings.into_iter().for_each(Ring::wake);
    }

    /// Makes a request on a task's root region. Returns whether the task must end.
    fn ask_root(
        &self,
        taskmap: &mut TaskMap,
        key: Key,
        in_turn: bool,
        reason: &Reason,
        rings: &mut Vec<Ring>,
    ) -> bool {
        let root = self.root_region(taskmap, key);
        taskmap.slot(key.slot).marks.set(Marks::ASKED);
        thread::with_regions(|regions| {
            let is_new = regions.ask(root, reason.clone(), rings);
            let deliver_now = is_new && !in_turn;
            deliver_now && regions.deliver(root, Polled::No, rings) == Delivery::Acts
        })
    }

    /// The root region of a task; it is made if there is none yet.
    fn root_region(&self, taskmap: &mut TaskMap, key: Key) -> u32 {
        let make = || {
            let poller = Ring::of_task(TaskKey::new(self.id, key));
            thread::with_regions(|regions| regions.create(Role::Root, poller))
        };
        *taskmap.rare(key.slot).region.get_or_insert_with(make)
    }

    /// After a turn that has not ended its task, if regions were left in it or the task is marked: hangs them
    /// below the task, and looks whether it must end. If so its future is to be dropped.
    #[cold]
    pub(crate) fn after_turn(&self, key: Key, noted: Noted) -> Option<Failure> {
        let mut rings = Vec::new();
        let failure = {
            let taskmap = &mut self.board.borrow_mut().taskmap;
            if taskmap.slot(key.slot).marks.has(Marks::ABORT) {
                Some(taskmap.why(key.slot))
            } else {
                self.settle_regions(taskmap, key, noted, &mut rings)
            }
        };
        rings.into_iter().for_each(Ring::wake);
        failure
    }

    /// After a turn that has ended its task, if regions were left in it.
    #[cold]
    pub(crate) fn after_last_turn() {
        let mut rings = Vec::new();
        let since = thread::since();
        thread::with_regions(|regions| regions.discard_parcels(since, &mut rings));
        rings.into_iter().for_each(Ring::wake);
    }

    fn settle_regions(
        &self,
        taskmap: &mut TaskMap,
        key: Key,
        noted: Noted,
        rings: &mut Vec<Ring>,
    ) -> Option<Failure> {
        let since = thread::since();
        let has_unhung =
            noted.has_left() && thread::with_regions(|regions| regions.has_unhung(since));
        let root = if has_unhung {
            self.root_region(taskmap, key)
        } else {
            taskmap.has_rare(key.slot)?.region?
        };
        let polled = if noted.is_rung() { Polled::Woken } else { Polled::AtRest };
        let (is_asked, failure) = thread::with_regions(|regions| {
            if has_unhung {
                regions.adopt(root, since, rings);
            }
            let delivery = regions.deliver(root, polled, rings);
            let request = regions.slab[root].request.clone();
            let failure = request.as_ref().filter(|_| delivery == Delivery::Acts);
            let failure = failure.map(|request| Failure::Cancelled(request.reason.clone()));
            (request.is_some(), failure)
        });
        let marks = &mut taskmap.slot(key.slot).marks;
        if is_asked {
            marks.set(Marks::ASKED);
        } else {
            marks.clear(Marks::ASKED);
        }
        failure
    }

    /// Ends a task that is marked, in its turn: its future is dropped instead of polled.
    #[cold]
    pub(crate) fn end_by_mark(&self, key: Key, target: &mut Boxed) -> Ending {
        let failure = self.why(key);
        self.drop_target(key, target, failure)
    }

    /// Why a task that is marked must end.
    pub(crate) fn why(&self, key: Key) -> Failure {
        self.board.borrow_mut().taskmap.why(key.slot)
    }

    /// How often a task was asked to end, since it last was done with that.
    pub(crate) fn cancelling(&self, task: TaskKey) -> u32 {
        let taskmap = &mut self.board.borrow_mut().taskmap;
        if taskmap.look(task.key).is_none() {
            return 0;
        }
        let root = taskmap.has_rare(task.key.slot).and_then(|rare| rare.region);
        root.map_or(0, |root| {
            thread::with_regions(|regions| {
                regions.slab[root].request.as_ref().map_or(0, |request| request.count.get())
            })
        })
    }
}

impl TaskMap {
    /// Why a task that is marked must end.
    fn why(&mut self, slot: u32) -> Failure {
        let reason = self.has_rare(slot).and_then(|rare| rare.cancelled.take());
        reason.map_or(Failure::Aborted, Failure::Cancelled)
    }

    /// Removes the root region of a task that is over; its future is gone.
    pub(crate) fn close_region(&mut self, slot: u32) {
        if let Some(root) = self.has_rare(slot).and_then(|rare| rare.region.take()) {
            let mut rings = Vec::new();
            // Nobody is rung, and nothing of the user's dropped: nothing is around a root, and its poller is a
            // task.
            thread::with_regions(|regions| regions.remove(root, false, &mut rings));
        }
    }
}

/// Returns how often the task whose turn it is was asked to end, and is not done with that: 0 if nobody has
/// asked, or if the clean-up after the last request is over. Also 0 outside of all turns.
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
    thread::find(task.scheduler).map_or(0, |kernel| kernel.cancelling(task))
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;
    use crate::kernel::Scheduler;
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
                assert!(thread::with_regions(|regions| regions.is_empty()));
            }
        }
    }
}

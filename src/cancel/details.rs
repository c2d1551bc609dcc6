//! The details of cancelling, for the observers that receive them.
//!
//! What keeps a task from ending changes in many small ways, so the tree only records which tasks it has changed below
//! ([`Regions::touch`]). After each turn, what is asked of these tasks and what holds it is compared with what was
//! emitted before.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;

use crate::cancel::request::Reason;
use crate::cancel::root::Roots;
use crate::cancel::thread::with_regions;
use crate::cancel::tree::{Regions, Role};
use crate::kernel::{Failure, Flags, Kernel, Key, Place, SlotState, TaskId, TaskKey};
use crate::report::{Cause, Detail, PendingRequest, id_anywhere};
use crate::slab::NO_ENTRY;
use crate::watch::{detail, is_detailed};

/// The requests in each task, as they were emitted last; tasks without requests are left out.
#[derive(Default)]
pub(crate) struct EmittedRequests(RefCell<BTreeMap<TaskId, Vec<PendingRequest>>>);

impl EmittedRequests {
    /// Emits what has changed in the tasks of a scheduler since the last call.
    #[cold]
    pub(crate) fn emit_changes(&self, kernel: &Kernel, roots: &Roots) {
        let touched = with_regions(|regions| regions.take_touched(kernel));
        for (task, is_asked) in touched {
            let found = kernel.board.borrow().taskmap.get(task.key).map(|slot| slot.state);
            if matches!(found, Some(SlotState::Turn | SlotState::Notified)) {
                // Its regions are linked at the end of its turn, which the one that ends now is nested in.
                with_regions(|regions| regions.touched.push((task, is_asked)));
                continue;
            }
            let requests = roots.open_requests(kernel, task.key);
            let id = id_anywhere(task);
            let before = {
                let mut emitted = self.0.borrow_mut();
                if requests.is_empty() {
                    emitted.remove(&id)
                } else {
                    emitted.insert(id, requests.clone())
                }
            };
            if is_asked || before.unwrap_or_default() != requests {
                let requests = requests.into();
                detail(kernel.id, || Detail::Requests { task: id, requests });
            }
        }
    }
}

impl Roots {
    /// The detail of a request that was just made: all that are open now.
    #[cold]
    pub(super) fn emit_requests(&self, kernel: &Kernel, task: TaskId, key: Key) {
        let requests = self.open_requests(kernel, key).into();
        detail(kernel.id, || Detail::Requests { task, requests });
    }

    /// Returns the requests in a task. Of one that nothing can take, only the flag of the task is left: it is open until the
    /// task has ended.
    fn open_requests(&self, kernel: &Kernel, key: Key) -> Vec<PendingRequest> {
        let board = kernel.board.borrow();
        let Some(flags) = board.taskmap.get(key).map(|slot| slot.flags) else { return Vec::new() };
        let mut requests = self.requests(key, flags);
        let failure = board.taskmap.extra(key.slot).and_then(|extra| extra.failure.as_ref());
        if let Some(Failure::Cancelled(reason)) = failure.filter(|_| flags.has(Flags::ABORT))
            && requests.iter().all(|request| request.part.is_some())
        {
            let reason = reason.clone().unwrap_or_else(|| Reason::Unsaid.as_str().into());
            requests.insert(0, PendingRequest { reason, part: None, holders: Vec::new() });
        }
        requests
    }
}

impl Regions {
    /// Records that the requests in the task around a region, or what holds them, may have changed.
    #[inline]
    pub(super) fn touch(&mut self, region: u32) {
        if is_detailed() {
            self.record_touch(region, false);
        }
    }

    /// The same; `is_asked` if a request was made there.
    #[cold]
    pub(super) fn record_touch(&mut self, region: u32, is_asked: bool) {
        // A region may not be linked to its task yet.
        let task = self.task_around(region).or_else(TaskKey::current);
        self.touched.extend(task.map(|task| (task, is_asked)));
    }

    /// Returns the task whose part a region is.
    pub(super) fn task_around(&self, region: u32) -> Option<TaskKey> {
        let mut region = region;
        while region != NO_ENTRY {
            let record = self.get(region)?;
            if record.role == Role::Root {
                return record.poller.task;
            }
            region = record.parent;
        }
        None
    }

    /// Takes the tasks of a scheduler that were touched, each once.
    fn take_touched(&mut self, kernel: &Kernel) -> Vec<(TaskKey, bool)> {
        let of_it = |touched: &mut (TaskKey, bool)| touched.0.scheduler == kernel.id;
        let mut own: Vec<(TaskKey, bool)> = self.touched.extract_if(.., of_it).collect();
        own.sort_by_key(|&(task, is_asked)| (task.key.to_word(), !is_asked));
        own.dedup_by_key(|&mut (task, _)| task);
        own
    }
}

/// Returns the task whose part a region is; while it is not linked to one yet, the task whose turn it is. The region may
/// end in the turn of another task, with its own.
fn task_of(region: u32) -> Option<TaskKey> {
    with_regions(|regions| regions.task_around(region)).or_else(TaskKey::current)
}

/// A region that is not a whole task was asked to end.
#[inline]
pub(super) fn part_asked(region: u32, part: Place, reason: &Reason) {
    if is_detailed() {
        emit_part_asked(region, part, reason);
    }
}

#[cold]
fn emit_part_asked(region: u32, part: Place, reason: &Reason) {
    let Some(task) = task_of(region) else { return };
    let asker = TaskKey::current().filter(|asker| asker.scheduler == task.scheduler);
    let cause = match reason {
        Reason::Deadline => Cause::Timer,
        _ => asker.map_or(Cause::Outside, |asker| Cause::Task(id_anywhere(asker))),
    };
    let (id, reason) = (id_anywhere(task), reason.as_str().into());
    detail(task.scheduler, || Detail::PartAsked { task: id, part, reason, cause });
}

/// A region enters the tree. If it is a mask, it begins to hold requests back.
#[inline]
pub(super) fn begins(region: u32, role: Role, place: Place) {
    if role == Role::Mask && is_detailed() {
        mask_begins(region, place);
    }
}

/// A region is about to leave the tree.
#[inline]
pub(super) fn ends(region: u32, role: Role) {
    if role == Role::Mask && is_detailed() {
        mask_ends(region);
    }
}

#[cold]
fn mask_begins(region: u32, place: Place) {
    let task = task_of(region);
    let before = with_regions(|regions| mem::replace(&mut regions[region].announced_to, task));
    if before == task {
        return;
    }
    mask_left(before); // What it is around was lent to another task.
    if let Some(task) = task {
        detail(task.scheduler, || Detail::MaskBegan { task: id_anywhere(task), place });
    }
}

#[cold]
fn mask_ends(region: u32) {
    mask_left(with_regions(|regions| regions[region].announced_to.take()));
}

/// A mask no longer is a part of this task.
fn mask_left(task: Option<TaskKey>) {
    let Some(task) = task else { return };
    detail(task.scheduler, || Detail::MaskEnded { task: id_anywhere(task) });
}

/// A clean-up has ended; or passes its request, made for this reason, on.
#[cold]
pub(super) fn cleaned_up(region: u32, resumed: Option<&str>) {
    let Some(task) = task_of(region) else { return };
    let id = id_anywhere(task);
    if let Some(reason) = resumed {
        detail(task.scheduler, || Detail::Resumed { task: id, reason: reason.into() });
    }
    detail(task.scheduler, || Detail::CleanedUp { task: id });
}

//! Regions: the parts of a task that a cancel request can reach.
//!
//! ```text
//!   root ──┬── catch ──── timeout ──── catch      A request on the root goes to the catches that hold no
//!          └── mask ───── catch                   other: here to the inner one of the upper branch.
//! ```
//!
//! Cancelling spans four files, to be read in this order: the tree is here; `requests.rs` has what a request does in
//! it; `region.rs`, how a combinator adds itself to it; `cancelling.rs`, what the kernel does with roots.
//!
//! A task has a root. Below it is a region for each `catch_cancel`, `mask`, `timeout` and scope that waits. Nothing
//! else has one: a `join!` or a lock between two regions is invisible here, so two branches are two regions below the
//! same parent.
//!
//! While a region is being polled, its parent is not known yet. So the tree grows from its leaves: a region that stays
//! pending is left *unlinked*, and the region that polled it, once that stays pending too, adopts all that were left
//! since its own poll started. The regions left at the end of a turn belong to the task. In the picture, in one turn:
//!
//! 1. the inner catch of the upper branch stays pending and is left; the timeout adopts it, and is left; the
//!    outer catch adopts the timeout, and is left;
//! 2. the same in the lower branch, whose mask started after that outer catch was left, and does not adopt it;
//! 3. the turn ends, and the root adopts the regions left since the turn started: that catch, and the mask.
//!
//! So a future that is ready immediately has no region and costs nothing; turns may nest; and a future that is polled
//! from another place the next time moves there.
//!
//! All regions of a thread are in one slab, with links in both directions, so nothing searches and nothing recurses.
//! The code here moves plain data only; the callers clone, wake and drop wakers, with nothing borrowed.

use std::mem;
use std::rc::Rc;
use std::task::Waker;

use crate::cancel::request::Request;
use crate::kernel::{TaskKey, drop_quietly, run_quietly, schedule};
use crate::slab::{NO_ENTRY, Slab};

/// How a region handles a request that was made above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Of a task. If nothing below it can take a request, the task is dropped.
    Root,
    /// Takes it, unless something below takes or holds it.
    Catch,
    /// Passes it on. Acts on its own request by dropping the wrapped future.
    Passage,
    /// Holds it until the wrapped future has finished.
    Mask,
    /// Holds it until the clean-up has ended, even if it is the request being cleaned up after.
    CleanUp,
    /// Holds it until its tasks have ended, and ends them.
    Scope,
    /// Belongs to no combinator: the remains of a region that was removed while a request that was resumed in it was
    /// passing outward. The region that adopts it removes it.
    Parcel,
}

/// What to wake so that a region is polled: a task, or a foreign waker.
#[derive(Clone, Default)]
pub(crate) struct Ring {
    task: Option<TaskKey>,
    /// Shared, since cloning a foreign waker runs its owner's code.
    waker: Option<Rc<Waker>>,
}

impl Ring {
    pub(crate) fn of_task(task: TaskKey) -> Self {
        Ring { task: Some(task), waker: None }
    }

    pub(crate) fn of_foreign(waker: Waker) -> Self {
        Ring { task: None, waker: Some(Rc::new(waker)) }
    }

    /// Returns whether it is for this task or, if that is `None`, for this waker.
    pub(crate) fn is_for(&self, task: Option<TaskKey>, waker: &Waker) -> bool {
        match (task, &self.waker) {
            (None, Some(own)) => own.will_wake(waker),
            (None, None) => false,
            (Some(_), own) => own.is_none() && self.task == task,
        }
    }

    /// Wakes. May run the code of a foreign waker, whose panic is not propagated.
    pub(crate) fn wake(self) {
        if let Some(task) = self.task {
            schedule(task);
        }
        if let Some(waker) = self.waker {
            run_quietly(|| waker.wake_by_ref());
            drop_quietly(waker);
        }
    }
}

/// Wakes all of them. Usually there are none.
#[inline]
pub(crate) fn wake_all(rings: Vec<Ring>) {
    #[cold]
    fn wake_each(rings: Vec<Ring>) {
        rings.into_iter().for_each(Ring::wake);
    }
    if !rings.is_empty() {
        wake_each(rings);
    }
}

/// The state of a region.
pub(crate) struct Record {
    pub(crate) role: Role,
    pub(crate) parent: u32,
    /// The first region below it.
    pub(crate) first: u32,
    /// Neighbors below the same parent, or among the unlinked.
    previous: u32,
    pub(crate) next: u32,
    /// The count at which it was last left. Among the unlinked, these descend.
    number: u32,
    is_unlinked: bool,
    /// What polled it last.
    pub(crate) poller: Ring,
    /// The request that was made on it, until the clean-up after it has ended.
    pub(crate) request: Option<Rc<Request>>,
    /// The request that it was notified of. Only a catch takes it.
    pub(crate) told: Option<Rc<Request>>,
    /// A request that was resumed below it and is passing outward.
    pub(crate) passing: Option<Rc<Request>>,
    /// The polls that it has missed since it was notified, as weighted by `miss`; `None` once it was polled.
    pub(crate) missed: Option<u16>,
    /// It seems to be no longer polled. Its next poll resets this.
    pub(crate) is_deaf: bool,
    /// A request was resumed inside this mask, which will never finish; or this scope has ended its tasks.
    pub(crate) is_given_up: bool,
    /// The value of `counts` when missed polls were last counted for its request.
    pub(crate) counted: u32,
}

/// All regions of a thread.
pub(crate) struct Regions {
    pub(crate) slab: Slab<Record>,
    /// The last one that was left unlinked.
    unlinked: u32,
    /// How often a region was left unlinked.
    left: u32,
    /// How many regions have a request.
    pub(crate) requests: u32,
    /// How often missed polls were counted.
    pub(crate) counts: u32,
    /// This thread has a scheduler, so the memory of an empty slab will be needed again.
    is_warm: bool,
}

impl Regions {
    pub(crate) const fn new() -> Self {
        Regions {
            slab: Slab::new(),
            unlinked: NO_ENTRY,
            left: 0,
            requests: 0,
            counts: 0,
            is_warm: false,
        }
    }

    /// From now on the slab keeps its memory while it is empty: this thread has a scheduler.
    pub(crate) fn warm(&mut self) {
        self.is_warm = true;
    }

    /// From now on the slab frees its memory when it is empty: the last scheduler was dropped.
    pub(crate) fn cool(&mut self) {
        self.is_warm = false;
        if self.slab.has_memory() {
            self.slab.trim(false);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// Returns how often a region was left unlinked. A combinator reads it before a poll.
    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    pub(crate) fn create(&mut self, role: Role, poller: Ring) -> u32 {
        self.slab.insert(Record {
            role,
            parent: NO_ENTRY,
            first: NO_ENTRY,
            previous: NO_ENTRY,
            next: NO_ENTRY,
            number: 0,
            is_unlinked: false,
            poller,
            request: None,
            told: None,
            passing: None,
            missed: None,
            is_deaf: false,
            is_given_up: false,
            counted: 0,
        })
    }

    /// Records that a region was polled and stays pending. It adopts the regions that its poll has left unlinked, and
    /// is left unlinked itself, for the region that polled it.
    pub(crate) fn leave(&mut self, region: u32, since: u32, rings: &mut Vec<Ring>) {
        self.unlink(region);
        self.adopt(region, since, rings);
        self.left = self.left.wrapping_add(1);
        let next = mem::replace(&mut self.unlinked, region);
        if next != NO_ENTRY {
            self.slab[next].previous = region;
        }
        let record = &mut self.slab[region];
        (record.number, record.next, record.is_unlinked) = (self.left, next, true);
        (record.missed, record.is_deaf) = (None, false);
    }

    /// Moves below a region all regions that were left unlinked since the count was `since`. A request that was resumed
    /// there passes one step outward.
    pub(crate) fn adopt(&mut self, parent: u32, since: u32, rings: &mut Vec<Ring>) {
        while self.has_unlinked(since) {
            let child = self.unlinked;
            self.unlink(child);
            let next = mem::replace(&mut self.slab[parent].first, child);
            if next != NO_ENTRY {
                self.slab[next].previous = child;
            }
            let record = &mut self.slab[child];
            (record.parent, record.next) = (parent, next);
            let is_parcel = record.role == Role::Parcel;
            if let Some(request) = record.passing.take()
                && !(is_parcel && request.is_over())
            {
                self.pass_out(parent, request, rings);
            }
            if is_parcel {
                self.unlink(child);
                self.slab.remove(child);
            }
        }
    }

    /// Removes the parcels of a turn that has ended its task, since no region will adopt them.
    pub(crate) fn discard_parcels(&mut self, since: u32, rings: &mut Vec<Ring>) {
        let mut next = self.unlinked;
        while next != NO_ENTRY && self.slab[next].number.wrapping_sub(since).cast_signed() > 0 {
            let one = next;
            next = self.slab[one].next;
            if self.slab[one].role == Role::Parcel {
                self.unlink(one);
                let parcel = self.slab.remove(one);
                self.abandon_requests(one, &parcel, rings);
            }
        }
    }

    /// Returns whether a region was left unlinked since the count was `since`, and still is.
    pub(crate) fn has_unlinked(&self, since: u32) -> bool {
        // The counts wrap around, but two that are compared are never far enough apart to be confused.
        self.unlinked != NO_ENTRY
            && self.slab[self.unlinked].number.wrapping_sub(since).cast_signed() > 0
    }

    /// Takes a region out of its list, together with all regions below it.
    fn unlink(&mut self, region: u32) {
        let record = &mut self.slab[region];
        let (parent, previous, next) = (record.parent, record.previous, record.next);
        let was_unlinked = mem::take(&mut record.is_unlinked);
        (record.parent, record.previous, record.next) = (NO_ENTRY, NO_ENTRY, NO_ENTRY);
        if previous != NO_ENTRY {
            self.slab[previous].next = next;
        } else if parent != NO_ENTRY {
            self.slab[parent].first = next;
        } else if was_unlinked {
            self.unlinked = next;
        }
        if next != NO_ENTRY {
            self.slab[next].previous = previous;
        }
    }

    /// Removes a region; the regions below it take its place. Returns its poller, to be dropped with nothing borrowed.
    /// Requests that it may have held up are delivered again.
    ///
    /// In a turn, a request that is passing outward through it continues.
    pub(crate) fn remove(&mut self, region: u32, in_turn: bool, rings: &mut Vec<Ring>) -> Ring {
        while self.slab[region].first != NO_ENTRY {
            let child = self.slab[region].first;
            self.unlink(child);
            self.put_before(child, region);
        }
        let parent = self.slab[region].parent;
        if in_turn && self.slab[region].passing.is_some() {
            return self.make_parcel(region);
        }
        self.unlink(region);
        let record = self.slab.remove(region);
        self.abandon_requests(region, &record, rings);
        if self.requests > 0 && record.role != Role::Passage {
            self.ring_above(parent, rings);
        }
        self.slab.trim(self.is_warm);
        record.poller
    }

    /// A request only passes outward through an unlinked region, so the parcel stays where that is.
    fn make_parcel(&mut self, region: u32) -> Ring {
        let record = &mut self.slab[region];
        let role = mem::replace(&mut record.role, Role::Parcel);
        debug_assert!(
            role == Role::Passage || role == Role::Mask,
            "only these two pass a request on"
        );
        if let Some(request) = record.request.take() {
            self.requests -= 1;
            request.close();
        }
        let record = &mut self.slab[region];
        record.told = None;
        mem::take(&mut record.poller)
    }

    /// Inserts a region that is in no list in front of another one, in the list of that one.
    fn put_before(&mut self, region: u32, other: u32) {
        let record = &mut self.slab[other];
        let (parent, number, is_unlinked) = (record.parent, record.number, record.is_unlinked);
        if parent == NO_ENTRY && !is_unlinked {
            return;
        }
        let previous = mem::replace(&mut record.previous, region);
        let record = &mut self.slab[region];
        (record.parent, record.previous, record.next) = (parent, previous, other);
        (record.number, record.is_unlinked) = (number, is_unlinked);
        if previous != NO_ENTRY {
            self.slab[previous].next = region;
        } else if parent != NO_ENTRY {
            self.slab[parent].first = region;
        } else {
            self.unlinked = region;
        }
    }

    /// Returns all regions below a region.
    pub(crate) fn below(&self, region: u32) -> Vec<u32> {
        let mut all = Vec::new();
        let mut path = vec![self.slab[region].first];
        while let Some(one) = path.pop() {
            if one != NO_ENTRY {
                all.push(one);
                path.extend([self.slab[one].next, self.slab[one].first]);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::request::Reason;

    /// Builds the tree of one turn: two pending branches in a pending passage.
    fn tree(regions: &mut Regions) -> [u32; 4] {
        let roles = [Role::Root, Role::Passage, Role::Catch, Role::Mask];
        let all = roles.map(|role| regions.create(role, Ring::default()));
        let [root, passage, catch, mask] = all;
        let (since, mut rings) = (regions.left(), Vec::new());
        for (region, since) in [(catch, since), (mask, since + 1), (passage, since)] {
            regions.leave(region, since, &mut rings);
        }
        regions.adopt(root, since, &mut rings);
        assert!(rings.is_empty());
        all
    }

    #[test]
    fn a_tree_grows_from_its_leaves() {
        let mut regions = Regions::new();
        let [root, passage, catch, mask] = tree(&mut regions);
        assert_eq!(regions.slab[passage].parent, root);
        assert_eq!(regions.below(passage), [catch, mask]);
        let since = regions.left();
        regions.leave(mask, since, &mut Vec::new());
        assert_eq!(regions.below(root), [passage, catch], "another caller polled it");
        assert!(regions.has_unlinked(since) && !regions.has_unlinked(regions.left()));
    }

    #[test]
    fn what_is_below_a_region_that_goes_takes_its_place() {
        let mut regions = Regions::new();
        let [root, passage, catch, mask] = tree(&mut regions);
        regions.remove(passage, false, &mut Vec::new());
        assert_eq!(regions.below(root), [catch, mask]);
        for region in [root, catch, mask] {
            assert!(!regions.is_empty());
            regions.remove(region, false, &mut Vec::new());
        }
        assert!(regions.is_empty());
    }

    #[test]
    fn a_request_is_over_with_its_region() {
        let mut regions = Regions::new();
        let [root, passage, catch, mask] = tree(&mut regions);
        regions.ask(passage, Reason::Unsaid, &mut Vec::new());
        assert_eq!(regions.requests, 1);
        let request = regions.slab[passage].request.clone().unwrap();
        for region in [passage, mask, catch, root] {
            regions.remove(region, false, &mut Vec::new());
        }
        assert!(request.is_over());
        assert_eq!(regions.requests, 0);
    }
}

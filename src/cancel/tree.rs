//! Regions: the parts of a task that a request to cancel can reach, as a tree.
//!
//! ```text
//!   root ──┬── catch ──── timeout ──── catch      A request on the root goes to the innermost catch of each
//!          └── mask ───── catch                   branch: here to the inner one above. The mask holds it.
//! ```
//!
//! A task has a root; below it there is a region for each `catch_cancel`, `mask`, `timeout`, scope and `gather` that is
//! pending, for what a token runs, and for each group and async generator of this crate with one of these inside.
//! Nothing else has one: a `join!` or a lock between two regions does not appear here, so two branches are two regions
//! with the same parent.
//!
//! **The parent of a region is the region it was polled in last.** The thread keeps the number of the region that is
//! being polled (the *top*). A region that is in the tree compares it with its parent whenever a poll of it starts, and
//! moves there if they differ. A region that is not in the tree yet enters it when its first poll returns pending. If a
//! region inside it needs a parent before that, the inner one creates the number and sets it as the top, and the owner
//! finds it there when the poll returns. So the tree is exact at any time, except for what is polled for the first
//! time, which has no parent until that poll returns. While there is any request on the thread, regions enter the tree
//! before they are polled, so every path from a poll out to the region that was asked is complete.
//!
//! A region that is dropped while others are below it stays, without an owner, until the last of these has gone.
//!
//! All regions of a thread are in one slab, with links both ways, so nothing recurses. What is here moves plain data; wakers are
//! cloned, woken and dropped by the callers, with nothing borrowed.

use std::iter;
use std::mem;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

use crate::cancel::poller::Poller;
use crate::cancel::request::Request;
use crate::cancel::top::{FRESH, TASK, top};
use crate::kernel::{Place, TaskKey, current_task};
use crate::slab::{NO_ENTRY, Slab};

/// What a region does with a request that was made above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Of a task.
    Root,
    /// Lets it through: a timeout, the body of a scope, a group, a generator.
    Passage,
    /// Takes it, unless something below it takes or holds it.
    Catch,
    /// Holds it until the future inside has ended.
    Mask,
    /// Asks its tasks to end, and holds it until they have.
    Scope,
    /// The same, of a `gather`.
    Gather,
    /// Holds it until it is dropped: a `Cancelled`. Only what was lent to the catch may be below it.
    CleanUp,
    /// The place where a clean-up resumed its request: a *leaf*, though what was lent to its catch may still be below it.
    Resumed,
}

/// What the tree keeps of a region.
pub(super) struct Record {
    pub(super) role: Role,
    pub(super) parent: u32,
    /// The first child.
    pub(super) first: u32,
    previous: u32,
    next: u32,
    /// What polled it last.
    pub(super) poller: Poller,
    /// The request that was made on it: on a root or a passage.
    pub(super) request: Option<Rc<Request>>,
    /// The request from above that it was offered; of a clean-up, the one that was taken; of a resumed leaf, the one
    /// that was resumed, and `None` once that was consumed.
    pub(super) offered: Option<Rc<Request>>,
    /// When it was woken for a request, if it was not polled since; 0 if it was.
    pub(super) woken: u64,
    /// It was woken and not polled before its task came to rest, so it seems that nothing polls it any more; until it
    /// is polled again.
    pub(super) is_abandoned: bool,
    /// Of a mask: a request was resumed inside, so it no longer holds. Of a scope or `gather`: its tasks have ended,
    /// and it does not hold while its offer is open. Of a passage: a request was resumed inside (for `body_region.rs`).
    pub(super) is_let_go: bool,
    /// The time of the last look that has found that its request does not come to this catch.
    pub(super) passed_over: u64,
    /// What became of requests when it moved. Usually it did not.
    pub(super) moves: Option<Box<Moves>>,
    /// When it entered the tree; of a clean-up, when that started.
    pub(super) since: u64,
    /// A combinator owns it, and will remove it.
    pub(super) is_owned: bool,
    /// Of a mask: the task that observers know it to be a part of.
    pub(super) announced_to: Option<TaskKey>,
    /// Where that combinator was created; of a clean-up, the catch.
    pub(super) place: Place,
}

/// What the tree keeps of a region that moves while there are requests.
#[derive(Default)]
pub(super) struct Moves {
    /// The requests that it was offered before something outside of their askers polled it.
    pub(super) away_from: Vec<Rc<Request>>,
    /// The requests whose askers it has woken by moving away from there.
    pub(super) left: Vec<Rc<Request>>,
}

/// All regions of a thread, by number. Numbers start after [`FRESH`].
pub(super) struct Regions {
    slab: Slab<Record>,
    /// How many requests are not closed.
    pub(super) requests: u32,
    /// How many clean-ups are under way.
    pub(super) clean_ups: u32,
    /// How many resumed leaves have no owner any more.
    pub(super) left_behind: u32,
    /// The tasks whose requests may have changed, while details are recorded, and whether a request was made.
    pub(super) touched: Vec<(TaskKey, bool)>,
    /// Counts the events whose order matters.
    clock: u64,
    /// There is a scheduler on this thread, so the memory of an empty tree will be needed again.
    is_warm: bool,
}

const FIRST: u32 = FRESH + 1;

impl Index<u32> for Regions {
    type Output = Record;

    #[inline]
    fn index(&self, region: u32) -> &Record {
        &self.slab[region - FIRST]
    }
}

impl IndexMut<u32> for Regions {
    #[inline]
    fn index_mut(&mut self, region: u32) -> &mut Record {
        &mut self.slab[region - FIRST]
    }
}

impl Regions {
    pub(super) const fn new() -> Self {
        Regions {
            slab: Slab::new(),
            requests: 0,
            clean_ups: 0,
            left_behind: 0,
            touched: Vec::new(),
            clock: 0,
            is_warm: false,
        }
    }

    #[inline]
    pub(super) fn warm(&mut self) {
        self.is_warm = true;
    }

    /// Frees the memory of an empty tree, if it will not be needed again.
    #[inline]
    pub(super) fn trim(&mut self) {
        self.slab.trim(self.is_warm);
    }

    #[inline]
    pub(super) fn cool(&mut self) {
        self.is_warm = false;
        if self.slab.has_memory() {
            self.trim();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slab.is_empty() && self.requests + self.clean_ups + self.left_behind == 0
    }

    /// The time, by the tree's own clock.
    pub(super) fn now(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The region of this number, if there is one.
    pub(super) fn get(&self, region: u32) -> Option<&Record> {
        self.slab.get(region - FIRST)
    }

    pub(super) fn create(&mut self, role: Role, place: Place, poller: Poller) -> u32 {
        let since = self.now();
        let record = Record {
            role,
            parent: NO_ENTRY,
            first: NO_ENTRY,
            previous: NO_ENTRY,
            next: NO_ENTRY,
            poller,
            request: None,
            offered: None,
            woken: 0,
            is_abandoned: false,
            is_let_go: false,
            moves: None,
            passed_over: 0,
            since,
            is_owned: true,
            announced_to: None,
            place,
        };
        self.slab.insert(record) + FIRST
    }

    /// Puts a region below another one, with everything that is below it.
    pub(super) fn link(&mut self, region: u32, parent: u32, woken: &mut Vec<Poller>) {
        self.wake_left(region, woken);
        self.unlink(region);
        if parent == NO_ENTRY {
            return;
        }
        let next = mem::replace(&mut self[parent].first, region);
        if next != NO_ENTRY {
            self[next].previous = region;
        }
        (self[region].parent, self[region].next) = (parent, next);
    }

    /// Takes a region out, with everything that is below it. A parent without an owner goes with its last child.
    fn unlink(&mut self, region: u32) {
        let mut parent = self.detach(region);
        let is_empty = |record: &Record| record.first == NO_ENTRY && !record.is_owned;
        while parent != NO_ENTRY && is_empty(&self[parent]) && self[parent].role != Role::Resumed {
            let empty = parent;
            parent = self.detach(empty);
            self.slab.remove(empty - FIRST);
        }
    }

    pub(super) fn unlink_and_free(&mut self, leaf: u32) {
        self.unlink(leaf);
        self.slab.remove(leaf - FIRST);
    }

    /// Returns its former parent.
    fn detach(&mut self, region: u32) -> u32 {
        let record = &mut self[region];
        let parent = mem::replace(&mut record.parent, NO_ENTRY);
        let previous = mem::replace(&mut record.previous, NO_ENTRY);
        let next = mem::replace(&mut record.next, NO_ENTRY);
        if next != NO_ENTRY {
            self[next].previous = previous;
        }
        if previous != NO_ENTRY {
            self[previous].next = next;
        } else if parent != NO_ENTRY {
            self[parent].first = next;
        }
        parent
    }

    /// The region after this one in a walk through everything below `top` that goes down first; `is_entered` says
    /// whether it goes into this one.
    pub(super) fn after(&self, region: u32, top: u32, is_entered: bool) -> u32 {
        let mut region = region;
        if is_entered && self[region].first != NO_ENTRY {
            return self[region].first;
        }
        while region != top {
            if self[region].next != NO_ENTRY {
                return self[region].next;
            }
            region = self[region].parent;
        }
        NO_ENTRY
    }

    /// Returns whether a region is this one or below it.
    pub(super) fn is_in(&self, region: u32, outer: u32) -> bool {
        let mut region = region;
        while region != outer && region != NO_ENTRY {
            region = self[region].parent;
        }
        region == outer
    }

    /// Something below this region has changed: what was asked further out looks again. What is being polled now looks
    /// anyway.
    pub(super) fn wake_above(&self, region: u32, woken: &mut Vec<Poller>) {
        woken.extend(self.askers_above(region).map(|(asker, _)| self[asker].poller.clone()));
    }

    /// What was asked and is not being polled, from this region outward.
    pub(super) fn askers_above(&self, region: u32) -> impl Iterator<Item = (u32, &Rc<Request>)> {
        let mut next = if self.requests > 0 { region } else { NO_ENTRY };
        let above = iter::from_fn(move || {
            let region = next;
            (region != NO_ENTRY).then(|| {
                next = self[region].parent;
                region
            })
        });
        above.filter_map(|region| {
            let request = self[region].request.as_ref()?;
            (!self.is_being_polled(region)).then_some((region, request))
        })
    }

    pub(super) fn is_being_polled(&self, region: u32) -> bool {
        let record = &self[region];
        if record.role == Role::Root {
            return record.poller.task == current_task();
        }
        let top = top();
        top != FRESH && top != TASK && self.is_in(top, region)
    }
}

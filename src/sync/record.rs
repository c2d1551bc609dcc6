//! The record of this thread: every wait for a lock, a channel or an event, and every holder.
//!
//! The wait lists of all primitives share one slab, so joining a list does not allocate once the slab has
//! grown, and a list is just the numbers of its first and last node. Snapshots and deadlock reports read the
//! same nodes: the waiting task, its place, the resource and its holders. Nothing is recorded twice, so
//! nothing can be out of date.
//!
//! This module only moves plain data. Callers clone, wake and drop wakers, with nothing borrowed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::{self, ManuallyDrop};
use std::task::{Context, Waker};

use crate::kernel::Place;
use crate::kernel::TaskKey;
use crate::report::{
    ChannelEnd, How, ListedOwners, Ownership, Resource, ResourceWait, ResourceWaits,
};
use crate::slab::{KEPT, NO_ENTRY, Slab};
use crate::sync::ends::{EndOwners, EndRecord, EndedBy, Ends};

/// A wait, from joining a list until its outcome is seen; or a held resource.
pub(crate) struct Node {
    pub(crate) stage: WaitStage,
    /// The waiting or holding task; `None` outside of all turns.
    pub(crate) task: Option<TaskKey>,
    /// Wakes the waiter, if the task's key is not enough for that.
    pub(crate) waker: Option<Waker>,
    /// Where the wait started.
    pub(crate) place: Place,
    pub(crate) resource: u32,
    /// What is wanted or was granted, as the primitive encodes it: permits, or a reason.
    pub(crate) word: u32,
    /// Neighbors: in the list while waiting, in the ring while due. `next` also links the free list.
    pub(crate) previous: u32,
    pub(crate) next: u32,
}

/// All permits of a gate: what a writer holds.
pub(crate) const ALL_PERMITS: u32 = u32::MAX / 2;

/// The number of every resource that is the message of a oneshot channel without a name, created by the task that
/// waits. That is most of them, so they have no entry: their nodes have all that a report needs.
pub(crate) const OWN_ONESHOT: u32 = NO_ENTRY - 1;

/// What reports call it.
pub(crate) const ONESHOT_MESSAGE: &str = "a message on oneshot channel";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitStage {
    /// In the list.
    Waiting,
    /// Out of the list: what it waited for has happened, which it sees at its next poll.
    Woken,
    /// Out of the list: the task holds the resource, even before it is polled.
    Holding,
    /// Like `Woken`, but still in a ring of nodes that are woken one by one.
    Due,
    /// In the free list.
    Vacant,
}

const _: () =
    assert!(mem::size_of::<Node>() <= 56, "nodes are small: there is one for each waiter");

thread_local! {
    /// Has no destructor, so that it can be used while other thread-locals are being destroyed.
    static WAITS: RefCell<ManuallyDrop<Waits>> =
        const { RefCell::new(ManuallyDrop::new(Waits::new())) };
}

/// Reads or changes the record. `call` must not run user code.
#[inline]
pub(crate) fn with_waits<R>(call: impl FnOnce(&mut Waits) -> R) -> R {
    WAITS.with(|waits| call(&mut waits.borrow_mut()))
}

/// Keeps empty memory for reuse from now on: this thread has a scheduler.
pub(crate) fn warm() {
    with_waits(|waits| waits.is_warm = true);
}

/// Frees empty memory from now on: the last scheduler of this thread was dropped. Nothing else would free it,
/// since the record has no destructor.
pub(crate) fn cool() {
    with_waits(|waits| {
        waits.is_warm = false;
        if waits.has_memory() {
            waits.trim();
            waits.ends.trim(false);
        }
    });
}

/// Everything that this thread waits for and holds.
pub(crate) struct Waits {
    nodes: Vec<Node>,
    /// The head of the free list, linked through `next`.
    vacant: u32,
    live: usize,
    pub(crate) resources: Slab<ListedResource>,
    pub(crate) ends: Ends,
    /// There is a scheduler on this thread, so empty memory will be needed again.
    is_warm: bool,
}

impl Waits {
    pub(crate) const fn new() -> Self {
        let resources = Slab::new();
        let ends = Ends::new();
        Waits { nodes: Vec::new(), vacant: NO_ENTRY, live: 0, resources, ends, is_warm: false }
    }

    fn has_memory(&self) -> bool {
        self.nodes.capacity() > 0 || self.resources.has_memory() || self.ends.has_memory()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0 && self.resources.is_empty() && self.ends.is_empty()
    }

    #[inline]
    fn trim(&mut self) {
        if self.live == 0 && (self.nodes.len() > KEPT || !self.is_warm) {
            self.nodes = Vec::new();
            self.vacant = NO_ENTRY;
        }
        self.resources.trim(self.is_warm);
    }

    /// Adds a node; returns its number.
    ///
    /// # Panics
    ///
    /// With 2³² − 1 nodes.
    #[inline]
    pub(crate) fn insert(&mut self, node: Node) -> u32 {
        self.live += 1;
        let number = self.vacant;
        if let Some(vacant) = self.nodes.get_mut(number as usize) {
            self.vacant = vacant.next;
            *vacant = node;
            return number;
        }
        self.push(node)
    }

    #[cold]
    fn push(&mut self, node: Node) -> u32 {
        let number = u32::try_from(self.nodes.len()).ok().filter(|&number| number != NO_ENTRY);
        self.nodes.push(node);
        number.expect("memory runs out before the numbers do")
    }

    /// Removes a node; returns its stage, its word and its waker.
    #[inline]
    pub(crate) fn remove(&mut self, number: u32) -> (WaitStage, u32, Option<Waker>) {
        let node = &mut self.nodes[number as usize];
        let stage = mem::replace(&mut node.stage, WaitStage::Vacant);
        debug_assert_ne!(
            stage,
            WaitStage::Vacant,
            "each number has one owner, which removes it once"
        );
        node.next = self.vacant;
        self.vacant = number;
        let removed = (stage, node.word, node.waker.take());
        self.live -= 1;
        self.trim();
        removed
    }

    #[inline]
    pub(crate) fn node(&mut self, number: u32) -> &mut Node {
        &mut self.nodes[number as usize]
    }

    /// Removes a resource that has no nodes any more.
    pub(crate) fn remove_resource(&mut self, number: u32) -> Resource {
        let listed = self.resources.remove(number);
        self.trim();
        listed.resource
    }

    /// Removes the end of a channel.
    pub(crate) fn remove_end(&mut self, end: &EndRecord) {
        self.ends.remove(end);
        self.ends.trim(self.is_warm);
    }

    /// Adds every wait of a wanted task, with its resource and the owners of that.
    pub(crate) fn describe(&self, all: &mut ResourceWaits, is_wanted: &dyn Fn(TaskKey) -> bool) {
        let waiting = self.nodes.iter().filter(|node| node.stage == WaitStage::Waiting);
        let waiting =
            waiting.filter_map(|node| Some((node.task.filter(|&task| is_wanted(task))?, node)));
        let waiting: Vec<(TaskKey, &Node)> = waiting.collect();
        if waiting.is_empty() {
            return;
        }
        let holders = self.holders();
        let ends = self.ends.owners();
        let mut lists: HashMap<u32, usize> = HashMap::new();
        for (task, &Node { resource: number, place, .. }) in waiting {
            if number == OWN_ONESHOT {
                let how = How::Created(ChannelEnd::Sender);
                let owners = vec![Ownership { task, place, how }];
                let owners = all.add_owners(ListedOwners { owners, is_open: false });
                let resource = Resource::new(ONESHOT_MESSAGE);
                all.waits.push(ResourceWait { task, resource, place, owners });
                continue;
            }
            let ListedResource { resource, ended_by } = &self.resources[number];
            let of_it = || {
                let held = if let EndedBy::Reserved(slots) = *ended_by { slots } else { number };
                let holders = holders.get(&held).map_or(&[][..], Vec::as_slice);
                all.add_owners(ended_by.owners(holders, &ends))
            };
            let owners = *lists.entry(number).or_insert_with(of_it);
            let resource = resource.clone().numbered(number);
            all.waits.push(ResourceWait { task, resource, place, owners });
        }
    }

    /// Returns the nodes of those that hold something, by resource.
    fn holders(&self) -> HashMap<u32, Vec<&Node>> {
        let mut holders: HashMap<u32, Vec<&Node>> = HashMap::new();
        for node in self.nodes.iter().filter(|node| self.is_held(node)) {
            holders.entry(node.resource).or_default().push(node);
        }
        holders
    }

    /// Returns whether a node holds something. That of a wait for a slot in a channel does from the grant until the wait
    /// sees it; then the slot has no node any more, unless a permit makes one.
    fn is_held(&self, node: &Node) -> bool {
        match node.stage {
            WaitStage::Holding => node.word > 0, // A guard of no permits holds up no wait.
            // The word of a grant is one slot. A wait that was ended by the closing of the channel has another one.
            WaitStage::Woken if node.word == 1 && node.resource < OWN_ONESHOT => {
                matches!(self.resources[node.resource].ended_by, EndedBy::Receiver { .. })
            }
            _ => false,
        }
    }

    /// Removes every node of one resource; returns their wakers.
    pub(crate) fn remove_all(&mut self, resource: u32) -> Vec<Waker> {
        let nodes = (0..).zip(&self.nodes);
        let of_it = nodes.filter(|(_, node)| node.resource == resource && !node.is_vacant());
        let numbers: Vec<u32> = of_it.map(|(number, _)| number).collect();
        numbers.into_iter().filter_map(|number| self.remove(number).2).collect()
    }

    /// Returns the tasks in the given stage at one resource, and their places.
    pub(crate) fn of(&self, resource: u32, stage: WaitStage) -> Vec<(Option<TaskKey>, Place)> {
        let nodes = self.nodes.iter();
        let of_it = nodes.filter(|node| node.resource == resource && node.stage == stage);
        of_it.map(|node| (node.task, node.place)).collect()
    }
}

/// What tasks wait for, and what may end their waits besides the tasks that hold it.
pub(crate) struct ListedResource {
    pub(crate) resource: Resource,
    pub(crate) ended_by: EndedBy,
}

impl ListedResource {
    #[inline]
    pub(crate) fn new(kind: &'static str) -> Self {
        ListedResource { resource: Resource::new(kind), ended_by: EndedBy::Nothing }
    }
}

impl EndedBy {
    /// Returns the owners of a resource: the holders, and the owners of the ends of a channel.
    fn owners(self, holders: &[&Node], ends: &EndOwners) -> ListedOwners {
        let mut how = How::Acquired;
        let mut of_ends: &[Option<Ownership>] = &[];
        let of = |channel, kind| ends.get(&(channel, kind)).map_or(&[][..], Vec::as_slice);
        let one;
        match self {
            EndedBy::Nothing => {}
            EndedBy::Reserved(_) => how = How::Reserved,
            EndedBy::End(owner) => {
                one = [Some(owner)];
                of_ends = &one;
            }
            EndedBy::Ends(channel, kind) => of_ends = of(channel, kind),
            EndedBy::Receiver { channel, capacity } => {
                how = How::Reserved;
                if holders.len() < capacity as usize {
                    of_ends = of(channel, ChannelEnd::Receiver);
                }
            }
        }
        let holders =
            holders.iter().map(|node| Some(Ownership { task: node.task?, place: node.place, how }));
        let all: Vec<Option<Ownership>> = holders.chain(of_ends.iter().copied()).collect();
        let is_open = all.iter().any(Option::is_none);
        ListedOwners { owners: all.into_iter().flatten().collect(), is_open }
    }
}

impl Node {
    /// Returns whether waking this wait would wake the poller behind `cx`.
    #[inline]
    pub(crate) fn is_polled_by(&self, cx: &Context<'_>) -> bool {
        match &self.waker {
            None => self.task.is_some_and(|task| task.polls(cx)),
            Some(waker) => waker.will_wake(cx.waker()),
        }
    }

    fn is_vacant(&self) -> bool {
        self.stage == WaitStage::Vacant
    }
}

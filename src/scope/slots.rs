//! The unfinished children of a scope, by number.
//!
//! A child is taken out of its place for its turn, so that it can spawn others in the meantime.

use std::cell::RefCell;

use crate::kernel::{Failure, TaskId};
use crate::scope::child::BoxedChild;
use crate::scope::members::Members;

/// A child, and its address in the kernel.
pub(super) struct ChildSlot<'scope> {
    pub(super) slot: u32,
    pub(super) id: TaskId,
    pub(super) child: BoxedChild<'scope>,
}

impl ChildSlot<'_> {
    /// Ends a child outside of its turn.
    pub(super) fn end(self, members: &Members) {
        let ChildSlot { slot, id, mut child } = self;
        if let Some(host) = members.host() {
            host.end(slot, id, || child.as_mut().end(Failure::Aborted));
        }
    }
}

/// The children of a scope.
pub(super) struct ChildSlots<'scope> {
    /// `None` is free, or taken out for its turn.
    children: Vec<Option<ChildSlot<'scope>>>,
    vacant: Vec<u32>,
}

/// At most this many empty lists are kept by a thread for its next scopes, none longer than this.
const SPARE: usize = 4;
const LONGEST: usize = 1 << 10;

thread_local! {
    static SPARES: RefCell<Vec<ChildSlots<'static>>> = const { RefCell::new(Vec::new()) };
}

impl<'scope> ChildSlots<'scope> {
    /// Creates an empty list, with the memory of a previous one if there is one.
    pub(super) fn new() -> Self {
        let spare = SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
        spare.map_or(ChildSlots::none(), ChildSlots::emptied)
    }

    /// Creates an empty list without memory.
    pub(super) const fn none() -> Self {
        ChildSlots { children: Vec::new(), vacant: Vec::new() }
    }

    /// Returns whether all children have ended.
    pub(super) fn is_empty(&self) -> bool {
        self.children.len() == self.vacant.len()
    }

    /// Reserves a number for a child that is being spawned.
    #[inline]
    pub(super) fn reserve(&mut self) -> u32 {
        self.vacant.pop().unwrap_or_else(|| {
            self.children.push(None);
            u32::try_from(self.children.len() - 1).expect("there are no more than slots")
        })
    }

    #[inline]
    pub(super) fn put(&mut self, number: u32, child: ChildSlot<'scope>) {
        self.children[number as usize] = Some(child);
    }

    #[inline]
    pub(super) fn take(&mut self, number: u32) -> Option<ChildSlot<'scope>> {
        self.children[number as usize].take()
    }

    /// Frees the number of a child that was taken out and has ended.
    #[inline]
    pub(super) fn vacate(&mut self, number: u32) {
        self.vacant.push(number);
    }

    /// Returns all children that are in their places, in the order in which they were spawned.
    pub(super) fn in_order(&self) -> Vec<(TaskId, u32)> {
        let children = self.children.iter().flatten();
        let mut children: Vec<_> = children.map(|child| (child.id, child.slot)).collect();
        children.sort_unstable();
        children
    }

    /// Removes the children that match, and returns them in the order in which they were spawned.
    pub(super) fn take_if(
        &mut self,
        matches: impl Fn(&ChildSlot<'scope>) -> bool,
    ) -> Vec<ChildSlot<'scope>> {
        let mut taken = Vec::new();
        for (place, number) in self.children.iter_mut().zip(0..) {
            if let Some(child) = place.take_if(|child| matches(child)) {
                taken.push(child);
                self.vacant.push(number);
            }
        }
        taken.sort_unstable_by_key(|child| child.id);
        taken
    }

    /// Keeps the memory for another scope.
    pub(super) fn recycle(self) {
        debug_assert!(self.is_empty(), "the children of a scope end before the scope does");
        let length = self.children.capacity();
        if length == 0 || length > LONGEST {
            return;
        }
        let emptied = self.emptied();
        // If the thread is exiting, the memory is freed now.
        let _gone = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARE {
                spares.push(emptied);
            }
        });
    }

    /// Empties the list, and keeps its memory for children with other borrows.
    fn emptied<'other>(self) -> ChildSlots<'other> {
        let ChildSlots { mut children, mut vacant } = self;
        children.clear();
        vacant.clear();
        // Nothing is left to map; std collects in place if the layouts are equal.
        ChildSlots { children: children.into_iter().map(|_| None).collect(), vacant }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_scope_reuses_the_memory_of_a_list() {
        let mut slots = ChildSlots::new();
        (0..100).for_each(|number| assert_eq!(slots.reserve(), number));
        (0..100).for_each(|number| slots.vacate(number));
        let before = slots.children.as_ptr().addr();
        slots.recycle();
        let next = ChildSlots::new();
        assert!(next.children.is_empty() && next.children.capacity() >= 100);
        assert_eq!(next.children.as_ptr().addr(), before);
    }
}

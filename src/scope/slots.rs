//! The children of a scope that are not over, by number.
//!
//! A child is taken out of its place for its turn: then others may be spawned in it.

use std::cell::RefCell;

use crate::kernel::{Failure, TaskId};
use crate::scope::child::BoxedChild;
use crate::scope::members::Members;

/// A child, and where the kernel knows it.
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
    /// `None` is vacant, or out for its turn.
    children: Vec<Option<ChildSlot<'scope>>>,
    vacant: Vec<u32>,
}

/// So many empty lists are kept by a thread for its next scopes, if they are no longer than this.
const SPARE: usize = 4;
const LONGEST: usize = 1 << 10;

thread_local! {
    static SPARES: RefCell<Vec<ChildSlots<'static>>> = const { RefCell::new(Vec::new()) };
}

impl<'scope> ChildSlots<'scope> {
    /// An empty list, with the memory of one that was used before if there is one.
    pub(super) fn new() -> Self {
        let spare = SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
        spare.map_or(ChildSlots::none(), ChildSlots::emptied)
    }

    /// An empty list without memory.
    pub(super) const fn none() -> Self {
        ChildSlots { children: Vec::new(), vacant: Vec::new() }
    }

    /// Returns whether all children are over.
    pub(super) fn is_empty(&self) -> bool {
        self.children.len() == self.vacant.len()
    }

    /// Takes a number for a child that is being spawned.
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

    /// The child that was taken out is over.
    #[inline]
    pub(super) fn vacate(&mut self, number: u32) {
        self.vacant.push(number);
    }

    /// All that are in their places, in the order in which they were spawned.
    pub(super) fn in_order(&self) -> Vec<(TaskId, u32)> {
        let children = self.children.iter().flatten();
        let mut children: Vec<_> = children.map(|child| (child.id, child.slot)).collect();
        children.sort_unstable();
        children
    }

    /// Takes those out of which this is true, in the order in which they were spawned. They are over.
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
        debug_assert!(self.is_empty(), "whoever ends a scope ends its children first");
        let length = self.children.capacity();
        if length == 0 || length > LONGEST {
            return;
        }
        let emptied = self.emptied();
        // If the thread is being destroyed, the memory goes now.
        let _gone = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARE {
                spares.push(emptied);
            }
        });
    }

    /// The same memory, for children that borrow from elsewhere.
    fn emptied<'other>(self) -> ChildSlots<'other> {
        let ChildSlots { mut children, mut vacant } = self;
        children.clear();
        vacant.clear();
        // There is nothing to be mapped; std collects in place what has the same layout.
        ChildSlots { children: children.into_iter().map(|_| None).collect(), vacant }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_list_serves_the_next_scope() {
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

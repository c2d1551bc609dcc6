//! The unfinished children of a scope, by number.
//!
//! A child is taken out of its place for its turn, so that it can spawn others in the meantime.

use std::cell::RefCell;

use crate::kernel::TaskId;
use crate::scope::child::BoxedChild;
use crate::slab::Slab;

/// A child, and its address in the kernel.
pub(super) struct ChildSlot<'scope> {
    pub(super) slot: u32,
    pub(super) id: TaskId,
    /// `None` while it is taken out for its turn.
    pub(super) child: Option<BoxedChild<'scope>>,
}

/// The children of a scope.
pub(super) type ChildSlots<'scope> = Slab<ChildSlot<'scope>>;

/// At most this many empty lists are kept by a thread for its next scopes, none longer than this.
const SPARE: usize = 4;
const LONGEST: usize = 1 << 10;

thread_local! {
    static SPARES: RefCell<Vec<ChildSlots<'static>>> = const { RefCell::new(Vec::new()) };
}

/// Creates an empty list, with the memory of a previous one if there is one.
pub(super) fn new_slots<'scope>() -> ChildSlots<'scope> {
    let spare = SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
    spare.map_or(Slab::new(), Slab::reuse)
}

/// Keeps the memory for another scope.
pub(super) fn recycle(slots: ChildSlots<'_>) {
    debug_assert!(slots.is_empty(), "the children of a scope end before the scope does");
    if slots.capacity() == 0 || slots.capacity() > LONGEST {
        return;
    }
    let emptied = slots.reuse();
    // If the thread is exiting, the memory is freed now.
    let _gone = SPARES.try_with(|spares| {
        let mut spares = spares.borrow_mut();
        if spares.len() < SPARE {
            spares.push(emptied);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_scope_reuses_the_memory_of_a_list() {
        let mut slots = new_slots();
        let id = TaskId(std::num::NonZeroU64::MIN);
        let numbers: Vec<u32> =
            (0..100).map(|slot| slots.insert(ChildSlot { slot, id, child: None })).collect();
        numbers.into_iter().for_each(|number| drop(slots.remove(number)));
        recycle(slots);
        let next = new_slots();
        assert!(next.is_empty() && next.capacity() >= 100);
    }
}

//! Vacant slots of the task map, by the kind of box that was left in them.
//!
//! Allocating and freeing a box cost more than a turn, and programs spawn the same few futures again and
//! again. So a finished task leaves its empty box behind, and the next future of the same type moves into
//! slot and box together: nothing is allocated, and `Pin::set` fills the box in safe code.
//!
//! Bounded: [`KINDS`] types are remembered, and for each as many boxes as fit into [`BYTES`].

use std::any::TypeId;
use std::mem;

use crate::kernel::task::Target;

#[derive(Default)]
pub(crate) struct Vacancies {
    kinds: Vec<Kind>,
    /// Which kind makes room when a new one comes: each in its turn.
    oldest: usize,
    /// Slots without a box; or with one of a kind that had to make room, which the next tenant throws out.
    bare: Vec<u32>,
}

/// Slots whose empty boxes were made for the same type of future.
struct Kind {
    future: TypeId,
    slots: Vec<u32>,
    /// So many boxes of this kind are kept.
    limit: usize,
}

const KINDS: usize = 8;
const BYTES: usize = 1 << 20;

impl Vacancies {
    /// Takes a slot with a box for this type of future.
    #[inline]
    pub(crate) fn take_furnished(&mut self, future: TypeId) -> Option<u32> {
        self.kinds.iter_mut().find(|kind| kind.future == future)?.slots.pop()
    }

    /// Takes a slot for a box of its own.
    pub(crate) fn take_bare(&mut self) -> Option<u32> {
        self.bare.pop()
    }

    /// Adds a slot; `true` if the empty box in it is to stay.
    #[inline]
    pub(crate) fn add(&mut self, slot: u32, left: Option<&dyn Target>) -> bool {
        let keep = left.is_some_and(|empty| self.add_furnished(slot, empty));
        if !keep {
            self.bare.push(slot);
        }
        keep
    }

    #[inline]
    fn add_furnished(&mut self, slot: u32, empty: &dyn Target) -> bool {
        let future = empty.kind();
        match self.kinds.iter_mut().find(|kind| kind.future == future) {
            Some(kind) => kind.add(slot),
            None => self.new_kind(future, mem::size_of_val(empty)).add(slot),
        }
    }

    #[cold]
    fn new_kind(&mut self, future: TypeId, size: usize) -> &mut Kind {
        let kind = Kind { future, slots: Vec::new(), limit: BYTES / size.max(1) };
        if self.kinds.len() < KINDS {
            self.kinds.push(kind);
            return self.kinds.last_mut().expect("it was just pushed");
        }
        let place = self.oldest;
        self.oldest = (place + 1) % KINDS;
        let old = mem::replace(&mut self.kinds[place], kind);
        self.bare.extend(old.slots);
        &mut self.kinds[place]
    }
}

impl Kind {
    #[inline]
    fn add(&mut self, slot: u32) -> bool {
        let has_room = self.slots.len() < self.limit;
        if has_room {
            self.slots.push(slot);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::task::Task;
    use std::future::{Ready, ready};

    fn empty<const SIZE: usize>() -> Task<Ready<[u8; SIZE]>> {
        let _fits: Ready<[u8; SIZE]> = ready([0; SIZE]);
        Task::Empty
    }

    fn future<const SIZE: usize>() -> TypeId {
        TypeId::of::<Ready<[u8; SIZE]>>()
    }

    #[test]
    fn a_box_waits_for_a_future_of_its_type() {
        let mut vacancies = Vacancies::default();
        assert!(vacancies.add(7, Some(&empty::<1>())));
        assert_eq!(vacancies.take_furnished(future::<2>()), None);
        assert_eq!(vacancies.take_bare(), None);
        assert_eq!(vacancies.take_furnished(future::<1>()), Some(7));
        assert_eq!(vacancies.take_furnished(future::<1>()), None);
    }

    #[test]
    fn boxes_beyond_a_mebibyte_are_not_kept() {
        let mut vacancies = Vacancies::default();
        let big = empty::<{ BYTES / 4 }>();
        let kept = (0..10).filter(|&slot| vacancies.add(slot, Some(&big))).count();
        assert_eq!(kept, 3, "three and their discriminants fit");
        assert_eq!(std::iter::from_fn(|| vacancies.take_bare()).count(), 7);
    }

    #[test]
    fn the_ninth_kind_takes_the_place_of_the_first() {
        let mut vacancies = Vacancies::default();
        vacancies.add(1, Some(&empty::<1>()));
        vacancies.add(2, Some(&empty::<2>()));
        vacancies.add(3, Some(&empty::<3>()));
        vacancies.add(4, Some(&empty::<4>()));
        vacancies.add(5, Some(&empty::<5>()));
        vacancies.add(6, Some(&empty::<6>()));
        vacancies.add(7, Some(&empty::<7>()));
        vacancies.add(8, Some(&empty::<8>()));
        vacancies.add(9, Some(&empty::<9>()));
        assert_eq!(vacancies.take_furnished(future::<1>()), None);
        assert_eq!(vacancies.take_bare(), Some(1));
        assert_eq!(vacancies.take_furnished(future::<2>()), Some(2));
        assert_eq!(vacancies.take_furnished(future::<9>()), Some(9));
    }
}

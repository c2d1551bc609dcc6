//! Vacant slots of the task map, with the empty boxes of finished tasks, by the type that fits into them.
//!
//! Allocating and freeing a box cost more than a turn, and programs spawn the same few futures over and over. So a
//! finished task leaves its empty box behind, and the next future of the same type moves into it without an allocation.
//! The boxes of one type are in a vector of that type, so `spawn`, where the type is known, moves the future directly
//! into its box.
//!
//! The pool is bounded: it holds two types at each of [`PLACES`] places and, for each type, as many boxes as fit into
//! [`BYTES`].

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::pin::Pin;

/// Empty boxes, and the slots that they were left in.
#[derive(Default)]
pub(crate) struct BoxPool {
    /// Each place holds two types, the newer one first. Created when first needed.
    kinds: Vec<[Option<Box<dyn Kind>>; 2]>,
    /// Slots without a box.
    bare: Vec<u32>,
}

const PLACES: usize = 32;
const BYTES: usize = 1 << 20;

/// Slots, and the empty boxes that were left in them, all of one type.
struct Boxes<T>(Vec<(u32, Pin<Box<T>>)>);

trait Kind: Any {
    /// Moves all slots into `bare` and frees their boxes.
    fn give_up(&mut self, bare: &mut Vec<u32>);
}

impl<T: 'static> Kind for Boxes<T> {
    fn give_up(&mut self, bare: &mut Vec<u32>) {
        bare.extend(self.0.drain(..).map(|(slot, _)| slot));
    }
}

impl BoxPool {
    /// Takes a slot with a box of this type.
    #[inline]
    pub(crate) fn take<T: 'static>(&mut self) -> Option<(u32, Pin<Box<T>>)> {
        self.boxes::<T>()?.0.pop()
    }

    /// Takes a slot without a box.
    pub(crate) fn take_bare(&mut self) -> Option<u32> {
        self.bare.pop()
    }

    /// Adds a slot without a box.
    pub(crate) fn add_bare(&mut self, slot: u32) {
        self.bare.push(slot);
    }

    /// Adds a slot and its empty box; the box is freed if there are enough of its type.
    #[inline(always)]
    pub(crate) fn add<T: 'static>(&mut self, slot: u32, empty: Pin<Box<T>>) {
        match self.boxes::<T>() {
            Some(boxes) if boxes.0.len() < BYTES / size_of::<T>().max(1) => {
                boxes.0.push((slot, empty));
            }
            _ => self.add_slow_path(slot, empty),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_slow_path<T: 'static>(&mut self, slot: u32, empty: Pin<Box<T>>) {
        if self.boxes::<T>().is_some() {
            return self.bare.push(slot); // There are enough boxes: this one is freed.
        }
        if self.kinds.is_empty() {
            self.kinds.resize_with(PLACES, Default::default);
        }
        let place = &mut self.kinds[place::<T>()];
        if let Some(mut oldest) = place[1].take() {
            oldest.give_up(&mut self.bare);
        }
        place.swap(0, 1);
        place[0] = Some(Box::new(Boxes(vec![(slot, empty)])));
    }

    #[inline]
    fn boxes<T: 'static>(&mut self) -> Option<&mut Boxes<T>> {
        let [first, second] = self.kinds.get_mut(place::<T>())?;
        match downcast(first) {
            Some(boxes) => Some(boxes),
            None => downcast(second),
        }
    }
}

#[inline]
fn downcast<T: 'static>(kind: &mut Option<Box<dyn Kind>>) -> Option<&mut Boxes<T>> {
    let kind: &mut dyn Any = &mut **kind.as_mut()?;
    kind.downcast_mut()
}

/// Returns the place of a type; the optimizer turns it into a constant.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
fn place<T: 'static>() -> usize {
    let mut hash = TypeHash(0);
    TypeId::of::<T>().hash(&mut hash);
    hash.0 as usize % PLACES
}

/// A `TypeId` is already a hash, so this uses it unchanged.
struct TypeHash(u64);

impl Hasher for TypeHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty<const SIZE: usize>() -> Pin<Box<[u8; SIZE]>> {
        Box::pin([0; SIZE])
    }

    #[test]
    fn a_box_is_reused_only_for_its_own_type() {
        let mut pool = BoxPool::default();
        pool.add(7, empty::<1>());
        assert!(pool.take::<[u8; 2]>().is_none());
        assert_eq!(pool.take_bare(), None);
        assert_eq!(pool.take::<[u8; 1]>().map(|(slot, _)| slot), Some(7));
        assert!(pool.take::<[u8; 1]>().is_none());
    }

    #[test]
    fn boxes_beyond_a_mebibyte_are_not_kept() {
        let mut pool = BoxPool::default();
        (0..10).for_each(|slot| pool.add(slot, empty::<{ BYTES / 4 }>()));
        let kept = std::iter::from_fn(|| pool.take::<[u8; BYTES / 4]>()).count();
        assert_eq!(kept, 4);
        assert_eq!(std::iter::from_fn(|| pool.take_bare()).count(), 6);
    }

    #[test]
    fn a_third_type_at_a_place_evicts_the_first() {
        type Kind = (usize, fn(&mut BoxPool), fn(&mut BoxPool) -> bool);
        fn add<const SIZE: usize>(pool: &mut BoxPool) {
            pool.add(7, empty::<SIZE>());
        }
        fn take<const SIZE: usize>(pool: &mut BoxPool) -> bool {
            pool.take::<[u8; SIZE]>().is_some()
        }
        macro_rules! kinds {
            ($($size:literal)*) => {
                vec![$((
                    place::<[u8; $size]>(),
                    add::<$size> as fn(&mut BoxPool),
                    take::<$size> as fn(&mut BoxPool) -> bool,
                )),*]
            };
        }
        // More than two types for each place, so three share one.
        let mut kinds: Vec<Kind> = kinds!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
            34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
        );
        kinds.sort_by_key(|&(place, ..)| place);
        let three = kinds.windows(3).find(|three| three[0].0 == three[2].0).unwrap();
        let mut pool = BoxPool::default();
        three.iter().for_each(|(_, add, _)| add(&mut pool));
        let taken: Vec<bool> = three.iter().map(|(.., take)| take(&mut pool)).collect();
        assert_eq!(taken, [false, true, true]);
        assert!(pool.take_bare().is_some(), "its slot is not lost");
    }
}

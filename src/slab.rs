//! Numbers for values, used again when a value is taken out.

use std::mem;
use std::ops::{Index, IndexMut};

/// No number: of a value that is not there, or at the end of a list.
pub(crate) const NO_ENTRY: u32 = u32::MAX;

/// If more entries than this are all empty, their memory is given back.
pub(crate) const KEPT: usize = 1 << 14;

/// Values, each under a number of its own.
pub(crate) struct Slab<T> {
    entries: Vec<SlabEntry<T>>,
    /// The first vacant entry; each knows the next one.
    vacant: u32,
    live: usize,
}

enum SlabEntry<T> {
    Full(T),
    Vacant { next: u32 },
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { entries: Vec::new(), vacant: NO_ENTRY, live: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Puts a value in; returns its number.
    ///
    /// # Panics
    ///
    /// With 2³² − 1 values in it.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.live += 1;
        let number = self.vacant;
        if let Some(entry) = self.entries.get_mut(number as usize) {
            let SlabEntry::Vacant { next } = mem::replace(entry, SlabEntry::Full(value)) else {
                unreachable!("a vacant entry is in the chain of vacant entries only");
            };
            self.vacant = next;
            return number;
        }
        let number = u32::try_from(self.entries.len()).ok().filter(|&number| number != NO_ENTRY);
        self.entries.push(SlabEntry::Full(value));
        number.expect("memory ends before the numbers do")
    }

    /// Takes a value out.
    #[inline]
    pub(crate) fn remove(&mut self, number: u32) -> T {
        let entry = SlabEntry::Vacant { next: self.vacant };
        let SlabEntry::Full(value) = mem::replace(&mut self.entries[number as usize], entry) else {
            unreachable!("each number has one owner, which removes it once");
        };
        self.vacant = number;
        self.live -= 1;
        value
    }

    pub(crate) fn has_memory(&self) -> bool {
        self.entries.capacity() > 0
    }

    /// Gives back memory that is not needed.
    #[inline]
    pub(crate) fn trim(&mut self, is_warm: bool) {
        if self.live == 0 && (self.entries.len() > KEPT || !is_warm) {
            *self = Slab::new();
        }
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        match &self.entries[number as usize] {
            SlabEntry::Full(value) => value,
            SlabEntry::Vacant { .. } => unreachable!("a number is used by its owner only"),
        }
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        match &mut self.entries[number as usize] {
            SlabEntry::Full(value) => value,
            SlabEntry::Vacant { .. } => unreachable!("a number is used by its owner only"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), "a");
        assert_eq!(slab.insert("c"), a);
        assert_eq!((slab[a], slab[b]), ("c", "b"));
    }

    #[test]
    fn an_empty_slab_gives_back_what_it_needed_in_its_worst_hour() {
        let mut slab = Slab::new();
        let numbers: Vec<u32> = (0..=KEPT).map(|value| slab.insert(value)).collect();
        for number in numbers {
            slab.remove(number);
        }
        slab.trim(true);
        assert_eq!(slab.entries.capacity(), 0);
        assert_eq!(slab.insert(7), 0);
    }
}

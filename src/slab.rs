//! A slab: each value has a number, which is reused once the value is removed.

use std::mem;
use std::ops::{Index, IndexMut};

/// Not a number of an entry: stands for no value, or the end of a list.
pub(crate) const NO_ENTRY: u32 = u32::MAX;

/// An empty slab keeps its memory for up to this many entries.
pub(crate) const KEPT: usize = 1 << 14;

/// Values, each with its own number.
pub(crate) struct Slab<T> {
    entries: Vec<SlabEntry<T>>,
    /// The head of the free list, linked through `next`.
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

    /// Adds a value; returns its number.
    ///
    /// # Panics
    ///
    /// With 2³² − 1 values.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.live += 1;
        let number = self.vacant;
        if let Some(entry) = self.entries.get_mut(number as usize) {
            let SlabEntry::Vacant { next } = mem::replace(entry, SlabEntry::Full(value)) else {
                unreachable!("the chain of vacant entries has only vacant entries");
            };
            self.vacant = next;
            return number;
        }
        let number = u32::try_from(self.entries.len()).ok().filter(|&number| number != NO_ENTRY);
        self.entries.push(SlabEntry::Full(value));
        number.expect("memory runs out before the numbers do")
    }

    /// Returns the number that the next value will have.
    #[inline]
    pub(crate) fn next_number(&self) -> u32 {
        if self.vacant == NO_ENTRY {
            u32::try_from(self.entries.len()).unwrap_or(NO_ENTRY) // `insert` panics then.
        } else {
            self.vacant
        }
    }

    /// Removes a value.
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

    /// Returns the value of this number, if there is one.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        match self.entries.get(number as usize)? {
            SlabEntry::Full(value) => Some(value),
            SlabEntry::Vacant { .. } => None,
        }
    }

    /// Returns the values with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().zip(0..).filter_map(|(entry, number)| match entry {
            SlabEntry::Full(value) => Some((number, value)),
            SlabEntry::Vacant { .. } => None,
        })
    }

    /// Empties the slab, and keeps its memory for values of another type; std collects in place if the layouts are
    /// equal.
    pub(crate) fn reuse<U>(mut self) -> Slab<U> {
        self.entries.clear();
        let entries = self.entries.into_iter().map(|_| unreachable!("it was emptied")).collect();
        Slab { entries, ..Slab::new() }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(crate) fn has_memory(&self) -> bool {
        self.entries.capacity() > 0
    }

    /// Frees the memory of an empty slab, if it is too much to keep or `is_warm` is `false`.
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
    fn numbers_are_reused() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), "a");
        assert_eq!(slab.insert("c"), a);
        assert_eq!((slab[a], slab[b]), ("c", "b"));
    }

    #[test]
    fn an_empty_slab_frees_its_peak_memory() {
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

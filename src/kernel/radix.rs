//! The timer heap: a radix heap, since time only moves forward.
//!
//! A radix heap (Ahuja, Mehlhorn, Orlin, Tarjan: "Faster algorithms for the shortest path problem",
//! J. ACM 37, 1990) is a priority queue for keys that never lie before the last one taken. It keeps a
//! *base*, the latest deadline that has fired, and puts each deadline into the bucket whose number is the
//! position of the highest bit in which it differs from the base. Every deadline of one bucket lies
//! before every deadline of the next, so the earliest are in the first bucket that is not empty.
//!
//! Taking what is due splits that bucket: what is due is sorted and fires, the rest moves to lower
//! buckets, around the new base. An entry only ever moves down, so it moves at most 63 times in its life
//! however many others there are. Equal deadlines share a bucket all their lives, so they come up together,
//! and fire in the order of their making.
//!
//! The base must never pass the clock, or a sleep made next could lie before it. So it moves to deadlines
//! that fire, never to one that was only looked at.

use std::cmp::Ordering;
use std::mem;

use crate::kernel::clock::Nanos;
use crate::kernel::timers::TimerKey;

/// 16 bytes, so that four are in a cache line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) deadline: Nanos,
    pub(crate) key: TimerKey,
}

impl Entry {
    /// By deadline; equal ones in the order in which the timers were made, whoever was waited for first.
    fn order(&self, other: &Entry) -> Ordering {
        self.deadline.cmp(&other.deadline).then_with(|| self.key.made(other.key))
    }
}

#[derive(Default)]
pub(crate) struct RadixHeap {
    /// Nothing in the heap lies before it, and it never passes the clock.
    base: Nanos,
    /// Made when the first timer comes. Deadlines are below 2⁶³, so there are 64.
    buckets: Vec<Bucket>,
    /// One bit for each bucket that is not empty.
    occupied: u64,
    /// Entries in the buckets, dead ones included.
    len: usize,
}

#[derive(Default)]
struct Bucket {
    entries: Vec<Entry>,
    /// The first of the earliest entries. Means nothing while there are none.
    minimum: Entry,
}

/// A bucket that has grown beyond this gives its memory back once it is empty.
const ENTRIES: usize = 4096;

impl RadixHeap {
    /// Adds an entry.
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.buckets.is_empty() {
            self.make_buckets();
        }
        self.len += 1;
        self.place(entry);
    }

    #[cold]
    fn make_buckets(&mut self) {
        self.buckets.resize_with(64, Bucket::default);
    }

    #[inline]
    fn place(&mut self, mut entry: Entry) {
        // What is already past is due, in the order in which it came.
        entry.deadline = entry.deadline.max(self.base);
        let number = 64 - (entry.deadline ^ self.base).leading_zeros() as usize;
        self.buckets[number].push(entry);
        self.occupied |= 1 << number;
    }

    /// The first of the earliest entries.
    pub(crate) fn first(&self) -> Option<&Entry> {
        self.buckets.get(self.occupied.trailing_zeros() as usize).map(|bucket| &bucket.minimum)
    }

    /// How many entries there are, dead ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Moves everything that is due now to the back of `due`, in order.
    pub(crate) fn take_due(&mut self, now: Nanos, due: &mut Vec<Entry>) {
        while self.first().is_some_and(|first| first.deadline <= now) {
            let number = self.occupied.trailing_zeros() as usize;
            let mut entries = mem::take(&mut self.buckets[number].entries);
            self.occupied &= !(1 << number);

            let start = due.len();
            due.extend(entries.extract_if(.., |entry| entry.deadline <= now));
            self.len -= due.len() - start;
            due[start..].sort_unstable_by(Entry::order);
            self.base = due.last().map_or(self.base, |latest| latest.deadline);
            for entry in entries.drain(..) {
                self.place(entry);
            }
            if entries.capacity() <= ENTRIES {
                self.buckets[number].entries = entries;
            }
        }
    }

    /// Drops the dead entries of the first bucket.
    pub(crate) fn prune_first(&mut self, is_live: impl Fn(&Entry) -> bool) {
        self.prune(self.occupied.trailing_zeros() as usize, is_live);
    }

    /// Drops all dead entries.
    pub(crate) fn retain(&mut self, is_live: impl Fn(&Entry) -> bool) {
        for number in 0..self.buckets.len() {
            self.prune(number, &is_live);
        }
    }

    fn prune(&mut self, number: usize, is_live: impl Fn(&Entry) -> bool) {
        let bucket = &mut self.buckets[number];
        let before = bucket.entries.len();
        bucket.entries.retain(is_live);
        self.len -= before - bucket.entries.len();
        match bucket.entries.iter().min_by_key(|entry| entry.deadline) {
            Some(first) => bucket.minimum = *first,
            None => self.occupied &= !(1 << number),
        }
        if bucket.entries.capacity() > ENTRIES.max(4 * bucket.entries.len()) {
            bucket.entries.shrink_to_fit();
        }
    }
}

impl Bucket {
    fn push(&mut self, entry: Entry) {
        if self.entries.is_empty() || entry.deadline < self.minimum.deadline {
            self.minimum = entry;
        }
        self.entries.push(entry);
    }
}

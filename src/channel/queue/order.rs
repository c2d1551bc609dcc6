//! Which item is next.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Keeps the items of a queue and says which one is next. There are three, and no more.
pub trait Order<T>: sealed::Sealed {
    #[doc(hidden)]
    fn new() -> Self;
    #[doc(hidden)]
    fn push(&mut self, item: T);
    #[doc(hidden)]
    fn pop(&mut self) -> Option<T>;
    #[doc(hidden)]
    fn count(&self) -> usize;
}

mod sealed {
    pub trait Sealed {}
}

/// The oldest first: the order of a [`Queue`](super::Queue).
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

impl<T> sealed::Sealed for Fifo<T> {}

impl<T> Order<T> for Fifo<T> {
    fn new() -> Self {
        Fifo(VecDeque::new())
    }

    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// The newest first: the order of a [`LifoQueue`](super::LifoQueue).
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

impl<T> sealed::Sealed for Lifo<T> {}

impl<T> Order<T> for Lifo<T> {
    fn new() -> Self {
        Lifo(Vec::new())
    }

    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// The smallest first, and among equal ones the oldest: the order of a
/// [`PriorityQueue`](super::PriorityQueue).
#[derive(Debug)]
pub struct SmallestFirst<T> {
    heap: BinaryHeap<Numbered<T>>,
    /// How many were ever put.
    put: u64,
}

/// An item and its place in the order of putting. The greatest comes out of the heap first.
#[derive(Debug)]
struct Numbered<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Ord for Numbered<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.item.cmp(&self.item).then_with(|| other.number.cmp(&self.number))
    }
}

impl<T: Ord> PartialOrd for Numbered<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Numbered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Numbered<T> {}

impl<T> sealed::Sealed for SmallestFirst<T> {}

impl<T: Ord> Order<T> for SmallestFirst<T> {
    fn new() -> Self {
        SmallestFirst { heap: BinaryHeap::new(), put: 0 }
    }

    fn push(&mut self, item: T) {
        let number = self.put;
        self.put += 1;
        self.heap.push(Numbered { item, number });
    }

    fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|entry| entry.item)
    }

    fn count(&self) -> usize {
        self.heap.len()
    }
}

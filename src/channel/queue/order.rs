//! The order in which items are taken.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Stores the items of a queue and determines which one is next. This trait is sealed.
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

/// The smallest first, the oldest among equal ones: the order of a [`PriorityQueue`](super::PriorityQueue).
#[derive(Debug)]
pub struct SmallestFirst<T> {
    heap: BinaryHeap<Numbered<T>>,
    /// The number of items ever put.
    put: u64,
}

/// An item with its insertion number. Its `Ord` is reversed, because the heap pops the greatest first.
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

//! The three kinds of queue.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::channel::queue::any::AnyQueue;
use crate::channel::queue::order::{Fifo, Lifo, Order, SmallestFirst};

/// A FIFO queue: the oldest item comes out first. Its methods are those of [`AnyQueue`].
///
/// # Example
///
/// Three workers share five work items, and stop when all of them are done:
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use turnwise::{block_on, channel::Queue, spawn, yield_now};
///
/// block_on(async {
///     let (queue, done) = (Rc::new(Queue::new(2)), Rc::new(Cell::new(0)));
///     for _ in 0..3 {
///         let (queue, done) = (Rc::clone(&queue), Rc::clone(&done));
///         spawn(async move {
///             while let Ok(work) = queue.get().await {
///                 yield_now().await;
///                 done.set(done.get() + work);
///                 queue.task_done().unwrap();
///             }
///         });
///     }
///     for work in 1..=5 {
///         queue.put(work).await.unwrap(); // waits while the queue is full
///     }
///     queue.join().await;
///     assert_eq!(done.get(), 15);
///     queue.shutdown();
/// });
/// ```
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let queue = turnwise::channel::Queue::<u32>::unbounded();
/// std::thread::spawn(move || queue.len());
/// ```
pub struct Queue<T>(AnyQueue<T, Fifo<T>>);

/// A LIFO queue: the newest item comes out first. Its methods are those of [`AnyQueue`].
///
/// # Example
///
/// ```
/// let queue = turnwise::channel::LifoQueue::unbounded();
/// for item in [1, 2, 3] {
///     queue.try_put(item).unwrap();
/// }
/// assert_eq!([queue.try_get(), queue.try_get()], [Ok(3), Ok(2)]);
/// ```
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let queue = turnwise::channel::LifoQueue::<u32>::unbounded();
/// std::thread::spawn(move || queue.len());
/// ```
pub struct LifoQueue<T>(AnyQueue<T, Lifo<T>>);

/// A priority queue: the smallest item comes out first, the oldest among equal ones. Its methods are those of
/// [`AnyQueue`].
///
/// Use [`Reverse`](std::cmp::Reverse) to get the greatest first. The `Ord` of the items is called while the queue is
/// being modified, so it must not use the queue: that panics.
///
/// # Example
///
/// ```
/// let queue = turnwise::channel::PriorityQueue::unbounded();
/// for item in [(2, "second"), (3, "third"), (1, "first")] {
///     queue.try_put(item).unwrap();
/// }
/// assert_eq!(queue.try_get(), Ok((1, "first")));
/// ```
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let queue = turnwise::channel::PriorityQueue::<u32>::unbounded();
/// std::thread::spawn(move || queue.len());
/// ```
pub struct PriorityQueue<T: Ord>(AnyQueue<T, SmallestFirst<T>>);

impl<T> Queue<T> {
    /// Creates a queue with room for `maxsize` items; 0 means unbounded, as in asyncio.
    ///
    /// # Panics
    ///
    /// If `maxsize` is greater than 2³¹ − 1.
    #[track_caller]
    pub fn new(maxsize: usize) -> Self {
        Queue(AnyQueue::new(maxsize, Fifo::new()))
    }

    /// Creates an unbounded queue.
    pub fn unbounded() -> Self {
        Queue::new(0)
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.0.set_name(name.into());
        self
    }
}

impl<T> LifoQueue<T> {
    /// Creates a queue with room for `maxsize` items; 0 means unbounded, as in asyncio.
    ///
    /// # Panics
    ///
    /// If `maxsize` is greater than 2³¹ − 1.
    #[track_caller]
    pub fn new(maxsize: usize) -> Self {
        LifoQueue(AnyQueue::new(maxsize, Lifo::new()))
    }

    /// Creates an unbounded queue.
    pub fn unbounded() -> Self {
        LifoQueue::new(0)
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.0.set_name(name.into());
        self
    }
}

impl<T: Ord> PriorityQueue<T> {
    /// Creates a queue with room for `maxsize` items; 0 means unbounded, as in asyncio.
    ///
    /// # Panics
    ///
    /// If `maxsize` is greater than 2³¹ − 1.
    #[track_caller]
    pub fn new(maxsize: usize) -> Self {
        PriorityQueue(AnyQueue::new(maxsize, SmallestFirst::new()))
    }

    /// Creates an unbounded queue.
    pub fn unbounded() -> Self {
        PriorityQueue::new(0)
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.0.set_name(name.into());
        self
    }
}

impl<T> Deref for Queue<T> {
    type Target = AnyQueue<T, Fifo<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> Deref for LifoQueue<T> {
    type Target = AnyQueue<T, Lifo<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: Ord> Deref for PriorityQueue<T> {
    type Target = AnyQueue<T, SmallestFirst<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("Queue", f)
    }
}

impl<T> fmt::Debug for LifoQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("LifoQueue", f)
    }
}

impl<T: Ord> fmt::Debug for PriorityQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("PriorityQueue", f)
    }
}

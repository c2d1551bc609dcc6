//! The queue methods that wait, and their futures.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::queue::any::AnyQueue;
use crate::channel::queue::error::{GetError, PutError};
use crate::channel::queue::order::Order;
use crate::sync::gate::Gate;
use crate::sync::queued::Queued;

/// Methods that wait.
impl<T, O: Order<T>> AnyQueue<T, O> {
    /// Puts the item, waiting for room if the queue is full. Waits are served in FIFO order.
    ///
    /// # Errors
    ///
    /// [`PutError`](super::PutError) with the item, if the queue was [shut down](AnyQueue::shutdown).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops the item, which was not put. Room already handed to the wait goes
    /// to the next in line.
    ///
    /// # Panics
    ///
    /// If the `Ord` of an item panics. The item is in the queue nevertheless.
    ///
    /// # Example
    ///
    /// ```
    /// let queue = turnwise::channel::Queue::new(1);
    /// turnwise::block_on(async {
    ///     queue.put("item").await.unwrap();
    ///     assert!(queue.is_full());
    /// });
    /// ```
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T, O> {
        Put { queue: self, queued: self.slots.pass(1, Location::caller()), item: Some(item) }
    }

    /// Takes the next item, waiting for one if the queue is empty. Waits are served in FIFO order.
    ///
    /// # Errors
    ///
    /// [`GetError`](super::GetError) if the queue was [shut down](AnyQueue::shutdown) and is empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing out of the queue. An item already handed to the wait goes to the next in line.
    ///
    /// # Panics
    ///
    /// If the `Ord` of an item panics. One item is lost.
    ///
    /// # Example
    ///
    /// ```
    /// let queue = turnwise::channel::Queue::unbounded();
    /// turnwise::block_on(async {
    ///     queue.put("item").await.unwrap();
    ///     assert_eq!(queue.get().await, Ok("item"));
    /// });
    /// ```
    #[track_caller]
    pub fn get(&self) -> Get<'_, T, O> {
        Get { queue: self, queued: self.unclaimed.pass(1, Location::caller()) }
    }

    /// Waits until every item that was put is reported done with [`task_done`](AnyQueue::task_done). Once that is the
    /// case, items put later do not prolong the wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Example
    ///
    /// ```
    /// use std::rc::Rc;
    /// use turnwise::{block_on, channel::Queue, spawn};
    ///
    /// block_on(async {
    ///     let queue = Rc::new(Queue::unbounded());
    ///     queue.put("work").await.unwrap();
    ///     let theirs = Rc::clone(&queue);
    ///     spawn(async move {
    ///         let _work = theirs.get().await;
    ///         theirs.task_done().unwrap();
    ///     });
    ///     queue.join().await;
    ///     assert!(queue.is_empty());
    /// });
    /// ```
    #[track_caller]
    pub fn join(&self) -> Join<'_, T, O> {
        Join { queued: Queued::new(self, 0, Location::caller()) }
    }
}

/// The future of [`AnyQueue::put`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Put<'a, T, O> {
    queue: &'a AnyQueue<T, O>,
    // Drop order: the wait is given up before the item is dropped, which may run arbitrary code.
    queued: Queued<'a, Gate>,
    /// `None` once the future has completed.
    item: Option<T>,
}

/// Nothing in it is pinned: the item is moved into the queue.
impl<T, O> Unpin for Put<'_, T, O> {}

impl<T, O: Order<T>> Future for Put<'_, T, O> {
    type Output = Result<(), PutError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.item.is_some(), "a queue's `put` was polled after completion");
        let grant = ready!(Pin::new(&mut self.queued).poll(cx));
        let Some(item) = self.item.take() else { unreachable!("its presence was just checked") };
        Poll::Ready(self.queue.put_into(&grant, item).map_err(PutError))
    }
}

impl<T, O> fmt::Debug for Put<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// The future of [`AnyQueue::get`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Get<'a, T, O> {
    queue: &'a AnyQueue<T, O>,
    queued: Queued<'a, Gate>,
}

impl<T, O: Order<T>> Future for Get<'_, T, O> {
    type Output = Result<T, GetError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let grant = ready!(Pin::new(&mut self.queued).poll(cx));
        Poll::Ready(self.queue.get_for(&grant).ok_or(GetError(())))
    }
}

impl<T, O> fmt::Debug for Get<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// The future of [`AnyQueue::join`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Join<'a, T, O> {
    queued: Queued<'a, AnyQueue<T, O>>,
}

impl<T, O> Future for Join<'_, T, O> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.queued).poll(cx).map(drop)
    }
}

impl<T, O> fmt::Debug for Join<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

//! The futures of a queue.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::queue::any::AnyQueue;
use crate::channel::queue::order::Order;
use crate::channel::queue::{GetError, PutError};
use crate::sync::gate::Gate;
use crate::sync::queued::Queued;

/// The future of [`AnyQueue::put`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Put<'a, T, O> {
    queue: &'a AnyQueue<T, O>,
    // In this order: the wait is given up before the item is dropped, which may run any code.
    queued: Queued<'a, Gate>,
    /// `None` when the future is over.
    item: Option<T>,
}

impl<'a, T, O> Put<'a, T, O> {
    pub(super) fn new(queue: &'a AnyQueue<T, O>, queued: Queued<'a, Gate>, item: T) -> Self {
        Put { queue, queued, item: Some(item) }
    }
}

/// Nothing in it is pinned: the item is moved into the queue.
impl<T, O> Unpin for Put<'_, T, O> {}

impl<T, O: Order<T>> Future for Put<'_, T, O> {
    type Output = Result<(), PutError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.item.is_some(), "a `put` was polled after it had been ready");
        let grant = ready!(Pin::new(&mut self.queued).poll(cx));
        let Some(item) = self.item.take() else { unreachable!("it was there just now") };
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

impl<'a, T, O> Get<'a, T, O> {
    pub(super) fn new(queue: &'a AnyQueue<T, O>, queued: Queued<'a, Gate>) -> Self {
        Get { queue, queued }
    }
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

impl<'a, T, O> Join<'a, T, O> {
    pub(super) fn new(queued: Queued<'a, AnyQueue<T, O>>) -> Self {
        Join { queued }
    }
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

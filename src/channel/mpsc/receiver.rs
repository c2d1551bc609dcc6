//! The receiving side.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::channel::TryRecvError;
use crate::channel::handle::{Handle, HasSenders};
use crate::channel::listener::Listener;
use crate::channel::mpsc::chan::Chan;
use crate::channel::used::UsedEnd;
use crate::kernel::Place;
use crate::limits::poll_at_once;
use crate::report::ChannelEnd;

/// The receiving side of a [`channel`](super::channel) or an [`unbounded`](super::unbounded) channel.
///
/// Dropping it closes the channel and immediately drops all values that were not received.
///
/// # It is not `Send`
///
/// To receive on another thread, use a channel of std; to send from another thread, use a
/// [`channel::remote`](crate::channel::remote) or [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::mpsc::channel::<u32>(8);
/// std::thread::spawn(move || drop(receiver));
/// ```
pub struct Receiver<T> {
    chan: Rc<Chan<T>>,
    listener: Listener,
    end: UsedEnd,
}

impl<T> Receiver<T> {
    pub(super) fn new(sender: &Handle<Chan<T>>, place: Place) -> Self {
        let end = UsedEnd::new(sender.number(), ChannelEnd::Receiver, place);
        Receiver { chan: Rc::clone(sender.shared()), listener: Listener::new(), end }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.chan.set_name(name.into());
        self
    }

    /// Receives the next value, waiting for one if the channel is empty. Returns `None` once all values were received
    /// and no more can be sent: all senders were dropped, or the channel is [closed](Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no value out of the channel.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// turnwise::block_on(async move {
    ///     sender.send("only").await.unwrap();
    ///     drop(sender);
    ///     assert_eq!(receiver.recv().await, Some("only"));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn recv(&mut self) -> Recv<'_, T> {
        self.end.record_use();
        Recv { receiver: self, place: Location::caller() }
    }

    /// Waits until there is a value, then appends up to `limit` values to `buffer`. Returns how many it received; 0 if
    /// there will never be another value, or if `limit` is 0.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no value out of the channel.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded();
    /// (1..=3).for_each(|number| sender.send(number).unwrap());
    /// let mut buffer = Vec::new();
    /// turnwise::block_on(async {
    ///     assert_eq!(receiver.recv_many(&mut buffer, 2).await, 2);
    ///     assert_eq!(receiver.recv_many(&mut buffer, 2).await, 1);
    /// });
    /// assert_eq!(buffer, [1, 2, 3]);
    /// ```
    #[track_caller]
    pub fn recv_many<'a>(&'a mut self, buffer: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        self.end.record_use();
        RecvMany { receiver: self, buffer, limit, place: Location::caller() }
    }

    /// Receives the next value without waiting, if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if the channel is empty now; [`TryRecvError::Disconnected`] if there will never be
    /// another value.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::unbounded();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.end.record_use();
        self.chan.try_pop()
    }

    /// Like [`recv`](Receiver::recv), for hand-written futures and streams. Only the waker of the last call is woken.
    ///
    /// # Cancel safety
    ///
    /// The wait belongs to the receiver, and lasts until a call returns `Ready`.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_at(cx, Location::caller())
    }

    /// Polls for a caller at `place`, which becomes the owner of the receiver.
    pub(crate) fn poll_at(&mut self, cx: &Context<'_>, place: Place) -> Poll<Option<T>> {
        self.end.record_use();
        self.poll_again(cx, place)
    }

    #[inline]
    fn poll_again(&mut self, cx: &Context<'_>, place: Place) -> Poll<Option<T>> {
        let chan = &*self.chan;
        self.listener.wait(&chan.messages, place, cx, || chan.by_senders(), || chan.look())
    }

    /// Closes the channel without dropping the receiver: new sends fail. Values already sent can still be received, and
    /// existing [`Permit`](super::Permit)s can still be used; after that, [`recv`](Receiver::recv) returns `None`.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(2);
    /// sender.try_send(1).unwrap();
    /// let permit = sender.try_reserve().unwrap();
    /// receiver.close();
    /// assert!(sender.try_send(2).is_err());
    /// permit.send(3);
    /// turnwise::block_on(async {
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     assert_eq!(receiver.recv().await, Some(3));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// ```
    pub fn close(&mut self) {
        self.chan.close();
    }

    /// Returns whether the channel is closed, or all senders were dropped.
    pub fn is_closed(&self) -> bool {
        self.chan.end.is_closed() || !self.chan.has_senders()
    }

    /// Returns the number of values in the channel.
    pub fn len(&self) -> usize {
        self.chan.len()
    }

    /// Returns whether there is no value in the channel.
    pub fn is_empty(&self) -> bool {
        self.chan.len() == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.listener.leave(&self.chan.messages);
        self.chan.abandon();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    /// Prints the number of values, and the task that waits for one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        self.chan.debug(&mut receiver, &self.chan.messages);
        receiver.finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    place: Place,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let place = self.place;
        self.receiver.poll_again(cx, place)
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.receiver.listener.rest(&self.receiver.chan.messages);
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv_many`].
#[must_use = "a future does nothing until it is awaited"]
pub struct RecvMany<'a, T> {
    receiver: &'a mut Receiver<T>,
    buffer: &'a mut Vec<T>,
    limit: usize,
    place: Place,
}

impl<T> Future for RecvMany<'_, T> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let RecvMany { receiver, buffer, limit, place } = &mut *self;
        if *limit == 0 {
            return poll_at_once(cx).map(|()| 0);
        }
        let Receiver { chan, listener, .. } = &mut **receiver;
        let look = || chan.look_for_many(buffer, *limit);
        listener.wait(&chan.messages, place, cx, || chan.by_senders(), look)
    }
}

impl<T> Drop for RecvMany<'_, T> {
    fn drop(&mut self) {
        self.receiver.listener.rest(&self.receiver.chan.messages);
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut future = f.debug_struct("RecvMany");
        future.field("limit", &self.limit).field("place", &self.place).finish_non_exhaustive()
    }
}

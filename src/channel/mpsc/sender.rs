//! The sending side of a bounded channel.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::channel::handle::Handle;
use crate::channel::mpsc::chan::{Chan, TryReserve, is_slot};
use crate::channel::mpsc::{Permit, Reserve};
use crate::channel::{Closed, SendError, TrySendError};
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::sync::queued::{Queued, Source};

/// The sending side of a [`channel`](super::channel). Clone it for more senders.
///
/// After the last one is dropped, the receiver gets the remaining values, then `None`.
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::mpsc::channel(8);
/// std::thread::spawn(move || sender.try_send(1));
/// ```
pub struct Sender<T> {
    handle: Handle<Chan<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(handle: Handle<Chan<T>>) -> Self {
        Sender { handle }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.handle.set_name(name.into());
        self
    }

    /// Sends the value, waiting for a slot if the channel is full. Waits are served in FIFO order.
    ///
    /// `Ok` does not mean that the value will be received: the receiver may be dropped first.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver was dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops the value unsent. To avoid that, [`reserve`](Sender::reserve) a
    /// slot first. A slot already handed to the wait goes to the next in line.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    ///
    /// turnwise::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     sender.send(1).await.unwrap();
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     drop(receiver);
    ///     assert_eq!(sender.send(2).await.unwrap_err().0, 2);
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending { queued: self.handle.used().reserve(Location::caller()), value: Some(value) }
    }

    /// Sends the value without waiting, if a slot is free and no wait is queued.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, if the channel is full or closed.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::mpsc::channel(1);
    /// assert!(sender.try_send(1).is_ok());
    /// assert!(sender.try_send(2).unwrap_err().is_full());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.handle.used().try_reserve(Location::caller()) {
            TryReserve::Reserved => self.handle.push(value),
            TryReserve::Full => return Err(TrySendError::Full(value)),
            TryReserve::Closed => return Err(TrySendError::Closed(value)),
        }
        Ok(())
    }

    /// Waits for a slot and reserves it, so that sending a value does not wait. Waits are served in FIFO order.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver was dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its position in the queue; nothing is lost. Dropping the permit gives the slot
    /// back.
    ///
    /// # Example
    ///
    /// Taking a value from its source only when there is room for it:
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    ///
    /// turnwise::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let mut stock = vec!["pear", "apple"];
    ///     let permit = sender.reserve().await.unwrap();
    ///     permit.send(stock.pop().unwrap());
    ///     assert_eq!(receiver.recv().await, Some("apple"));
    /// });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T> {
        Reserve::new(self.handle.used().reserve(Location::caller()))
    }

    /// Reserves a slot without waiting, if one is free and no wait is queued.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if the channel is full or closed.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, _receiver) = turnwise::channel::mpsc::channel::<i32>(1);
    /// let permit = sender.try_reserve().unwrap();
    /// assert!(sender.try_send(1).unwrap_err().is_full());
    /// drop(permit);
    /// assert!(sender.try_send(1).is_ok());
    /// ```
    #[track_caller]
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        let place = Location::caller();
        match self.handle.used().try_reserve(place) {
            TryReserve::Reserved => Ok(Permit::new(&self.handle, place)),
            TryReserve::Full => Err(TrySendError::Full(())),
            TryReserve::Closed => Err(TrySendError::Closed(())),
        }
    }

    /// Waits until the receiver is dropped or [closed](super::Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::mpsc::channel::<i32>(1);
    /// drop(receiver);
    /// turnwise::block_on(sender.closed());
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_> {
        self.handle.used().closed(Location::caller())
    }

    /// Returns whether the receiver was dropped or [closed](super::Receiver::close).
    pub fn is_closed(&self) -> bool {
        self.handle.end.is_closed()
    }

    /// Returns the number of slots that are neither filled nor reserved.
    pub fn capacity(&self) -> usize {
        self.handle.capacity()
    }

    /// Returns the total number of slots, free or not.
    pub fn max_capacity(&self) -> usize {
        self.handle.max_capacity()
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(self.handle.shared(), other.handle.shared())
    }

    /// Returns a sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { chan: Rc::clone(self.handle.shared()) }
    }
}

impl<T> Clone for Sender<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Sender { handle: self.handle.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    /// Prints the number of values, and the tasks that wait for a slot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        sender.field("capacity", &self.capacity());
        self.handle.debug(&mut sender, self.handle.waiters());
        sender.finish()
    }
}

/// A sender that does not keep the channel open, created by [`Sender::downgrade`].
///
/// # Example
///
/// ```
/// let (sender, mut receiver) = turnwise::channel::mpsc::channel(1);
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().try_send(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// turnwise::block_on(async {
///     assert_eq!(receiver.recv().await, Some(1));
///     assert_eq!(receiver.recv().await, None);
/// });
/// ```
pub struct WeakSender<T> {
    chan: Rc<Chan<T>>,
}

impl<T> WeakSender<T> {
    /// Returns a sender, or `None` if all senders were dropped.
    #[track_caller]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender { handle: Handle::of_live(&self.chan, Location::caller())? })
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { chan: Rc::clone(&self.chan) }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// The future of [`Sender::send`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sending<'a, T> {
    // Drop order: the wait is given up before the value is dropped, which may run arbitrary code.
    queued: Queued<'a, Chan<T>>,
    /// `None` once the future has completed.
    value: Option<T>,
}

/// Nothing in it is pinned: the value is moved into the channel.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.value.is_some(), "`mpsc::Sender::send` was polled after completion");
        let has_slot = ready!(poll_limited(&mut *self, cx));
        let Some(value) = self.value.take() else { unreachable!("its presence was just checked") };
        if !has_slot {
            return Poll::Ready(Err(SendError(value)));
        }
        self.queued.source().push(value);
        Poll::Ready(Ok(()))
    }
}

/// Waits for a slot. Outputs whether it was granted one; if not, the channel was closed.
impl<T> Limited for &mut Sending<'_, T> {
    type Output = bool;

    #[inline]
    fn poll_now(self, cx: &Context<'_>) -> Poll<bool> {
        // The common case: a slot is free and no wait is queued, so this one need not start.
        if !self.queued.has_begun() && self.queued.source().take_slot() {
            return Poll::Ready(true);
        }
        self.wait(cx)
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.queued.describe())
    }
}

impl<T> Sending<'_, T> {
    /// Out of line, to keep the common path short.
    #[inline(never)]
    fn wait(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.queued.poll_now(cx).map(|grant| is_slot(&grant))
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

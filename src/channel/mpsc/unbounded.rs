//! The sending side of an unbounded channel.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::handle::Handle;
use crate::channel::mpsc::Receiver;
use crate::channel::mpsc::chan::{Chan, TryReserve};
use crate::channel::{Closed, SendError};

/// The receiving side of an [`unbounded`](super::unbounded) channel, the same type as for a bounded one.
pub type UnboundedReceiver<T> = Receiver<T>;

/// The sending side of an [`unbounded`](super::unbounded) channel. Clone it for more senders.
///
/// After the last one is dropped, the receiver gets the remaining values, then `None`.
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::mpsc::unbounded();
/// std::thread::spawn(move || sender.send(1));
/// ```
pub struct UnboundedSender<T> {
    handle: Handle<Chan<T>>,
}

impl<T> UnboundedSender<T> {
    pub(super) fn new(handle: Handle<Chan<T>>) -> Self {
        UnboundedSender { handle }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.handle.set_name(name.into());
        self
    }

    /// Sends the value without waiting.
    ///
    /// `Ok` does not mean that the value will be received: the receiver may be dropped first.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver was dropped or closed.
    ///
    /// # Panics
    ///
    /// If there are already 2³¹ − 1 values in the channel.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::mpsc::unbounded();
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().0, 2);
    /// ```
    #[track_caller]
    #[inline]
    #[doc(alias = "unbounded_send")]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.handle.used().try_reserve(Location::caller()) {
            TryReserve::Reserved => self.handle.push(value),
            TryReserve::Closed => return Err(SendError(value)),
            TryReserve::Full => panic!(
                "an unbounded channel holds at most {} values: let the receiver catch up, or use \
                 `mpsc::channel`",
                self.handle.max_capacity()
            ),
        }
        Ok(())
    }

    /// Waits until the receiver is dropped or [closed](Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::mpsc::unbounded::<i32>();
    /// drop(receiver);
    /// turnwise::block_on(sender.closed());
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_> {
        self.handle.used().closed(Location::caller())
    }

    /// Returns whether the receiver was dropped or [closed](Receiver::close).
    pub fn is_closed(&self) -> bool {
        self.handle.end.is_closed()
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(self.handle.shared(), other.handle.shared())
    }

    /// Returns a sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { chan: Rc::clone(self.handle.shared()) }
    }
}

impl<T> Clone for UnboundedSender<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        UnboundedSender { handle: self.handle.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    /// Prints the number of values, and the task that waits for one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("UnboundedSender");
        self.handle.debug(&mut sender, &self.handle.messages);
        sender.finish()
    }
}

/// A sender that does not keep the channel open, created by [`UnboundedSender::downgrade`].
///
/// # Example
///
/// ```
/// let (sender, mut receiver) = turnwise::channel::mpsc::unbounded();
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().send(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub struct WeakUnboundedSender<T> {
    chan: Rc<Chan<T>>,
}

impl<T> WeakUnboundedSender<T> {
    /// Returns a sender, or `None` if all senders were dropped.
    #[track_caller]
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        Some(UnboundedSender { handle: Handle::of_live(&self.chan, Location::caller())? })
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender { chan: Rc::clone(&self.chan) }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish_non_exhaustive()
    }
}

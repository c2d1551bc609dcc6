//! The sending side of a channel that grows.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::handle::Handle;
use crate::channel::mpsc::Receiver;
use crate::channel::mpsc::chan::{Chan, TryReserve};
use crate::channel::{Closed, SendError};

/// The receiving side of an [`unbounded`](super::unbounded) channel: there is one kind of receiver.
pub type UnboundedReceiver<T> = Receiver<T>;

/// A sending side of an [`unbounded`](super::unbounded) channel. Clones are further ones.
///
/// When the last one is gone the receiver gets what was sent, and then `None`.
pub struct UnboundedSender<T> {
    handle: Handle<Chan<T>>,
}

impl<T> UnboundedSender<T> {
    pub(super) fn new(handle: Handle<Chan<T>>) -> Self {
        UnboundedSender { handle }
    }

    /// Gives the channel a name, for reports; both sides have it.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.handle.set_name(name.into());
        self
    }

    /// Sends the value, without waiting.
    ///
    /// That it was sent does not mean that it will be received: the receiver may be dropped first.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver is gone or takes no more.
    ///
    /// # Panics
    ///
    /// If 2³¹ − 1 values wait in the channel.
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
        match self.handle.try_reserve(Location::caller()) {
            TryReserve::Reserved => self.handle.push(value),
            TryReserve::Closed => return Err(SendError(value)),
            TryReserve::Full => panic!(
                "{} values wait in an unbounded channel, and no more are possible: let the receiver catch \
                 up, or use `mpsc::channel`",
                self.handle.max_capacity()
            ),
        }
        Ok(())
    }

    /// Waits until nobody will receive any more: the receiver is dropped or [closed](Receiver::close).
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
        self.handle.end.wait(Location::caller())
    }

    /// Returns whether nobody will receive any more.
    pub fn is_closed(&self) -> bool {
        self.handle.end.has_come()
    }

    /// Returns whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(self.handle.shared(), other.handle.shared())
    }

    /// Returns a sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { chan: Rc::clone(self.handle.shared()) }
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { handle: self.handle.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    /// Prints how many values there are, and who waits for one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("UnboundedSender");
        self.handle.debug(&mut sender, &self.handle.messages);
        sender.finish()
    }
}

/// A sender that does not keep the channel open; made by [`UnboundedSender::downgrade`].
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
    /// Returns a sender, if there is one still.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        Some(UnboundedSender { handle: Handle::of_live(&self.chan)? })
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

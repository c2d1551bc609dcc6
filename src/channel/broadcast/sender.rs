//! The sending side.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::SendError;
use crate::channel::broadcast::receiver::Receiver;
use crate::channel::broadcast::shared::BroadcastShared;
use crate::channel::handle::Handle;
use crate::kernel::Place;
use crate::watch::is_detailed;

/// The sending side of a [broadcast channel](super::channel). Clone it for more senders.
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::broadcast::channel(8);
/// std::thread::spawn(move || sender.send(1));
/// ```
pub struct Sender<T> {
    shared: Handle<BroadcastShared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: &Rc<BroadcastShared<T>>, place: Place) -> Self {
        Sender { shared: Handle::new(shared, place) }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Sends the value to all current receivers without waiting. Returns the number of receivers.
    ///
    /// If the channel is full, the oldest value is lost to the receivers that have not received it yet.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if there is no receiver.
    ///
    /// # Panics
    ///
    /// If the destructor of the oldest value panics. The new value was sent before that.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::broadcast::channel(1);
    /// let _second = sender.subscribe();
    /// assert_eq!(sender.send("news").unwrap(), 2);
    /// assert_eq!(receiver.try_recv(), Ok("news"));
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let (receivers, lost) = {
            let mut ring = self.shared.used().ring.borrow_mut();
            if ring.receivers() == 0 {
                drop(ring);
                return Err(SendError(value));
            }
            let lost = ring.push(Rc::new(value));
            (ring.receivers(), lost)
        };
        if is_detailed() {
            self.shared.messages.sent(self.len(), None);
        }
        if !self.shared.messages.is_empty() {
            self.shared.messages.wake_all(0);
        }
        drop(lost);
        Ok(receivers)
    }

    /// Creates a receiver, for values sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(self.shared.shared()))
    }

    /// Returns the number of values that some receiver has yet to receive.
    pub fn len(&self) -> usize {
        self.shared.ring.borrow().len()
    }

    /// Returns whether every receiver has received all values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.ring.borrow().receivers()
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(self.shared.shared(), other.shared.shared())
    }
}

impl<T> Clone for Sender<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Sender { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    /// Prints the number of values kept, and the tasks that wait for the next one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        sender.field("len", &self.len()).field("receivers", &self.receiver_count());
        self.shared.messages.debug(&mut sender);
        sender.finish()
    }
}

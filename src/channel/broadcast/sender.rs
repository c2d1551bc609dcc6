//! The side that sends.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::SendError;
use crate::channel::broadcast::receiver::Receiver;
use crate::channel::broadcast::shared::BroadcastShared;
use crate::channel::handle::Handle;

/// A sending side of a [broadcast channel](super::channel). Clones are further ones.
pub struct Sender<T> {
    shared: Handle<BroadcastShared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: &Rc<BroadcastShared<T>>) -> Self {
        Sender { shared: Handle::new(shared) }
    }

    /// Gives the channel a name, for reports; both sides have it.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.messages.set_name(name.into());
        self
    }

    /// Sends the value to all receivers that there are, without waiting. Returns how many they are.
    ///
    /// If there is no room the oldest value is lost for those who have not received it.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if there is no receiver.
    ///
    /// # Panics
    ///
    /// If the destructor of the oldest value panics. The value was sent before.
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
            let mut ring = self.shared.ring.borrow_mut();
            if ring.receivers() == 0 {
                drop(ring);
                return Err(SendError(value));
            }
            let lost = ring.push(Rc::new(value));
            (ring.receivers(), lost)
        };
        if !self.shared.messages.is_empty() {
            self.shared.messages.wake_all(0);
        }
        drop(lost);
        Ok(receivers)
    }

    /// Makes a receiver, for what will be sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(self.shared.shared()))
    }

    /// How many values are kept, because somebody has not received them yet.
    pub fn len(&self) -> usize {
        self.shared.ring.borrow().len()
    }

    /// Returns whether everybody has received everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.ring.borrow().receivers()
    }

    /// Returns whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(self.shared.shared(), other.shared.shared())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    /// Prints how many values are kept, and who waits for the next one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        sender.field("len", &self.len()).field("receivers", &self.receiver_count());
        self.shared.messages.debug(&mut sender);
        sender.finish()
    }
}

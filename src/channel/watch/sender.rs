//! The side that changes the value.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::handle::Handle;
use crate::channel::watch::cell::{Ref, Replaced, WatchShared};
use crate::channel::watch::receiver::Receiver;
use crate::channel::{Closed, SendError};

/// The side of a [`watch`](super::channel) that changes the value. Clones are further ones.
pub struct Sender<T> {
    shared: Handle<WatchShared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: &Rc<WatchShared<T>>) -> Self {
        Sender { shared: Handle::new(shared) }
    }

    /// Gives it a name, for reports; both sides have it.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Replaces the value, and wakes all who wait for a change.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the new value, if there is no receiver; then the value stays as it was. Use
    /// [`send_replace`](Sender::send_replace) to replace it all the same.
    ///
    /// # Panics
    ///
    /// In a closure that is just changing the value.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::watch::channel(1);
    /// let before = receiver.borrow();
    /// sender.send(2).unwrap();
    /// assert_eq!((*before, *receiver.borrow()), (1, 2));
    /// ```
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        let old = self.shared.replace(value);
        drop(old);
        Ok(())
    }

    /// Replaces the value, and wakes all who wait for a change, if there are any. Returns the old value, as a
    /// [`Ref`], since others may have one too; see [`Ref::try_unwrap`].
    ///
    /// # Panics
    ///
    /// In a closure that is just changing the value.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, _) = turnwise::channel::watch::channel(1);
    /// assert_eq!(*sender.send_replace(2), 1);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    #[track_caller]
    pub fn send_replace(&self, value: T) -> Ref<T> {
        match self.shared.replace(value) {
            Replaced::Alone(old) => Ref::new(Rc::new(old)),
            Replaced::WatchShared(old) => Ref::new(old),
        }
    }

    /// Changes the value in place, and wakes all who wait for a change.
    ///
    /// # Panics
    ///
    /// If somebody has a [`Ref`] to the value, which must not change under his eyes; if the closure looks at
    /// the value by another way than what it is given, or changes it so; and if it panics: then the value is
    /// as the closure has left it, and nobody is told.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::watch::channel(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.shared.modify(|value| {
            change(value);
            true
        });
    }

    /// Changes the value in place, and wakes all who wait for a change if the closure returns `true`. Returns
    /// what the closure returned.
    ///
    /// # Panics
    ///
    /// As [`send_modify`](Sender::send_modify).
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::watch::channel(5);
    /// let raise_to = |least| move |value: &mut i32| {
    ///     let is_raised = *value < least;
    ///     *value = least.max(*value);
    ///     is_raised
    /// };
    /// assert!(!sender.send_if_modified(raise_to(3)));
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// assert!(sender.send_if_modified(raise_to(7)));
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// ```
    #[track_caller]
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        self.shared.modify(change)
    }

    /// Returns the value as it is now.
    ///
    /// # Panics
    ///
    /// In a closure that is just changing the value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<T> {
        self.shared.get()
    }

    /// Makes a receiver, for which the value as it is now counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(self.shared.shared()))
    }

    /// Waits until there is no receiver. There may be one again later, by [`subscribe`](Sender::subscribe).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::watch::channel(1);
    /// drop(receiver);
    /// turnwise::block_on(sender.closed());
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_> {
        self.shared.end.wait(Location::caller())
    }

    /// Returns whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.shared.end.has_come()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.get()
    }

    /// Returns whether both change the same value.
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
    /// Prints how often the value was changed, and who waits for the next time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        self.shared.debug(&mut sender);
        sender.finish()
    }
}

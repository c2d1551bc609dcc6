//! The sending side.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::channel::handle::Handle;
use crate::channel::watch::cell::{Ref, Replaced, WatchShared};
use crate::channel::watch::receiver::Receiver;
use crate::channel::{Closed, SendError};
use crate::kernel::Place;

/// The sending side of a [watch channel](super::channel): it changes the value. Clone it for more senders.
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::watch::channel(0);
/// std::thread::spawn(move || sender.send(1));
/// ```
pub struct Sender<T> {
    shared: Handle<WatchShared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: &Rc<WatchShared<T>>, place: Place) -> Self {
        Sender { shared: Handle::new(shared, place) }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Replaces the value and wakes all waiting receivers.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the new value, if there is no receiver; the current value is then kept. Use
    /// [`send_replace`](Sender::send_replace) to replace it anyway.
    ///
    /// # Panics
    ///
    /// If called in a closure that is modifying the value.
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
        let old = self.shared.used().replace(value);
        drop(old);
        Ok(())
    }

    /// Replaces the value, even if there is no receiver, and wakes all that wait. Returns the old value as a [`Ref`],
    /// since there may be others; see [`Ref::try_unwrap`].
    ///
    /// # Panics
    ///
    /// If called in a closure that is modifying the value.
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
        match self.shared.used().replace(value) {
            Replaced::Unshared(old) => Ref::new(Rc::new(old)),
            Replaced::Shared(old) => Ref::new(old),
        }
    }

    /// Modifies the value in place and wakes all waiting receivers.
    ///
    /// # Panics
    ///
    /// If a [`Ref`] to the value exists; if the closure reads or changes the value by other means than its argument; or
    /// if the closure panics: the value is then as the closure left it, and no receiver is notified.
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
        self.shared.used().modify(|value| {
            change(value);
            true
        });
    }

    /// Modifies the value in place, and wakes all waiting receivers if the closure returns `true`. Returns what the
    /// closure returned.
    ///
    /// # Panics
    ///
    /// Under the same conditions as [`send_modify`](Sender::send_modify).
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
        self.shared.used().modify(change)
    }

    /// Returns the current value.
    ///
    /// # Panics
    ///
    /// If called in a closure that is modifying the value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<T> {
        self.shared.get()
    }

    /// Creates a receiver, for which the current value counts as seen.
    #[track_caller]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(self.shared.shared()), Location::caller())
    }

    /// Waits until all receivers are dropped. [`subscribe`](Sender::subscribe) can still create new ones.
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
        self.shared.used().closed(Location::caller())
    }

    /// Returns whether all receivers were dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.end.is_closed()
    }

    /// Returns the number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.get()
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
    /// Prints the number of changes, and the tasks that wait for the next one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        self.shared.debug(&mut sender);
        sender.finish()
    }
}

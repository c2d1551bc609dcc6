//! Counts the senders of a channel: dropping the last one notifies the receiving side.

use std::cell::Cell;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use crate::channel::used::{ChannelNumber, UsedEnd};
use crate::kernel::Place;
use crate::report::ChannelEnd;

/// The shared state of a channel whose senders are counted.
pub(crate) trait HasSenders {
    /// Returns the sender count.
    fn senders(&self) -> &Cell<usize>;

    /// Returns the number of the channel in the record.
    fn number(&self) -> &ChannelNumber;

    /// Notifies the receiving side that the last sender was dropped.
    fn senders_are_gone(&self);
}

/// A counted reference to the shared state: the inside of every sender.
pub(crate) struct Handle<S: HasSenders> {
    shared: Rc<S>,
    end: UsedEnd,
}

impl<S: HasSenders> Handle<S> {
    /// Adds a sender.
    pub(crate) fn new(shared: &Rc<S>, place: Place) -> Self {
        let end = UsedEnd::new(shared.number(), ChannelEnd::Sender, place);
        shared.senders().set(shared.senders().get() + 1);
        Handle { shared: Rc::clone(shared), end }
    }

    /// Adds a sender; `None` if all were dropped.
    pub(crate) fn of_live(shared: &Rc<S>, place: Place) -> Option<Self> {
        (shared.senders().get() > 0).then(|| Handle::new(shared, place))
    }

    pub(crate) fn shared(&self) -> &Rc<S> {
        &self.shared
    }

    /// Returns the shared state for the current task to use, which makes it the owner of this sender.
    #[inline]
    pub(crate) fn used(&self) -> &S {
        self.end.record_use();
        &self.shared
    }
}

impl<S: HasSenders> Clone for Handle<S> {
    #[track_caller]
    fn clone(&self) -> Self {
        Handle::new(&self.shared, Location::caller())
    }
}

impl<S: HasSenders> Deref for Handle<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.shared
    }
}

impl<S: HasSenders> Drop for Handle<S> {
    fn drop(&mut self) {
        let left = self.shared.senders().get() - 1;
        self.shared.senders().set(left);
        if left == 0 {
            self.shared.senders_are_gone();
        }
    }
}

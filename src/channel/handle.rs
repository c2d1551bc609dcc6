//! Counts the senders of a channel: dropping the last one notifies the receiving side.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

/// The shared state of a channel whose senders are counted.
pub(crate) trait HasSenders {
    /// Returns the sender count.
    fn senders(&self) -> &Cell<usize>;

    /// Notifies the receiving side that the last sender was dropped.
    fn senders_are_gone(&self);
}

/// A counted reference to the shared state: the inside of every sender.
pub(crate) struct Handle<S: HasSenders>(Rc<S>);

impl<S: HasSenders> Handle<S> {
    /// Adds a sender.
    pub(crate) fn new(shared: &Rc<S>) -> Self {
        shared.senders().set(shared.senders().get() + 1);
        Handle(Rc::clone(shared))
    }

    /// Adds a sender; `None` if all were dropped.
    pub(crate) fn of_live(shared: &Rc<S>) -> Option<Self> {
        (shared.senders().get() > 0).then(|| Handle::new(shared))
    }

    pub(crate) fn shared(&self) -> &Rc<S> {
        &self.0
    }
}

impl<S: HasSenders> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Handle::new(&self.0)
    }
}

impl<S: HasSenders> Deref for Handle<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: HasSenders> Drop for Handle<S> {
    fn drop(&mut self) {
        let left = self.0.senders().get() - 1;
        self.0.senders().set(left);
        if left == 0 {
            self.0.senders_are_gone();
        }
    }
}

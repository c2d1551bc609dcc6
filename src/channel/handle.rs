//! The senders of a channel, counted: the last one to go says so.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

/// What the sides of a channel share, with its senders counted.
pub(crate) trait HasSenders {
    /// How many senders there are.
    fn senders(&self) -> &Cell<usize>;

    /// The last sender is gone: tells the receiving side.
    fn senders_are_gone(&self);
}

/// One of the senders of a channel: what every sender has inside.
pub(crate) struct Handle<S: HasSenders>(Rc<S>);

impl<S: HasSenders> Handle<S> {
    /// One more sender.
    pub(crate) fn new(shared: &Rc<S>) -> Self {
        shared.senders().set(shared.senders().get() + 1);
        Handle(Rc::clone(shared))
    }

    /// One more sender, if there is one still.
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

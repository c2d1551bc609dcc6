//! The state that both sides share: the values, and the waiting receivers.

use std::cell::{Cell, RefCell};

use crate::channel::broadcast::ring::Ring;
use crate::channel::handle::HasSenders;
use crate::sync::waiters::Waiters;

/// The state that both sides share.
pub(super) struct BroadcastShared<T> {
    /// Never borrowed while user code runs.
    pub(super) ring: RefCell<Ring<T>>,
    pub(super) senders: Cell<usize>,
    /// Where receivers wait.
    pub(super) messages: Waiters,
}

impl<T> BroadcastShared<T> {
    pub(super) fn new(capacity: usize) -> Self {
        BroadcastShared {
            ring: RefCell::new(Ring::new(capacity)),
            senders: Cell::new(0),
            messages: Waiters::new("a message on broadcast channel"),
        }
    }
}

impl<T> HasSenders for BroadcastShared<T> {
    fn senders(&self) -> &Cell<usize> {
        &self.senders
    }

    fn senders_are_gone(&self) {
        self.messages.wake_all(0);
    }
}

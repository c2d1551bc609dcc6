//! The state that both sides share: the values, and the waiting receivers.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::channel::broadcast::ring::Ring;
use crate::channel::handle::HasSenders;
use crate::channel::used::ChannelNumber;
use crate::report::ChannelEnd;
use crate::sync::EndedBy;
use crate::sync::waiters::Waiters;
use crate::watch::is_detailed;

/// The state that both sides share.
pub(super) struct BroadcastShared<T> {
    /// Never borrowed while user code runs.
    pub(super) ring: RefCell<Ring<T>>,
    pub(super) senders: Cell<usize>,
    /// Where receivers wait.
    pub(super) messages: Waiters,
    number: ChannelNumber,
}

impl<T> BroadcastShared<T> {
    pub(super) fn new(capacity: usize) -> Self {
        BroadcastShared {
            ring: RefCell::new(Ring::new(capacity)),
            senders: Cell::new(0),
            messages: Waiters::new(&"a message on broadcast channel"),
            number: ChannelNumber::new(),
        }
    }

    pub(super) fn set_name(&self, name: Arc<str>) {
        self.messages.begin_ended_by(|| self.by_senders());
        self.messages.set_name(name);
    }

    /// What may end a wait for a value, for reports.
    pub(super) fn by_senders(&self) -> EndedBy {
        EndedBy::Ends(self.number.get(), ChannelEnd::Sender)
    }
}

impl<T> HasSenders for BroadcastShared<T> {
    fn senders(&self) -> &Cell<usize> {
        &self.senders
    }

    fn number(&self) -> &ChannelNumber {
        &self.number
    }

    fn senders_are_gone(&self) {
        if is_detailed() {
            self.messages.closed();
        }
        self.messages.wake_all(0);
    }
}

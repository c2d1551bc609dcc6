//! Records which ends of channels a thread has, and which task last used each.

use std::rc::Rc;

use crate::kernel::{Place, TaskKey};
use crate::report::ChannelEnd;
use crate::sync::{Created, EndRecord, with_waits};

/// A channel in the record.
pub(crate) struct ChannelNumber(u64);

impl ChannelNumber {
    pub(crate) fn new() -> Self {
        ChannelNumber(with_waits(|waits| waits.ends.add_channel()))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0
    }
}

/// An end of a channel in the record: the inside of every sender and receiver.
///
/// Its owner, as reports name it, is the task that last used it. The crate cannot see that a value moves from one task
/// to another, but it can see which task calls a method.
pub(crate) struct UsedEnd(Rc<EndRecord>);

impl UsedEnd {
    /// Records an end that the current task has created.
    pub(crate) fn new(channel: &ChannelNumber, kind: ChannelEnd, place: Place) -> Self {
        let created = Created { by: TaskKey::current(), place, channel: channel.get(), kind };
        UsedEnd(with_waits(|waits| waits.ends.add(created)))
    }

    /// Makes the current task its owner.
    #[inline]
    pub(crate) fn record_use(&self) {
        self.0.record_use();
    }
}

impl Drop for UsedEnd {
    fn drop(&mut self) {
        with_waits(|waits| waits.remove_end(&self.0));
    }
}

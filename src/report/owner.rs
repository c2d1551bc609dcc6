//! The tasks that hold what others wait for, as plain data.

use std::panic::Location;

use crate::kernel::{Place, TaskKey};
use crate::report::label::TaskLabel;

/// A task that acquired what another task waits for: a lock, a permit, the end of a channel.
///
/// A guard can be moved to another task, and the crate cannot see that. So this is the task that acquired the guard, or
/// the last one that has taken it over with `take_over`. The owner of a sender or a receiver is the task that last used
/// it, by a method that sends, receives, reserves or waits, or else the one that created it. A clone or an upgrade is a
/// new end; it is not a use of the one that it was made from, which the task may then have given away.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Owner {
    /// The task.
    pub task: TaskLabel,
    /// Where it acquired the guard or the permit; or where the end of the channel was created.
    pub place: &'static Location<'static>,
    /// Whether the task has ended. Then the guard was moved to another task, or leaked.
    pub has_finished: bool,
    pub(crate) how: How,
}

impl Owner {
    /// Returns whether the task has only created the end of a channel: no task has used it since, and it may have been
    /// moved to another task.
    pub fn is_creator_only(&self) -> bool {
        self.created_end().is_some()
    }

    /// Returns which end of a channel it has only created.
    pub(crate) fn created_end(&self) -> Option<ChannelEnd> {
        match self.how {
            How::Created(end) => Some(end),
            _ => None,
        }
    }
}

/// How a task became an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum How {
    /// As usual for the kind of the resource: it locked a lock, or took a permit.
    Acquired,
    /// It reserved room in a channel.
    Reserved,
    /// It was the last one to use the end of a channel.
    Used(ChannelEnd),
    /// It created the end of a channel, which was not used since.
    Created(ChannelEnd),
}

/// One of the two kinds of ends that a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChannelEnd {
    Sender,
    Receiver,
}

/// A task that owns something, as a layer records it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ownership {
    pub(crate) task: TaskKey,
    pub(crate) place: Place,
    pub(crate) how: How,
}

impl Ownership {
    /// Returns whether the task may have given away what it owns, as is usual for the end of a channel.
    pub(crate) fn is_assumed(&self) -> bool {
        matches!(self.how, How::Created(_))
    }
}

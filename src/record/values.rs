//! The small values that events and states are made of: numbers of texts and places, actors, outcomes.

use std::num::NonZeroU32;

/// The number of a text of a recording; see [`Recording::text`](crate::record::Recording::text).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId(pub(crate) NonZeroU32);

/// The number of a place in the source; see [`Recording::place`](crate::record::Recording::place).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub(crate) NonZeroU32);

/// What acted: woke a task, spawned it, or asked it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Actor {
    /// A task, in its turn.
    Task(u64),
    /// A timer that fired.
    Timer(u64),
    /// Another thread.
    Remote,
    /// A socket or another source of I/O.
    Io(u64),
    /// A cancel request that was held back, and is delivered now.
    Request,
    /// Code on this thread that is not a task of this scheduler.
    Outside,
}

impl Actor {
    /// Returns the task, if it is one.
    pub(crate) fn task(self) -> Option<u64> {
        match self {
            Actor::Task(task) => Some(task),
            _ => None,
        }
    }
}

/// What a task waits for, as a recording numbers it. For observers of a scheduler, it is a
/// [`scheduler::Awaited`](crate::scheduler::Awaited).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Awaited {
    /// The end of another task.
    Task(u64),
    /// A timer.
    Timer(u64),
    /// A lock, a channel, an event.
    Resource(u64),
    /// The tasks of a scope.
    Scope(u64),
    /// A blocking job.
    Job(u64),
    /// A socket or another source of I/O.
    Io(u64),
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The task waits.
    Pending,
    /// The task has returned.
    Ready,
    /// The task has panicked.
    Panic,
    /// The task was dropped, since it was asked to end or aborted.
    Cancelled,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Every task has ended, or the root of `block_on` has.
    Done,
    /// Nothing could ever run again.
    Deadlock,
    /// The recorder had room for no more events.
    Limit,
    /// The recorder was taken off.
    Stopped,
    /// A panic unwound through the run.
    Panic,
}

/// A cancel request.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ask {
    /// The task.
    pub task: u64,
    /// The part of the task that is asked: where its `timeout` or scope was created. `None` for the whole task.
    pub part: Option<PlaceId>,
    /// The reason.
    pub why: TextId,
    /// What made the request.
    pub by: Actor,
}

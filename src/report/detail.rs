//! What happens between the transitions of tasks: waits, timers, ownership, messages, jobs and cancelling.

use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::Arc;

use crate::kernel::{TaskId, TaskKey};
use crate::machine::Instant;
use crate::report::cause::Cause;
use crate::report::deadlock::Cycle;
use crate::report::label::id_anywhere;
use crate::report::request::PendingRequest;
use crate::report::wait::{Resource, ResourceId};

/// The number of a timer, unique among the timers of its scheduler.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId(pub(crate) u64);

/// The number of a scope, unique among the open scopes of its scheduler.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ScopeId(pub(crate) u32);

/// The number of a blocking job, unique in its process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub(crate) u64);

/// What a task waits for, by number; a wait for a timer is a [`Detail::TimerSet`]. In a recording, it is a
/// `record::Awaited`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Awaited {
    /// The end of another task.
    Task(TaskId),
    /// A lock, a channel, an event.
    Resource(ResourceId),
    /// A blocking job.
    Job(JobId),
}

/// What happens between the transitions of tasks; only observers that were installed with
/// [`Builder::detailed_observer`](crate::scheduler::Builder::detailed_observer) receive it.
///
/// Details are recorded where they happen, inside of locks and channels, where no user code may run. So they reach the
/// observers a little later, but in their order: before the next transition, and before the next wait is polled.
///
/// A wait, an ownership, a message is that of a task. What code outside of all turns does is no part of it, and neither
/// is what belongs to another scheduler: a task that waits for one of its tasks has no such wait here, and what its tasks
/// hold, send and receive goes to its own observers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Detail {
    /// A task was woken, and nothing changed: it is ready already, or was woken in its turn before.
    #[non_exhaustive]
    WokenAgain {
        /// The task.
        task: TaskId,
        /// What woke it.
        cause: Cause,
    },
    /// A task waits for something from now on. If it did already, its place is new.
    #[non_exhaustive]
    WaitBegan {
        /// The task.
        task: TaskId,
        /// What it waits for.
        on: Awaited,
        /// The kind and the name of that, if it is a lock, a channel or the like.
        what: Option<Resource>,
        /// Where the wait started, if that is known: the end of a task and a blocking job are waited for by handles, which do
        /// not record where.
        place: Option<&'static Location<'static>>,
    },
    /// A wait is over: what was waited for has come, or the future that waited was dropped.
    #[non_exhaustive]
    WaitEnded {
        /// The task.
        task: TaskId,
        /// What it waited for.
        on: Awaited,
        /// The place of the wait, which tells it from other waits of the task for the same.
        place: Option<&'static Location<'static>>,
    },
    /// A channel was closed: no value can be sent any more, or only those for which room was reserved before.
    #[non_exhaustive]
    Closed {
        /// Its number.
        channel: ResourceId,
    },
    /// A lock, a channel or the like was dropped.
    #[non_exhaustive]
    ResourceGone {
        /// Its number.
        resource: ResourceId,
    },
    /// A task holds a resource, or more of it, from now on.
    #[non_exhaustive]
    Acquired {
        /// The task.
        task: TaskId,
        /// The resource.
        resource: ResourceId,
        /// Its kind and name.
        what: Resource,
        /// How much of it: permits.
        count: u32,
        /// Where it was acquired.
        place: &'static Location<'static>,
    },
    /// A task gives a resource, or some of it, back.
    #[non_exhaustive]
    Released {
        /// The task that was its owner.
        task: TaskId,
        /// The resource.
        resource: ResourceId,
        /// How much of it: permits.
        count: u32,
    },
    /// A task has put a value into a channel.
    #[non_exhaustive]
    Sent {
        /// The task.
        task: TaskId,
        /// The channel.
        channel: ResourceId,
        /// Its kind and name.
        what: Resource,
        /// How many values are in it now.
        length: usize,
        /// How many values fit into it; `None` if there is no limit.
        capacity: Option<usize>,
    },
    /// A task has taken a value out of a channel.
    #[non_exhaustive]
    Received {
        /// The task.
        task: TaskId,
        /// The channel.
        channel: ResourceId,
        /// Its kind and name.
        what: Resource,
        /// How many values are in it now.
        length: usize,
    },
    /// A timer is waited for from now on, by this task, with this deadline.
    #[non_exhaustive]
    TimerSet {
        /// The timer.
        timer: TimerId,
        /// The task that waits for it, if that is known.
        task: Option<TaskId>,
        /// Its deadline; `None` if that never comes.
        deadline: Option<Instant>,
        /// Where it was created.
        place: &'static Location<'static>,
    },
    /// A timer is not waited for any more.
    #[non_exhaustive]
    TimerGone {
        /// The timer.
        timer: TimerId,
        /// Whether it has fired; if not, it was cancelled.
        has_fired: bool,
    },
    /// A blocking job was handed over.
    #[non_exhaustive]
    JobBegan {
        /// The job.
        job: JobId,
        /// The task that handed it over, if it was one.
        task: Option<TaskId>,
        /// Its name, if it has one.
        name: Option<Arc<str>>,
        /// Where it was handed over.
        place: &'static Location<'static>,
    },
    /// A blocking job has ended.
    #[non_exhaustive]
    JobEnded {
        /// The job.
        job: JobId,
    },
    /// A part of a task was asked to end: what a timeout or a token wraps, or the body of a scope.
    #[non_exhaustive]
    PartAsked {
        /// The task.
        task: TaskId,
        /// Where the timeout, the `run_until_cancelled` or the scope was created.
        part: &'static Location<'static>,
        /// The reason of the request.
        reason: Arc<str>,
        /// What made it: [`Cause::Timer`] if the deadline of a timeout has passed, else the task or the code that asked.
        cause: Cause,
    },
    /// The requests on a task and its parts, and what holds them, have changed.
    #[non_exhaustive]
    Requests {
        /// The task.
        task: TaskId,
        /// All requests on it that have not had their effect, the outermost first.
        requests: Arc<[PendingRequest]>,
    },
    /// A clean-up passes its request on.
    #[non_exhaustive]
    Resumed {
        /// The task.
        task: TaskId,
        /// The reason of the request.
        reason: Arc<str>,
    },
    /// A clean-up has ended, or has passed its request on.
    #[non_exhaustive]
    CleanedUp {
        /// The task.
        task: TaskId,
    },
    /// A mask around a part of a task that waits holds requests back from now on.
    #[non_exhaustive]
    MaskBegan {
        /// The task.
        task: TaskId,
        /// Where the mask was created.
        place: &'static Location<'static>,
    },
    /// A mask has ended.
    #[non_exhaustive]
    MaskEnded {
        /// The task.
        task: TaskId,
    },
    /// A task has panicked, with this message, and ends. Not emitted for the root of a `block_on`, whose panic unwinds to
    /// its caller, nor if the payload is no string.
    #[non_exhaustive]
    Panicked {
        /// The task.
        task: TaskId,
        /// The panic message.
        message: Arc<str>,
    },
    /// A scope has its first task.
    #[non_exhaustive]
    ScopeOpened {
        /// The scope.
        scope: ScopeId,
        /// The task that polls it, if it is one.
        task: Option<TaskId>,
        /// Where it was created.
        place: &'static Location<'static>,
    },
    /// A task was spawned in a scope.
    #[non_exhaustive]
    ChildSpawned {
        /// The scope.
        scope: ScopeId,
        /// The new task.
        task: TaskId,
    },
    /// A scope has ended.
    #[non_exhaustive]
    ScopeEnded {
        /// The scope.
        scope: ScopeId,
    },
    /// A policy has changed the order of the ready queue, at the start of a pass.
    #[non_exhaustive]
    PassOrdered {
        /// The ready queue, the front first.
        tasks: Arc<[TaskId]>,
    },
    /// A run of the scheduler has ended. If nothing can ever run again, it comes before the root of a `block_on` is
    /// dropped.
    #[non_exhaustive]
    RunEnded {
        /// The cycles of tasks and what they wait for, if nothing can ever run again; empty if none was found.
        deadlock: Option<Arc<[Cycle]>>,
    },
    /// A task was aborted: it is dropped at its next turn, or at the end of this one.
    #[non_exhaustive]
    Aborted {
        /// The task.
        task: TaskId,
        /// What aborted it.
        cause: Cause,
    },
    /// A shutdown has begun: every task is cancelled.
    ShutdownBegan,
    /// A shutdown has ended.
    ShutdownEnded,
    /// The program has printed a line, or its author remarks something.
    #[non_exhaustive]
    Said {
        /// The task, if it was one.
        task: Option<TaskId>,
        /// The line.
        text: Arc<str>,
        /// Whether it is a remark, which is not printed.
        is_note: bool,
        /// Where.
        place: &'static Location<'static>,
    },
}

impl Detail {
    /// The detail of a scope that was opened, or is polled by another task than before.
    pub(crate) fn scope_opened(
        scheduler: NonZeroU32,
        scope: u32,
        poller: Option<TaskKey>,
        place: &'static Location<'static>,
    ) -> Detail {
        let task = poller.filter(|task| task.scheduler == scheduler).map(id_anywhere);
        Detail::ScopeOpened { scope: ScopeId(scope), task, place }
    }
}

//! A wait, as plain data: which task waits, for what, since which place, and which tasks hold it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use crate::kernel::{TaskKey, Waiter, current_task, owner_of};
use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;

impl Waiter {
    /// Returns whether waking this would wake whatever polls with `cx`: then there is nothing to replace.
    #[inline]
    pub fn is_for(&self, cx: &Context<'_>) -> bool {
        match &self.waker {
            None => self.task.is_some() && self.task == TaskKey::of(cx),
            Some(waker) => waker.will_wake(cx.waker()),
        }
    }

    /// The task whose wait this is, as far as it is known.
    pub fn task(&self) -> Option<TaskKey> {
        self.task
    }

    /// The task, if it is woken by its key.
    pub(crate) fn own(&self) -> Option<TaskKey> {
        self.task.filter(|_| self.waker.is_none())
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiter").field(&self.task()).finish()
    }
}

impl TaskKey {
    /// The task whose turn it is on this thread; `None` outside of all turns.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::waiting::TaskKey;
    ///
    /// assert!(TaskKey::current().is_none());
    /// turnwise::block_on(async { assert!(TaskKey::current().is_some()) });
    /// ```
    pub fn current() -> Option<TaskKey> {
        current_task()
    }

    /// The task whose own waker `cx` has: it can be woken by its key.
    #[inline]
    pub(crate) fn of(cx: &Context<'_>) -> Option<TaskKey> {
        owner_of(cx.waker())
    }

    /// Returns whether this is the task whose own waker `cx` has.
    #[inline]
    pub(crate) fn polls(self, cx: &Context<'_>) -> bool {
        owner_of(cx.waker()) == Some(self)
    }
}

/// What a task waits for, as reports name it: its kind, and its own name if it was given one.
///
/// # Example
///
/// ```
/// use turnwise::waiting::Resource;
///
/// assert_eq!(Resource::new("mutex").to_string(), "mutex");
/// assert_eq!(Resource::new("mutex").named("left").to_string(), "mutex \"left\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    kind: &'static str,
    name: Option<Arc<str>>,
}

impl Resource {
    /// A resource of this kind: "mutex", "channel", "event".
    pub fn new(kind: &'static str) -> Self {
        Resource { kind, name: None }
    }

    /// Gives it a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its own name, to keep.
    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    /// Its own name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name:?}", self.kind),
            None => f.write_str(self.kind),
        }
    }
}

/// One wait: which task waits for what, since it said so at which place, and which tasks could end it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wait {
    /// The task that waits; `None` if it waits outside of all turns.
    pub task: Option<TaskKey>,
    /// What it waits for.
    pub resource: Resource,
    /// Where in the source the wait began.
    pub place: &'static Location<'static>,
    /// The tasks that own the resource, and where they came to own it.
    pub owners: Vec<(TaskKey, &'static Location<'static>)>,
}

impl Wait {
    /// A wait for something that no task owns.
    pub fn new(
        task: Option<TaskKey>,
        resource: Resource,
        place: &'static Location<'static>,
    ) -> Self {
        Wait { task, resource, place, owners: Vec::new() }
    }

    /// Says which tasks own what is waited for, and since which place. There may be several owners: the readers of
    /// a lock, the holders of permits.
    #[must_use]
    pub fn owned_by(mut self, owner: TaskKey, place: &'static Location<'static>) -> Self {
        self.owners.push((owner, place));
        self
    }
}

/// What a task waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The end of another task.
    #[non_exhaustive]
    Join {
        /// That task.
        task: TaskLabel,
        /// Where that task was spawned: a `JoinHandle` does not know where it is awaited.
        spawned_at: &'static Location<'static>,
    },
    /// A point in time.
    #[non_exhaustive]
    Sleep {
        /// How long until then; `None` if it never comes.
        left: Option<Duration>,
        /// Where the sleep was made.
        place: &'static Location<'static>,
    },
    /// A lock, a channel, or whatever else says that it is [`Waited`](crate::waiting::Waited) for.
    #[non_exhaustive]
    Resource {
        /// What it is.
        resource: Resource,
        /// Where the wait began.
        place: &'static Location<'static>,
        /// The tasks that own it, and where each acquired it.
        owners: Vec<(TaskLabel, &'static Location<'static>)>,
    },
    /// The end of the tasks in a scope.
    #[non_exhaustive]
    Children {
        /// How many there are.
        count: usize,
        /// Where the scope was made.
        place: &'static Location<'static>,
    },
    /// Its turn: it is ready, but no task polls the scope whose child it is.
    #[non_exhaustive]
    Scope {
        /// Where the scope was made.
        place: &'static Location<'static>,
    },
    /// A blocking job, or a place for it in the queue of a pool.
    #[non_exhaustive]
    Blocking {
        /// That job.
        job: BlockingJob,
    },
    /// Something that turnwise does not know, which holds the task's waker.
    #[non_exhaustive]
    Foreign {
        /// How many wakers are held.
        wakers: usize,
    },
    /// Nothing: its last turn left no waker behind, so nothing can ever wake it.
    Nothing,
}

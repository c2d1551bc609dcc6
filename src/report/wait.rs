//! A wait, as plain data: which task waits, for what, where the wait started, and which tasks hold it up.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use crate::kernel::{TaskKey, Waiter, current_task, owner_of};
use crate::report::cut::Cut;
use crate::report::job::BlockingJob;
use crate::report::label::TaskLabel;
use crate::report::owner::Owner;

impl Waiter {
    /// Returns whether waking this would wake the poller of `cx`, so that it need not be replaced.
    #[inline]
    pub fn is_for(&self, cx: &Context<'_>) -> bool {
        match &self.waker {
            None => self.task.is_some() && self.task == TaskKey::of(cx),
            Some(waker) => waker.will_wake(cx.waker()),
        }
    }

    /// Returns the task whose wait this is, if it is known.
    pub fn task(&self) -> Option<TaskKey> {
        self.task
    }

    /// Returns the task, if it is woken by its key.
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
    /// Returns the task that is taking its turn on this thread; `None` outside of all turns.
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

    /// Returns the task whose own waker `cx` has: it can be woken by its key.
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

/// The number of a lock, a channel, an event: unique on its thread until its
/// [`Detail::ResourceGone`](crate::scheduler::Detail::ResourceGone), then reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceId(pub(crate) u32);

thread_local! {
    /// The number of the next group. Those of locks and channels are small.
    static NEXT_GROUP: Cell<u32> = const { Cell::new(1 << 31) };
}

impl ResourceId {
    /// A new number, for a group of tasks.
    #[cold]
    pub(crate) fn of_group() -> Self {
        let next = NEXT_GROUP.get();
        NEXT_GROUP.set(next.wrapping_add(1) | 1 << 31);
        ResourceId(next)
    }
}

/// What a task waits for, as reports name it: its kind and, optionally, its own name.
///
/// # Example
///
/// ```
/// use turnwise::waiting::Resource;
///
/// assert_eq!(Resource::new("mutex").to_string(), "mutex");
/// assert_eq!(Resource::new("mutex").named("left").to_string(), "mutex \"left\"");
/// ```
#[derive(Clone)]
pub struct Resource {
    kind: &'static str,
    name: Option<Arc<str>>,
    /// Its number in the record of waits, in a report of one of those. It is no part of how the resource looks.
    number: Option<ResourceId>,
}

impl Resource {
    /// Creates a resource of a kind: "mutex", "channel", "event".
    pub fn new(kind: &'static str) -> Self {
        Resource { kind, name: None, number: None }
    }

    /// Sets its own name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets its number.
    pub(crate) fn numbered(mut self, number: u32) -> Self {
        self.number = Some(ResourceId(number));
        self
    }

    #[allow(dead_code, reason = "for the feature `record`")]
    pub(crate) fn number(&self) -> Option<ResourceId> {
        self.number
    }

    /// Returns its kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns its own name, shared.
    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    /// Returns its own name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Resource) -> bool {
        (self.kind, &self.name) == (other.kind, &other.name)
    }
}

impl Eq for Resource {}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Resource");
        debug.field("kind", &self.kind).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {:?}", self.kind, Cut(name)),
            None => f.write_str(self.kind),
        }
    }
}

/// One wait: which task waits for what, where the wait started, and which tasks could end it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Wait {
    /// The task that waits; `None` if the wait is outside of all turns.
    pub task: Option<TaskKey>,
    /// What it waits for.
    pub resource: Resource,
    /// Where in the source the wait started.
    pub place: &'static Location<'static>,
    /// The tasks that own the resource, and where each acquired it. Waits for the same resource can share the list:
    /// then a report of many owners and many waits stays small.
    pub owners: Arc<Vec<(TaskKey, &'static Location<'static>)>>,
}

impl Wait {
    /// Creates a wait for something that no task owns.
    pub fn new(
        task: Option<TaskKey>,
        resource: Resource,
        place: &'static Location<'static>,
    ) -> Self {
        Wait { task, resource, place, owners: Arc::default() }
    }

    /// Adds a task that owns what is waited for, and where it acquired that. There may be several owners: the readers
    /// of a lock, the holders of permits.
    #[must_use]
    pub fn owned_by(mut self, owner: TaskKey, place: &'static Location<'static>) -> Self {
        Arc::make_mut(&mut self.owners).push((owner, place));
        self
    }
}

/// What a task waits for.
#[derive(Clone)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The end of another task.
    #[non_exhaustive]
    Join {
        /// The other task, which may be one of another scheduler.
        task: TaskLabel,
        /// Where that task was spawned: a `JoinHandle` does not record where it is awaited.
        spawned_at: &'static Location<'static>,
    },
    /// A deadline.
    #[non_exhaustive]
    Sleep {
        /// The time left; `None` if the deadline never comes.
        left: Option<Duration>,
        /// Where the sleep was created.
        place: &'static Location<'static>,
    },
    /// A lock, a channel, or anything else that implements [`Waited`](crate::waiting::Waited).
    #[non_exhaustive]
    Resource {
        /// What it is.
        resource: Resource,
        /// Where the wait started.
        place: &'static Location<'static>,
        /// The tasks that own it, and where each acquired it. The waits for one resource share the list.
        owners: Arc<[Owner]>,
    },
    /// The end of the tasks in a scope.
    #[non_exhaustive]
    Children {
        /// The number of tasks that have not ended.
        count: usize,
        /// Where the scope was created.
        place: &'static Location<'static>,
    },
    /// Its turn: it is ready, but no task polls the scope that it is a child of.
    #[non_exhaustive]
    Scope {
        /// Where the scope was created.
        place: &'static Location<'static>,
    },
    /// A blocking job, or room for it in the queue of a pool.
    #[non_exhaustive]
    Blocking {
        /// The job.
        job: BlockingJob,
    },
    /// Something unknown to turnwise that holds the task's waker.
    #[non_exhaustive]
    Foreign {
        /// The number of wakers held.
        wakers: usize,
    },
    /// Nothing: no waker was kept in its last turn, so nothing can ever wake it. Not listed while a
    /// cancel request on the task is pending: then the task waits for what holds the request.
    Nothing,
}

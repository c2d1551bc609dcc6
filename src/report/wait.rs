//! Who waits for what, and where: the seam between the kernel and everything that can be waited for.
//!
//! A primitive (a lock, a channel, an event) does three things here. It keeps a [`Waiter`] for each wait,
//! to wake it later. It keeps the task and the place beside it, which is all that a report needs. And it
//! registers itself, once somebody has to wait, as something that is [`Waited`] for; then snapshots and
//! deadlock reports name it, its owner and its place.
//!
//! The wait lists *are* the record: nothing is noted down anywhere else, so nothing can be out of date. A
//! `select` that drops a branch removes that branch's wait from its list, and a report made afterwards
//! does not see it.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Weak;
use std::sync::Arc;
use std::task::{Context, Waker};

use crate::kernel::TaskKey;
use crate::kernel::thread;

/// Whoever is to be woken: a task of this thread, or a foreign waker.
///
/// A wait that is polled with its task's own waker is remembered by the task's key: that clones nothing,
/// allocates nothing, and no waker leaves the scheduler, so a deadlock report stays certain. Anything
/// else (inside `FuturesUnordered` and the like, or on another executor) is remembered by its waker.
///
/// # Example
///
/// A gate that opens once, for everybody:
///
/// ```
/// use std::{cell::{Cell, RefCell}, future::poll_fn, rc::Rc, task::Poll};
/// use turnwise::{block_on, spawn, waiting::Waiter, yield_now};
///
/// #[derive(Default)]
/// struct Gate { is_open: Cell<bool>, waiters: RefCell<Vec<Waiter>> }
///
/// impl Gate {
///     async fn pass(&self) {
///         poll_fn(|cx| {
///             if self.is_open.get() { return Poll::Ready(()) }
///             let waiter = Waiter::of(cx); // first: a foreign waker's clone may run any code
///             self.waiters.borrow_mut().push(waiter);
///             Poll::Pending
///         }).await;
///     }
///     fn open(&self) {
///         self.is_open.set(true);
///         let waiters = self.waiters.take(); // the borrow ends here
///         waiters.into_iter().for_each(Waiter::wake);
///     }
/// }
///
/// block_on(async {
///     let gate = Rc::new(Gate::default());
///     let inside = Rc::clone(&gate);
///     let guest = spawn(async move { inside.pass().await });
///     yield_now().await;
///     gate.open();
///     guest.await.unwrap();
/// });
/// ```
pub struct Waiter {
    who: Who,
    /// A key means something on its own thread only.
    _not_send: PhantomData<*const ()>,
}

enum Who {
    Own(TaskKey),
    /// The waker, and the task in whose turn the wait began, if there was one.
    Foreign(Waker, Option<TaskKey>),
}

impl Waiter {
    /// Remembers who is polling.
    ///
    /// # Panics
    ///
    /// If the waker in `cx` is a foreign one and its `clone` panics.
    #[inline]
    pub fn of(cx: &Context<'_>) -> Self {
        let who = match thread::owner_of(cx.waker()) {
            Some(task) => Who::Own(task),
            None => Who::Foreign(cx.waker().clone(), thread::current_task()),
        };
        Waiter { who, _not_send: PhantomData }
    }

    /// Returns whether waking this would wake whoever polls with `cx`: then there is nothing to replace.
    #[inline]
    pub fn is_for(&self, cx: &Context<'_>) -> bool {
        match &self.who {
            Who::Own(task) => thread::owner_of(cx.waker()) == Some(*task),
            Who::Foreign(waker, _) => waker.will_wake(cx.waker()),
        }
    }

    /// The task whose wait this is, as far as it is known.
    pub fn task(&self) -> Option<TaskKey> {
        match &self.who {
            Who::Own(task) => Some(*task),
            Who::Foreign(_, task) => *task,
        }
    }

    /// Wakes it. May run a foreign waker's code, so nothing should be borrowed.
    ///
    /// A task or scheduler that is gone is woken in vain.
    ///
    /// # Panics
    ///
    /// If a foreign waker panics.
    pub fn wake(self) {
        match self.who {
            Who::Own(task) => thread::schedule(task),
            Who::Foreign(waker, _) => waker.wake(),
        }
    }

    /// A task, whoever polls.
    pub(crate) fn of_task(task: TaskKey) -> Self {
        Waiter { who: Who::Own(task), _not_send: PhantomData }
    }

    /// The two parts that a node keeps: a waker if one is needed, and the task.
    pub(crate) fn into_node(self) -> (Option<Waker>, Option<TaskKey>) {
        match self.who {
            Who::Own(task) => (None, Some(task)),
            Who::Foreign(waker, task) => (Some(waker), task),
        }
    }

    /// The task, if it was remembered by its key.
    pub(crate) fn own(&self) -> Option<TaskKey> {
        match &self.who {
            Who::Own(task) => Some(*task),
            Who::Foreign(..) => None,
        }
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
        thread::current_task()
    }

    /// The task whose own waker `cx` has: it can be woken by its key.
    #[inline]
    pub(crate) fn of(cx: &Context<'_>) -> Option<TaskKey> {
        thread::owner_of(cx.waker())
    }

    /// Returns whether this is the task whose own waker `cx` has.
    #[inline]
    pub(crate) fn polls(self, cx: &Context<'_>) -> bool {
        thread::owner_of(cx.waker()) == Some(self)
    }
}

/// What somebody waits for, as reports name it: its kind, and its own name if it was given one.
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

/// One wait: which task waits for what, since it said so at which place, and who could end it.
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
    /// A wait for something that nobody owns.
    pub fn new(
        task: Option<TaskKey>,
        resource: Resource,
        place: &'static Location<'static>,
    ) -> Self {
        Wait { task, resource, place, owners: Vec::new() }
    }

    /// Says who owns what is waited for, and since which place. There may be several owners: the readers of
    /// a lock, the holders of permits.
    #[must_use]
    pub fn owned_by(mut self, owner: TaskKey, place: &'static Location<'static>) -> Self {
        self.owners.push((owner, place));
        self
    }
}

/// Something that tasks wait for, and that can say who does.
pub trait Waited {
    /// Calls `each` once for every wait that is in its list.
    ///
    /// Called when a report or snapshot is made, on the thread that it belongs to, with nothing borrowed
    /// by the kernel.
    fn describe(&self, each: &mut dyn FnMut(Wait));
}

/// Enters something into this thread's list of what is waited for, until the returned value is dropped.
///
/// Do it at the first wait that really waits: then an uncontended lock costs nothing.
pub fn register(waited: Weak<dyn Waited>) -> Registration {
    Registration { number: thread::register(waited), _not_send: PhantomData }
}

/// The entry of something in its thread's list; dropping it removes the entry.
#[derive(Debug)]
#[must_use = "dropping it removes the entry"]
pub struct Registration {
    number: usize,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        thread::unregister(self.number);
    }
}

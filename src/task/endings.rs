//! Who of a group of tasks has ended, in which order, and who waits to be told.
//!
//! Each task of the group has a [`SetMember`] around its future, which leaves word when it is dropped: whether
//! the task has returned, panicked or was aborted, its future is dropped then. So each end costs the same,
//! however many tasks there are, and nobody has to look through them.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::kernel::{Place, TaskKey, Waiter, drop_quietly, wake_safely};
use crate::report::{Registration, Resource, Wait, Waited, register};

/// The list of those that have ended, and of those that have not.
pub(crate) struct Endings {
    kind: &'static str,
    name: RefCell<Option<Arc<str>>>,
    /// The numbers of those that have ended and were not asked about yet, in order.
    ended: RefCell<VecDeque<u32>>,
    /// For reports: the task with each number, as long as it goes on, and where it was spawned.
    alive: RefCell<Vec<Option<(TaskKey, Place)>>>,
    /// Whoever waits for the next end.
    waiter: RefCell<Option<Waiter>>,
    /// Where that wait began.
    place: Cell<Option<Place>>,
    /// Made when somebody has to wait for the first time.
    registration: OnceCell<Registration>,
}

impl Endings {
    /// An empty group of this kind, as reports are to name it.
    pub(crate) fn new(kind: &'static str) -> Rc<Self> {
        Rc::new(Endings {
            kind,
            name: RefCell::default(),
            ended: RefCell::default(),
            alive: RefCell::default(),
            waiter: RefCell::default(),
            place: Cell::default(),
            registration: OnceCell::new(),
        })
    }

    /// The same for the tasks to come, without those there are.
    pub(crate) fn anew(&self) -> Rc<Self> {
        let endings = Endings::new(self.kind);
        endings.name.replace(self.name());
        endings
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.name.replace(Some(name));
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.borrow().clone()
    }

    /// Notes which task has this number.
    pub(crate) fn enter(&self, number: u32, task: TaskKey, place: Place) {
        let mut alive = self.alive.borrow_mut();
        let number = number as usize;
        if number >= alive.len() {
            alive.resize(number + 1, None);
        }
        alive[number] = Some((task, place));
    }

    /// The first that has ended.
    pub(crate) fn first(&self) -> Option<u32> {
        self.ended.borrow().front().copied()
    }

    /// Takes the first from the list.
    pub(crate) fn remove_first(&self) {
        self.ended.borrow_mut().pop_front();
    }

    /// Waits for the next end; not if one has come meanwhile.
    pub(crate) fn poll_any(self: &Rc<Self>, cx: &Context<'_>, place: Place) -> Poll<()> {
        let is_known = self.waiter.borrow().as_ref().is_some_and(|waiter| waiter.is_for(cx));
        if !is_known {
            // A foreign waker's clone may run any code; so it is made first.
            let waiter = Waiter::of(cx);
            if self.first().is_some() {
                drop_quietly(waiter);
                return Poll::Ready(());
            }
            let old = self.waiter.replace(Some(waiter));
            drop_quietly(old);
            self.registration.get_or_init(|| {
                let this: Weak<dyn Waited> = Rc::<Endings>::downgrade(self);
                register(this)
            });
        }
        self.place.set(Some(place));
        Poll::Pending
    }

    /// Nobody waits any more.
    pub(crate) fn forget_waiter(&self) {
        let waiter = self.waiter.take();
        if waiter.is_some() {
            drop_quietly(waiter);
        }
    }

    fn leave(&self, number: u32) {
        if let Some(place) = self.alive.borrow_mut().get_mut(number as usize) {
            *place = None;
        }
        self.ended.borrow_mut().push_back(number);
        let waiter = self.waiter.take();
        if let Some(waiter) = waiter {
            wake_safely(waiter); // The panic of a foreign waker must not become that of the task which ends.
        }
    }
}

impl Waited for Endings {
    fn describe(&self, each: &mut dyn FnMut(Wait)) {
        let task = self.waiter.borrow().as_ref().map(Waiter::task);
        let (Some(task), Some(place)) = (task, self.place.get()) else { return };
        let resource = Resource::new(self.kind);
        let resource = match self.name() {
            Some(name) => resource.named(name),
            None => resource,
        };
        let wait = Wait::new(task, resource, place);
        let alive: Vec<_> = self.alive.borrow().iter().flatten().copied().collect();
        each(alive.into_iter().fold(wait, |wait, (task, place)| wait.owned_by(task, place)));
    }
}

pin_project! {
    /// A future whose end is noted.
    pub(crate) struct SetMember<F> {
        // In this order: what the future does when it is dropped belongs to its life.
        #[pin]
        future: F,
        leaves: Leaves,
    }
}

struct Leaves {
    endings: Rc<Endings>,
    number: u32,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        self.endings.leave(self.number);
    }
}

impl<F> SetMember<F> {
    pub(crate) fn new(future: F, endings: &Rc<Endings>, number: u32) -> Self {
        SetMember { future, leaves: Leaves { endings: Rc::clone(endings), number } }
    }
}

impl<F: Future> Future for SetMember<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

//! Records which tasks of a group have ended, in order, and which task waits for the next one.
//!
//! The future of each task in the group is wrapped in a [`SetMember`], whose drop records the end: the future is
//! dropped whether the task returned, panicked or was aborted. An end therefore costs the same however many tasks there
//! are, since they need not be searched.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::kernel::{Place, TaskId, TaskKey, Waiter, drop_quietly, run_quietly};
use crate::report::{
    Awaited, Detail, Registration, Resource, ResourceId, Wait, Waited, id_anywhere, register,
};
use crate::task::join_error::JoinError;
use crate::watch::{detail, detail_everywhere, is_detailed};

/// A finished task, taken out of the set.
pub(crate) struct Ended<T> {
    pub(super) id: TaskId,
    /// The number of tasks spawned into the group before it.
    pub(crate) rank: u64,
    pub(crate) output: Result<T, JoinError>,
}

impl<T> Ended<T> {
    pub(crate) fn with_id(self) -> Result<(TaskId, T), JoinError> {
        self.output.map(|output| (self.id, output))
    }
}

/// The tasks that have ended, and those that have not.
pub(crate) struct Endings {
    kind: &'static str,
    name: RefCell<Option<Arc<str>>>,
    /// The numbers of the tasks that have ended and were not joined yet, in order.
    ended: RefCell<VecDeque<u32>>,
    /// For reports: the unfinished tasks by number, and where each was spawned.
    alive: RefCell<Vec<Option<(TaskKey, Place)>>>,
    /// The waiter for the next ends.
    waiter: RefCell<Option<Waiter>>,
    /// How many tasks must have ended for the waiter to be woken.
    wanted: Cell<usize>,
    /// Where that wait started.
    place: Cell<Option<Place>>,
    /// Created by the first wait.
    registration: OnceCell<Registration>,
    /// The number in details, once a wait was one.
    number: Cell<Option<ResourceId>>,
}

impl Endings {
    /// Creates an empty group that reports call `kind`.
    pub(crate) fn new(kind: &'static str) -> Rc<Self> {
        Rc::new(Endings {
            kind,
            name: RefCell::default(),
            ended: RefCell::default(),
            alive: RefCell::default(),
            waiter: RefCell::default(),
            wanted: Cell::new(1),
            place: Cell::default(),
            registration: OnceCell::new(),
            number: Cell::default(),
        })
    }

    /// Creates an empty group with the same kind and name, for the tasks spawned from now on.
    pub(crate) fn empty_copy(&self) -> Rc<Self> {
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

    /// Records the task that has this number.
    pub(crate) fn enter(&self, number: u32, task: TaskKey, place: Place) {
        let mut alive = self.alive.borrow_mut();
        let number = number as usize;
        if number >= alive.len() {
            alive.resize(number + 1, None);
        }
        alive[number] = Some((task, place));
    }

    /// Returns the number of the first task that has ended.
    pub(crate) fn first(&self) -> Option<u32> {
        self.ended.borrow().front().copied()
    }

    /// Removes the first one from the list.
    pub(crate) fn remove_first(&self) {
        self.ended.borrow_mut().pop_front();
    }

    /// Waits until this many tasks have ended that were not joined yet.
    pub(crate) fn poll_ends(
        self: &Rc<Self>,
        wanted: usize,
        cx: &Context<'_>,
        place: Place,
    ) -> Poll<()> {
        if self.have_ended(wanted) {
            return Poll::Ready(());
        }
        self.wanted.set(wanted);
        let is_known = self.waiter.borrow().as_ref().is_some_and(|waiter| waiter.is_for(cx));
        if !is_known {
            // Cloning a foreign waker may run any code, so that comes before the check.
            let waiter = Waiter::of(cx);
            if self.have_ended(wanted) {
                drop_quietly(waiter);
                return Poll::Ready(());
            }
            let task = waiter.task();
            let old = self.waiter.replace(Some(waiter));
            if is_detailed() {
                self.wait_ended(old.as_ref());
                self.wait_began(task, place);
            }
            drop_quietly(old);
            self.registration.get_or_init(|| {
                let this: Weak<dyn Waited> = Rc::<Endings>::downgrade(self);
                register(this)
            });
        }
        self.place.set(Some(place));
        Poll::Pending
    }

    fn have_ended(&self, wanted: usize) -> bool {
        self.ended.borrow().len() >= wanted
    }

    /// Removes the waiter.
    pub(crate) fn forget_waiter(&self) {
        let waiter = self.take_waiter();
        if waiter.is_some() {
            drop_quietly(waiter);
        }
    }

    fn take_waiter(&self) -> Option<Waiter> {
        let waiter = self.waiter.take();
        if is_detailed() {
            self.wait_ended(waiter.as_ref());
        }
        waiter
    }

    fn leave(&self, number: u32) {
        if let Some(place) = self.alive.borrow_mut().get_mut(number as usize) {
            *place = None;
        }
        self.ended.borrow_mut().push_back(number);
        if !self.have_ended(self.wanted.get()) {
            return;
        }
        let waiter = self.take_waiter();
        if let Some(waiter) = waiter {
            run_quietly(|| waiter.wake()); // The panic of a foreign waker must not become that of the ending task.
        }
    }
}

// ----- details -----

impl Endings {
    fn resource(&self) -> Resource {
        let resource = Resource::new(self.kind);
        match self.name() {
            Some(name) => resource.named(name),
            None => resource,
        }
    }

    #[cold]
    fn wait_began(&self, task: Option<TaskKey>, place: Place) {
        let Some(task) = task else { return };
        let number = self.number.get().unwrap_or_else(ResourceId::of_group);
        self.number.set(Some(number));
        detail(task.scheduler, || Detail::WaitBegan {
            task: id_anywhere(task),
            on: Awaited::Resource(number),
            what: Some(self.resource()),
            place: Some(place),
        });
    }

    #[cold]
    fn wait_ended(&self, waiter: Option<&Waiter>) {
        let task = waiter.and_then(Waiter::task);
        let (Some(task), Some(number)) = (task, self.number.get()) else { return };
        let on = Awaited::Resource(number);
        let place = self.place.get();
        detail(task.scheduler, || Detail::WaitEnded { task: id_anywhere(task), on, place });
    }
}

impl Drop for Endings {
    fn drop(&mut self) {
        if let Some(resource) = self.number.get() {
            detail_everywhere(|| Detail::ResourceGone { resource });
        }
    }
}

impl Waited for Endings {
    fn describe(&self, each: &mut dyn FnMut(Wait)) {
        let task = self.waiter.borrow().as_ref().map(Waiter::task);
        let (Some(task), Some(place)) = (task, self.place.get()) else { return };
        let resource = self.resource();
        let wait = Wait::new(task, resource, place);
        let alive: Vec<_> = self.alive.borrow().iter().flatten().copied().collect();
        each(alive.into_iter().fold(wait, |wait, (task, place)| wait.owned_by(task, place)));
    }
}

pin_project! {
    /// A future that records its end.
    pub(crate) struct SetMember<F> {
        // In this order: the future's destructors run before its end is recorded.
        #[pin]
        future: F,
        guard: EndGuard,
    }
}

struct EndGuard {
    endings: Rc<Endings>,
    number: u32,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.endings.leave(self.number);
    }
}

impl<F> SetMember<F> {
    pub(crate) fn new(future: F, endings: &Rc<Endings>, number: u32) -> Self {
        SetMember { future, guard: EndGuard { endings: Rc::clone(endings), number } }
    }
}

impl<F: Future> Future for SetMember<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

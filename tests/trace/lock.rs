//! A FIFO lock, built on `turnwise::waiting` like any primitive in user code.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use turnwise::waiting::{Registration, Resource, TaskKey, Wait, Waited, Waiter, register};

type Place = &'static Location<'static>;

/// The lock; clones are the same lock.
#[derive(Clone)]
pub(crate) struct Lock(Rc<LockState>);

struct LockState {
    name: &'static str,
    is_locked: Cell<bool>,
    /// The task that owns it, if it is a task, and where it was locked.
    owner: Cell<Option<(TaskKey, Place)>>,
    queue: RefCell<VecDeque<Node>>,
    tickets: Cell<u64>,
    /// Created when a task has to wait for the first time.
    registration: OnceCell<Registration>,
}

struct Node {
    ticket: u64,
    waiter: Waiter,
    place: Place,
}

impl Lock {
    pub(crate) fn named(name: &'static str) -> Self {
        Lock(Rc::new(LockState {
            name,
            is_locked: Cell::new(false),
            owner: Cell::new(None),
            queue: RefCell::default(),
            tickets: Cell::new(0),
            registration: OnceCell::new(),
        }))
    }

    /// Waits until all earlier callers have had the lock.
    #[track_caller]
    pub(crate) fn lock(&self) -> Locking {
        Locking { state: Rc::clone(&self.0), place: Location::caller(), stage: Stage::New }
    }
}

pub(crate) struct Locking {
    state: Rc<LockState>,
    place: Place,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    New,
    Queued(u64),
    Done,
}

impl Future for Locking {
    type Output = Guard;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Guard> {
        let state = Rc::clone(&self.state);
        let waiter = Waiter::of(cx); // Before anything is borrowed: a foreign clone may run any code.
        match self.stage {
            Stage::New if state.is_locked.replace(true) => {
                state.registration.get_or_init(|| {
                    let state: Rc<dyn Waited> = Rc::clone(&state) as _;
                    register(Rc::downgrade(&state))
                });
                let ticket = state.tickets.replace(state.tickets.get() + 1);
                let place = self.place;
                state.queue.borrow_mut().push_back(Node { ticket, waiter, place });
                self.stage = Stage::Queued(ticket);
                return Poll::Pending;
            }
            Stage::New => state.owner.set(TaskKey::current().map(|task| (task, self.place))),
            Stage::Queued(ticket) => {
                let mut queue = state.queue.borrow_mut();
                if let Some(node) = queue.iter_mut().find(|node| node.ticket == ticket) {
                    node.waiter = waiter;
                    return Poll::Pending;
                }
            }
            Stage::Done => panic!("a lock future was polled after completion"),
        }
        self.stage = Stage::Done;
        Poll::Ready(Guard(state))
    }
}

impl Drop for Locking {
    fn drop(&mut self) {
        let Stage::Queued(ticket) = self.stage else { return };
        let position = self.state.queue.borrow().iter().position(|node| node.ticket == ticket);
        match position {
            Some(position) => drop(self.state.queue.borrow_mut().remove(position)),
            // It was granted in the meantime, and is passed on.
            None => self.state.pass_on(),
        }
    }
}

pub(crate) struct Guard(Rc<LockState>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

impl LockState {
    fn pass_on(&self) {
        let first = self.queue.borrow_mut().pop_front();
        let owner = first.as_ref().and_then(|node| Some((node.waiter.task()?, node.place)));
        self.owner.set(owner);
        match first {
            Some(node) => node.waiter.wake(),
            None => self.is_locked.set(false),
        }
    }
}

impl Waited for LockState {
    fn describe(&self, each: &mut dyn FnMut(Wait)) {
        for node in &*self.queue.borrow() {
            let resource = Resource::new("mutex").named(self.name);
            let wait = Wait::new(node.waiter.task(), resource, node.place);
            each(match self.owner.get() {
                Some((owner, place)) => wait.owned_by(owner, place),
                None => wait,
            });
        }
    }
}

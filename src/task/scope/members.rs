//! What a scope knows of its children that does not borrow from around it: who there is, and how they failed.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::{Birth, Ending, Host, Kernel, TaskId, current};
use crate::task::scope::child::{Boxed, Outcome};
use crate::task::scope::error::{Cause, ChildError, ScopeError};

/// The children by number, their host, and the end of the scope.
pub(super) struct Members {
    /// Where the scope was made.
    place: &'static Location<'static>,
    /// Opened for the first child: a scope without children needs no scheduler.
    host: OnceCell<Host>,
    list: RefCell<List>,
    /// How many children are not over.
    alive: Cell<usize>,
    /// Why everybody is to stop, once that is so.
    stopped: RefCell<Option<Arc<str>>>,
    /// A failure stops nobody.
    collects_all: Cell<bool>,
    failures: RefCell<Vec<ChildError>>,
}

/// Numbers are used again, so that the list is no longer than there ever were children at a time.
#[derive(Default)]
struct List {
    members: Vec<Option<Member>>,
    vacant: Vec<u32>,
}

#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) slot: u32,
    pub(super) id: TaskId,
    pub(super) place: &'static Location<'static>,
}

impl Members {
    pub(super) fn new(place: &'static Location<'static>) -> Self {
        Members {
            place,
            host: OnceCell::new(),
            list: RefCell::default(),
            alive: Cell::new(0),
            stopped: RefCell::new(None),
            collects_all: Cell::new(false),
            failures: RefCell::default(),
        }
    }

    pub(super) fn host(&self) -> Option<&Host> {
        self.host.get()
    }

    /// The kernel that the children live in.
    ///
    /// # Panics
    ///
    /// If there is none: for handles, which there are only of children that were spawned.
    pub(super) fn kernel(&self) -> &Rc<Kernel> {
        self.host.get().expect("a handle is of a child, and children have a host").kernel()
    }

    pub(super) fn alive(&self) -> usize {
        self.alive.get()
    }

    /// Makes a child; returns its number.
    ///
    /// # Panics
    ///
    /// If it is the first one and no scheduler runs on this thread, or if the scheduler is gone.
    #[track_caller]
    pub(super) fn add(&self, birth: Birth, name: Option<Arc<str>>) -> (u32, Member) {
        let host = self.host.get_or_init(|| {
            let kernel = current().expect(
                "a child of a scope needs a running scheduler: await the scope inside `block_on` \
                 or in a task",
            );
            Host::open(kernel, self.place)
        });
        assert!(
            !host.is_closed(),
            "the scheduler that the children of this scope live on was dropped: \
             let the scope end before its scheduler does"
        );
        let number = {
            let mut list = self.list.borrow_mut();
            list.vacant.pop().unwrap_or_else(|| {
                list.members.push(None);
                u32::try_from(list.members.len() - 1).expect("fewer than 2^32 tasks fit into memory")
            })
        };
        self.alive.set(self.alive.get() + 1);
        let (slot, id) = host.spawn(number, birth, name);
        let member = Member { slot, id, place: birth.place };
        self.list.borrow_mut().members[number as usize] = Some(member);
        if self.stopped.borrow().is_some() {
            self.stop_one(member); // Before its first turn.
        }
        (number, member)
    }

    /// A child is over.
    pub(super) fn remove(&self, number: u32) -> Option<Member> {
        let mut list = self.list.borrow_mut();
        let member = list.members[number as usize].take()?;
        list.vacant.push(number);
        self.alive.set(self.alive.get() - 1);
        Some(member)
    }

    /// Notes how a child ended that has just had its last turn. The first failure stops the others.
    pub(super) fn note(&self, number: u32, outcome: Outcome) -> Ending {
        let member = self.remove(number);
        let (ending, cause) = match outcome {
            Outcome::Returned => return Ending::Returned,
            Outcome::Failed(error) => (Ending::Returned, Cause::Error(error)),
            Outcome::Panicked(payload) => (Ending::Panicked, Cause::panic(payload)),
        };
        if let Some(Member { slot, id, place }) = member {
            let name = self.kernel().name_of(slot, id);
            self.fail(ChildError { id, name, place, cause });
        }
        ending
    }

    #[cold]
    fn fail(&self, error: ChildError) {
        let reason = format!("{} failed", error.label());
        self.failures.borrow_mut().push(error);
        if !self.collects_all.get() {
            self.stop(reason.into());
        }
    }

    /// Stops everybody; does nothing if that was done before.
    pub(super) fn stop(&self, reason: Arc<str>) {
        if self.stopped.borrow().is_some() {
            return;
        }
        self.stopped.replace(Some(reason));
        let members = self.list.borrow().members.clone();
        members.into_iter().flatten().for_each(|member| self.stop_one(member));
    }

    /// Stops one child.
    fn stop_one(&self, member: Member) {
        self.kernel().abort(member.slot, member.id);
    }

    /// Ends a child outside of its turn.
    pub(super) fn end(&self, number: u32, child: Boxed<'_>) {
        let mut child = child;
        let _entered = self.host().and_then(Host::enter);
        child.as_mut().abort();
        if let (Some(host), Some(member)) = (self.host(), self.remove(number)) {
            host.end(member.slot, member.id);
        }
    }

    /// The numbers of the children, in the order in which they were spawned.
    pub(super) fn in_order(&self) -> Vec<u32> {
        let list = self.list.borrow();
        let members = list.members.iter().zip(0..);
        let mut ids: Vec<(TaskId, u32)> =
            members.filter_map(|(member, number)| Some((member.as_ref()?.id, number))).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, number)| number).collect()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    pub(super) fn collect_all(&self) {
        self.collects_all.set(true);
    }

    /// What the scope ends with, given what its body ended with.
    pub(super) fn result<T>(&self, value: Option<T>) -> Result<T, ScopeError> {
        let failures = self.failures.take();
        match value {
            Some(value) if failures.is_empty() => Ok(value),
            _ => Err(ScopeError::new(failures, self.stopped.take())),
        }
    }
}

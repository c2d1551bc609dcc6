//! A scope's data about its children that does not borrow from around it: their host, and their failures.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::cancel::{Reason, cancel};
use crate::kernel::{Ending, Kernel, SpawnMeta, TaskId, current};
use crate::scope::child::Failed;
use crate::scope::error::{ChildCause, ChildError, ScopeError};
use crate::scope::hosts::Host;

/// The shared data of a scope's children.
pub(super) struct Members {
    /// Where the scope was created.
    place: &'static Location<'static>,
    /// Opened for the first child: a scope without children needs no scheduler.
    host: OnceCell<Host>,
    /// Why the scope was stopped, if it was.
    stopped: RefCell<Option<Reason>>,
    /// The reason of the latest request: if there are several, each is passed on with its own.
    asked: RefCell<Option<Reason>>,
    /// Whether the latest request still has to be passed on to the body, and to the children.
    is_body_unrequested: Cell<bool>,
    are_children_unrequested: Cell<bool>,
    /// Whether a failure leaves the others running.
    collects_all: Cell<bool>,
    failures: RefCell<Vec<ChildError>>,
}

impl Members {
    pub(super) fn new(place: &'static Location<'static>) -> Self {
        Members {
            place,
            host: OnceCell::new(),
            stopped: RefCell::new(None),
            asked: RefCell::new(None),
            is_body_unrequested: Cell::new(false),
            are_children_unrequested: Cell::new(false),
            collects_all: Cell::new(false),
            failures: RefCell::default(),
        }
    }

    pub(super) fn host(&self) -> Option<&Host> {
        self.host.get()
    }

    /// Returns the kernel of the children. Only handles call this: they have a child, so there is one.
    pub(super) fn kernel(&self) -> &Rc<Kernel> {
        self.host.get().expect("a handle belongs to a child, and children have a host").kernel()
    }

    /// Creates the child with this number.
    #[inline]
    pub(super) fn add(
        &self,
        host: &Host,
        number: u32,
        meta: SpawnMeta,
        name: Option<Arc<str>>,
    ) -> (u32, TaskId) {
        let (slot, id) = host.spawn(number, meta, name);
        if self.is_stopped() {
            self.stop_new(host, slot, id);
        }
        (slot, id)
    }

    /// Cancels a child that was spawned after the scope was stopped, before its first turn.
    #[cold]
    fn stop_new(&self, host: &Host, slot: u32, id: TaskId) {
        let reason = self.stopped.borrow().clone();
        cancel(host.kernel(), slot, id, &reason.unwrap_or(Reason::Unsaid));
    }

    /// Returns the host for one more child.
    ///
    /// # Panics
    ///
    /// If this is the first one and no scheduler runs on this thread, or if the scheduler is gone.
    #[track_caller]
    #[inline]
    pub(super) fn open_host(&self) -> &Host {
        let host = match self.host.get() {
            Some(host) => host,
            None => self.make_host(),
        };
        assert!(
            !host.is_closed(),
            "the scheduler of this scope's children was dropped: \
             let the scope end before its scheduler does"
        );
        host
    }

    #[track_caller]
    #[cold]
    fn make_host(&self) -> &Host {
        let kernel = current().expect(
            "a child of a scope needs a running scheduler: await the scope inside `block_on` or in a task",
        );
        self.host.get_or_init(|| Host::open(kernel, self.place))
    }

    /// Records the failure of a child that has just had its last turn. The first failure stops the others.
    #[cold]
    pub(super) fn fail(&self, slot: u32, id: TaskId, failed: Failed) -> Ending {
        let (ending, cause) = match failed {
            Failed::Error(error) => (Ending::Returned, ChildCause::Error(error)),
            Failed::Panic(payload) => (Ending::Panicked, ChildCause::panic(payload)),
        };
        let origin = self.host().and_then(|host| host.origin(slot, id));
        let (name, place) = origin.unwrap_or((None, self.place));
        let error = ChildError { id, name, place, cause };
        let reason = format!("{} failed", error.label());
        self.failures.borrow_mut().push(error);
        if !self.collects_all.get() {
            self.stop(&Reason::Said(reason.into()));
        }
        ending
    }

    /// Stops the scope, unless that was done before: the body and all children will be cancelled.
    pub(super) fn stop(&self, reason: &Reason) {
        if !self.is_stopped() {
            self.stop_again(reason);
        }
    }

    /// Stops the scope, possibly again: the body and all children will be cancelled.
    pub(super) fn stop_again(&self, reason: &Reason) {
        self.stopped.borrow_mut().get_or_insert_with(|| reason.clone());
        self.asked.replace(Some(reason.clone()));
        self.is_body_unrequested.set(true);
        self.are_children_unrequested.set(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    /// Takes the reason of a request that was not yet passed on to the children.
    #[inline]
    pub(super) fn ask_children(&self) -> Option<Reason> {
        if self.are_children_unrequested.replace(false) {
            self.asked.borrow().clone()
        } else {
            None
        }
    }

    /// Takes the reason of a request that was not yet passed on to the body.
    pub(super) fn ask_body(&self) -> Option<Reason> {
        let is_unrequested = self.is_body_unrequested.replace(false);
        self.asked.borrow().clone().filter(|_| is_unrequested)
    }

    pub(super) fn collect_all(&self) {
        self.collects_all.set(true);
    }

    /// Returns the result of the scope, given the value of its body.
    pub(super) fn result<T>(&self, value: Option<T>) -> Result<T, ScopeError> {
        let failures = self.failures.take();
        match value {
            Some(value) if failures.is_empty() => Ok(value),
            _ => Err(ScopeError::new(failures, self.stopped.take())),
        }
    }
}

//! A scope's data about its children that does not borrow from around it: their host, and what has failed.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::panic::resume_unwind;
use std::rc::Rc;

use crate::cancel::{Reason, cancel};
use crate::kernel::{
    Ending, Kernel, Place, TaskId, TaskKey, current, current_task, drop_quietly, find,
};
use crate::report::TaskLabel;
use crate::scope::error::{ChildCause, ChildError, ScopeError};
use crate::scope::hosts::Host;
use crate::watch::origin;

/// The shared data of a scope's children.
pub(super) struct Members {
    /// Where the scope was created.
    pub(super) place: Place,
    /// Opened for the first child: a scope without children needs no scheduler.
    pub(super) host: OnceCell<Host>,
    /// The task that polled the scope last. The body runs in it.
    pub(super) poller: Cell<Option<TaskKey>>,
    /// Why the scope was stopped, if it was.
    stopped: RefCell<Option<Reason>>,
    /// The reason of the latest request, until it is passed on to the body, and to the children: if there are several
    /// requests, each is passed on with its own reason.
    pub(super) body_request: Cell<Option<Reason>>,
    pub(super) child_request: Cell<Option<Reason>>,
    /// Whether a failure leaves the others running.
    pub(super) collects_all: Cell<bool>,
    failures: RefCell<Vec<ChildError>>,
    /// The task in which the body has failed.
    failed_in: Cell<Option<TaskId>>,
}

impl Members {
    pub(super) fn new(place: Place) -> Self {
        Members {
            place,
            host: OnceCell::new(),
            poller: Cell::new(None),
            stopped: RefCell::new(None),
            body_request: Cell::new(None),
            child_request: Cell::new(None),
            collects_all: Cell::new(false),
            failures: RefCell::default(),
            failed_in: Cell::new(None),
        }
    }

    /// Returns the kernel of the children. Only handles call this: they have a child, so there is one.
    pub(super) fn kernel(&self) -> &Rc<Kernel> {
        &self.host.get().expect("a handle belongs to a child, and children have a host").kernel
    }

    /// Cancels a new child before its first turn: the scope was stopped.
    #[cold]
    pub(super) fn stop_new(&self, host: &Host, slot: u32, id: TaskId) {
        let stopped = self.stopped.borrow().clone();
        if let Some(reason) = stopped {
            cancel(&host.kernel, slot, id, &reason);
        }
    }

    /// Returns the host for one more child.
    ///
    /// # Panics
    ///
    /// If this is the first one and no scheduler runs on this thread, or if the scheduler is gone.
    #[track_caller]
    #[inline]
    pub(super) fn open_host(&self) -> &Host {
        let host = if let Some(host) = self.host.get() {
            host
        } else {
            let kernel = current().expect(
                "a child of a scope needs a running scheduler: \
                 await the scope inside `block_on` or in a task",
            );
            self.host.get_or_init(|| Host::open(kernel, self.place))
        };
        assert!(
            !host.kernel.is_closed.get(),
            "the scheduler of this scope's children was dropped: \
             let the scope end before its scheduler does"
        );
        host
    }

    /// Records the failure of a child that has just had its last turn. The first failure stops the others.
    #[cold]
    pub(super) fn fail_child(&self, slot: u32, id: TaskId, cause: ChildCause) -> Ending {
        let is_panic = matches!(cause, ChildCause::Panic(_));
        // If its scheduler was dropped in its last turn, no more is known of it.
        let bare = || (TaskLabel::new(id, None), self.place);
        let (child, place) = origin(self.kernel(), id.key(slot)).unwrap_or_else(bare);
        self.fail(ChildError { child: Some(child), place, cause }, !self.collects_all.get());
        if is_panic { Ending::Panicked } else { Ending::Returned }
    }

    /// Records a failure of the task whose turn it is: of the body, if that is the task that polls the scope. Unless it
    /// `stops` the scope, the others may continue.
    #[cold]
    pub(super) fn fail_here(&self, cause: ChildCause, stops: bool) {
        let task = current_task();
        let origin = task.and_then(|task| origin(&*find(task.scheduler)?, task.key));
        let is_body = task == self.poller.get();
        let (child, place) = match origin {
            Some((label, place)) if !is_body => (Some(label), place),
            origin => {
                self.failed_in.set(origin.map(|(label, _)| label.id));
                (None, self.place)
            }
        };
        self.fail(ChildError { child, place, cause }, stops);
    }

    fn fail(&self, error: ChildError, stops: bool) {
        let reason = format!("{} failed", error.label());
        self.failures.borrow_mut().push(error);
        if stops {
            self.stop(&Reason::Said(reason.into()));
        }
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
        self.body_request.set(Some(reason.clone()));
        self.child_request.set(Some(reason.clone()));
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    /// Returns the place of the body's panic among the failures, if it has panicked.
    pub(super) fn panic(&self) -> Option<usize> {
        self.failures.borrow().iter().position(|error| error.is_body() && error.is_panic())
    }

    /// Returns the result of the scope, given the value of its body.
    ///
    /// # Panics
    ///
    /// If the body has panicked. The other failures are reported when this is dropped.
    pub(super) fn result<T>(&self, value: Option<T>) -> Result<T, ScopeError> {
        let panic = self.panic().map(|position| self.failures.borrow_mut().remove(position));
        if let Some(Ok(payload)) = panic.map(ChildError::try_into_panic) {
            resume_unwind(payload);
        }
        let failures = self.failures.take();
        match value {
            Some(value) if failures.is_empty() => Ok(value),
            _ => Err(ScopeError { failures, reason: self.stopped.take() }),
        }
    }
}

impl Drop for Members {
    /// Reports the failures that the scope has not returned: it was dropped, or its body panicked.
    fn drop(&mut self) {
        let failures = mem::take(self.failures.get_mut());
        if failures.is_empty() {
            return;
        }
        let kernel = self.host.get().map(|host| Rc::clone(&host.kernel)).or_else(current);
        let name = Some("the body of a scope".into());
        let body = self.failed_in.get().map(|id| TaskLabel::new(id, name));
        for error in failures {
            error.report(kernel.as_deref(), body.as_ref());
            drop_quietly(error);
        }
    }
}

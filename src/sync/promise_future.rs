//! Awaiting a promise: the state that its handles and futures share, and how waiters are notified.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::kernel::drop_quietly;
use crate::kernel::{Place, Waiter};
use crate::limits::{Limited, poll_limited};
use crate::report::{Report, WaitsFor};
use crate::sync::PromiseError;
use crate::sync::record::WaitStage;
use crate::sync::waiters::{Ticket, Waiters};
use crate::watch::{ReportTarget, explained};

/// The state that handles and futures share.
pub(super) struct PromiseShared<T> {
    pub(super) outcome: OnceCell<Result<T, PromiseError>>,
    /// The number of handles.
    handles: Cell<usize>,
    pub(super) waiters: Waiters,
    /// The number for the next registration: a wait, which has it as its word, or a callback.
    asked: Cell<u32>,
    /// In the order of their numbers; empty once it is settled.
    callbacks: RefCell<Vec<(u32, PromiseCallback<T>)>>,
    /// Where it failed, until something has read that.
    pub(super) unread: Cell<Option<Place>>,
}

/// Spawns the task that runs the callback.
pub(super) type PromiseCallback<T> = Box<dyn FnOnce(Rc<PromiseShared<T>>)>;

impl<T> PromiseShared<T> {
    /// Creates the state of a promise with one handle.
    pub(super) fn new() -> Self {
        PromiseShared {
            outcome: OnceCell::new(),
            handles: Cell::new(1),
            waiters: Waiters::new(&"promise"),
            asked: Cell::new(0),
            callbacks: RefCell::new(Vec::new()),
            unread: Cell::new(None),
        }
    }

    pub(super) fn add_handle(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// Returns the number of handles left.
    pub(super) fn remove_handle(&self) -> usize {
        let left = self.handles.get() - 1;
        self.handles.set(left);
        left
    }

    /// Keeps a callback until the promise is settled.
    pub(super) fn call_later(&self, callback: PromiseCallback<T>) {
        let number = self.next_number();
        self.callbacks.borrow_mut().push((number, callback));
    }

    fn next_number(&self) -> u32 {
        self.asked.replace(self.asked.get().wrapping_add(1))
    }

    /// Settles the promise, once, and serves waits and callbacks in the order in which they were registered.
    pub(super) fn settle(
        self: &Rc<Self>,
        outcome: Result<T, PromiseError>,
    ) -> Result<(), Result<T, PromiseError>> {
        self.outcome.set(outcome)?;
        // From now on no wait joins.
        let mut callbacks = self.callbacks.take().into_iter().peekable();
        loop {
            let next = callbacks.peek().map(|&(number, _)| number);
            let is_first = |number| next.is_none_or(|next| number < next);
            if self.waiters.serve_first(false, is_first) {
                continue;
            }
            let Some((_, call)) = callbacks.next() else { return Ok(()) };
            call(Rc::clone(self));
        }
    }
}

impl<T: Clone> PromiseShared<T> {
    pub(super) fn outcome(&self) -> Result<T, PromiseError> {
        self.unread.set(None);
        self.outcome.get().cloned().expect("the outcome is read after the promise is settled")
    }
}

impl<T> Drop for PromiseShared<T> {
    fn drop(&mut self) {
        let unread = self.unread.take().zip(self.outcome.get());
        if let Some((failed_at, Err(error))) = unread {
            let error = explained(|| error.to_string());
            let name = self.waiters.name();
            ReportTarget::here().send(Report::UnreadPromise { name, failed_at, error });
        }
    }
}

/// The future of [`Promise::get`](crate::sync::Promise::get). Clones can be awaited independently.
#[must_use = "a future does nothing until it is awaited"]
pub struct PromiseFuture<T> {
    shared: Rc<PromiseShared<T>>,
    place: Place,
    ticket: Option<Ticket>,
}

impl<T> PromiseFuture<T> {
    pub(super) fn new(shared: Rc<PromiseShared<T>>, place: Place) -> Self {
        PromiseFuture { shared, place, ticket: None }
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.waiters.leave(ticket);
        }
    }
}

/// The wait until the promise is settled.
impl<T> Limited for &mut PromiseFuture<T> {
    type Output = ();

    fn poll_now(self, cx: &Context<'_>) -> Poll<()> {
        let shared = &self.shared;
        if shared.outcome.get().is_some() {
            self.leave();
            return Poll::Ready(());
        }
        if let Some(ticket) = &self.ticket {
            if shared.waiters.poll(ticket, cx) == WaitStage::Waiting {
                return Poll::Pending;
            }
            self.leave();
            return Poll::Ready(());
        }
        let waiter = Waiter::of(cx);
        // Cloning a foreign waker may have run arbitrary code.
        if shared.outcome.get().is_some() {
            drop_quietly(waiter);
            return Poll::Ready(());
        }
        self.ticket = Some(shared.waiters.join(waiter, shared.next_number(), self.place));
        Poll::Pending
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.shared.waiters.describe(self.place))
    }
}

impl<T: Clone> Future for PromiseFuture<T> {
    type Output = Result<T, PromiseError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_limited(&mut *self, cx).map(|()| self.shared.outcome())
    }
}

impl<T> Clone for PromiseFuture<T> {
    /// Creates another future of the same promise.
    fn clone(&self) -> Self {
        PromiseFuture { shared: Rc::clone(&self.shared), place: self.place, ticket: None }
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").field("place", &self.place).finish_non_exhaustive()
    }
}

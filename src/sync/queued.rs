//! One wait as a future: FIFO, and undone by its drop.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::kernel::Waiter;
use crate::kernel::{Place, TaskKey, drop_quietly};
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::sync::waiters::{Left, Ticket, Waiters};

/// A resource with a wait list.
pub(crate) trait Source {
    /// Returns the wait list.
    fn waiters(&self) -> &Waiters;

    /// Takes what is wanted immediately, if it is available and no wait is queued. `Ok` is the grant; `Err` is
    /// the word with which a new wait joins the list.
    fn try_take(&self, wanted: u32, place: Place) -> Result<Grant, u32>;

    /// Called when a wait left the list without a grant: perhaps the next one can be served now.
    fn left_waiting(&self) {}

    /// Passes on the grant of a wait that was dropped before it saw it.
    fn give_back(&self, grant: Left);
}

/// The result of a wait.
#[derive(Debug)]
pub(crate) enum Grant {
    /// The word that the wait was woken with.
    Word(u32),
    /// The node that records the task as a holder of the resource.
    Holding(Ticket),
}

/// The future of a wait.
#[derive(Debug)]
pub(crate) struct Queued<'a, S: Source> {
    source: &'a S,
    wanted: u32,
    place: Place,
    ticket: Option<Ticket>,
}

impl<'a, S: Source> Queued<'a, S> {
    #[inline]
    pub(crate) fn new(source: &'a S, wanted: u32, place: Place) -> Self {
        Queued { source, wanted, place, ticket: None }
    }

    /// Continues a suspended wait: for a future that owns its source, and so cannot contain a
    /// `Queued` that borrows from it.
    pub(crate) fn resume(source: &'a S, wanted: u32, place: Place, ticket: Option<Ticket>) -> Self {
        Queued { source, wanted, place, ticket }
    }

    /// Suspends the wait without ending it. `None` if it has not started or has completed.
    pub(crate) fn suspend(mut self) -> Option<Ticket> {
        self.ticket.take()
    }

    /// Returns whether it is waiting, or has a grant that it has not seen yet.
    #[inline]
    pub(crate) fn has_begun(&self) -> bool {
        self.ticket.is_some()
    }

    #[inline]
    pub(crate) fn source(&self) -> &'a S {
        self.source
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Describes what it waits for.
    pub(crate) fn describe(&self) -> WaitsFor {
        self.source.waiters().describe(self.place)
    }

    #[inline]
    fn first_poll(&mut self, cx: &Context<'_>) -> Poll<Grant> {
        let word = match self.source.try_take(self.wanted, self.place) {
            Ok(grant) => return Poll::Ready(grant),
            Err(word) => word,
        };
        let Some(task) = TaskKey::of(cx) else { return self.join_as_foreign(cx) };
        self.ticket = Some(self.source.waiters().join_task(task, word, self.place));
        Poll::Pending
    }

    /// Cloning a foreign waker may run arbitrary code, so the source is checked again.
    #[cold]
    fn join_as_foreign(&mut self, cx: &Context<'_>) -> Poll<Grant> {
        let waiter = Waiter::of(cx);
        match self.source.try_take(self.wanted, self.place) {
            Ok(grant) => {
                drop_quietly(waiter); // If its destructor panics, the grant must not be lost.
                Poll::Ready(grant)
            }
            Err(word) => {
                self.ticket = Some(self.source.waiters().join(waiter, word, self.place));
                Poll::Pending
            }
        }
    }
}

impl<S: Source> Limited for &mut Queued<'_, S> {
    type Output = Grant;

    #[allow(clippy::inline_always, reason = "it is the poll of every wait of this kind")]
    #[inline(always)]
    fn poll_now(self, cx: &Context<'_>) -> Poll<Grant> {
        let Some(ticket) = &self.ticket else { return self.first_poll(cx) };
        let Some(left) = self.source.waiters().poll_outcome(ticket, cx) else {
            return Poll::Pending;
        };
        let ticket = self.ticket.take();
        match (left, ticket) {
            (Left::Woken(word), _) => Poll::Ready(Grant::Word(word)),
            (Left::Holding(_), Some(ticket)) => Poll::Ready(Grant::Holding(ticket)),
            (left, _) => unreachable!("a finished wait was granted, but this one is {left:?}"),
        }
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(Queued::describe(self))
    }
}

impl<S: Source> Future for Queued<'_, S> {
    type Output = Grant;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Grant> {
        poll_limited(&mut *self, cx)
    }
}

impl<S: Source> Drop for Queued<'_, S> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.give_up();
        }
    }
}

impl<S: Source> Queued<'_, S> {
    /// Out of line, so that the drop of a wait that has completed is short enough to be inlined.
    #[inline(never)]
    fn give_up(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        match self.source.waiters().leave(ticket) {
            Left::Waiting => self.source.left_waiting(),
            grant => self.source.give_back(grant),
        }
    }
}

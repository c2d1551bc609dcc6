//! The wait of a single receiver. Its wake hands nothing over: the receiver looks again.

use std::task::{Context, Poll};

use crate::kernel::Waiter;
use crate::kernel::{Place, TaskKey, drop_quietly};
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::sync::waiters::{Ticket, Waiters};
use crate::sync::{EndedBy, WaitStage};

/// The wait of a receiver that alone may take what it waits for.
///
/// A value stays in the channel until the receiver takes it, so a dropped wait has nothing to pass on. The listener is
/// a field of the receiver, not of its future: a future that was forgotten does not get in the way of the next one.
///
/// Its node is reused from one wait to the next. The receiver calls [`Listener::rest`] when its future is dropped, and
/// [`Listener::leave`] when it is dropped itself.
#[derive(Debug)]
pub(crate) struct Listener {
    ticket: Option<Ticket>,
    /// A wait has started, and nothing was found since.
    is_waiting: bool,
}

impl Listener {
    pub(crate) const fn new() -> Self {
        Listener { ticket: None, is_waiting: false }
    }

    /// Returns what `look` finds; otherwise joins the list, to be woken and look again. The first wait in the list sets
    /// what may end it, for reports.
    #[inline]
    pub(crate) fn wait<R>(
        &mut self,
        waiters: &Waiters,
        place: Place,
        cx: &Context<'_>,
        ended_by: impl FnOnce() -> EndedBy,
        look: impl FnMut() -> Poll<R>,
    ) -> Poll<R> {
        poll_limited(Listening { listener: self, waiters, place, ended_by, look }, cx)
    }

    /// The slow path: a repeated poll, or a foreign waker.
    #[cold]
    fn wait_slow_path<R>(
        &mut self,
        waiters: &Waiters,
        place: Place,
        cx: &Context<'_>,
        ended_by: impl FnOnce() -> EndedBy,
        mut look: impl FnMut() -> Poll<R>,
    ) -> Poll<R> {
        if let (true, Some(ticket)) = (self.is_waiting, &self.ticket)
            && waiters.poll(ticket, cx) == WaitStage::Waiting
        {
            return Poll::Pending;
        }
        // If it was woken, there is nothing left to take: it rejoins at the end of the list.
        self.leave(waiters);
        let waiter = Waiter::of(cx);
        if waiter.own().is_none() {
            // Cloning a foreign waker may have run arbitrary code.
            if let Poll::Ready(found) = look() {
                drop_quietly(waiter);
                return Poll::Ready(found);
            }
        }
        self.is_waiting = true;
        waiters.begin_ended_by(ended_by);
        self.ticket = Some(waiters.join(waiter, waiters.round(), place));
        Poll::Pending
    }

    /// Ends the wait, if there is one, and keeps the node.
    #[inline]
    pub(crate) fn rest(&mut self, waiters: &Waiters) {
        if !self.is_waiting {
            return;
        }
        self.is_waiting = false;
        // If the list is empty and was never woken as a whole, the node is not linked anywhere.
        if !(waiters.is_empty() && waiters.round() == 0)
            && let Some(ticket) = &self.ticket
        {
            waiters.rest(ticket);
        }
    }

    /// Ends the wait and frees the node.
    #[inline]
    pub(crate) fn leave(&mut self, waiters: &Waiters) {
        self.is_waiting = false;
        if let Some(ticket) = self.ticket.take() {
            waiters.leave(ticket);
        }
    }
}

/// One poll of a wait.
struct Listening<'a, E, L> {
    listener: &'a mut Listener,
    waiters: &'a Waiters,
    place: Place,
    ended_by: E,
    look: L,
}

impl<R, E: FnOnce() -> EndedBy, L: FnMut() -> Poll<R>> Limited for Listening<'_, E, L> {
    type Output = R;

    #[allow(clippy::inline_always, reason = "it is the poll of every wait of this kind")]
    #[inline(always)]
    fn poll_now(self, cx: &Context<'_>) -> Poll<R> {
        let Listening { listener, waiters, place, ended_by, mut look } = self;
        if let Poll::Ready(found) = look() {
            listener.rest(waiters);
            return Poll::Ready(found);
        }
        // The fast path: wait by the task's key, with the node of the previous wait.
        if let (false, Some(task)) = (listener.is_waiting, TaskKey::of(cx)) {
            listener.is_waiting = true;
            if let Some(ticket) = &listener.ticket {
                waiters.rejoin(ticket, task, waiters.round(), place);
            } else {
                waiters.begin_ended_by(ended_by);
                listener.ticket = Some(waiters.join_task(task, waiters.round(), place));
            }
            return Poll::Pending;
        }
        listener.wait_slow_path(waiters, place, cx, ended_by, look)
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.waiters.describe(self.place))
    }
}

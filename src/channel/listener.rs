//! The one wait of a receiver. It takes nothing out of a list: woken, it looks for itself.

use std::task::{Context, Poll};

use crate::kernel::Waiter;
use crate::kernel::{Place, TaskKey, drop_quietly};
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::sync::WaitStage;
use crate::sync::waiters::{Ticket, Waiters};

/// The wait of somebody who alone may take what he waits for.
///
/// What he is woken for stays where it is until he takes it, so a wait that is dropped has nothing to pass
/// on. He has it in himself, and not in the future that he waits with: then a future that was forgotten
/// is not in the way of the next one.
///
/// Its node is kept from one wait to the next. Whoever owns it calls [`Listener::rest`] when a future is
/// dropped, and [`Listener::leave`] when he is dropped himself.
#[derive(Debug)]
pub(crate) struct Listener {
    ticket: Option<Ticket>,
    /// It has waited, and found nothing since.
    is_waiting: bool,
}

impl Listener {
    pub(crate) const fn new() -> Self {
        Listener { ticket: None, is_waiting: false }
    }

    /// Takes what `look` finds; or else waits in the list, to be woken and look again.
    #[inline]
    pub(crate) fn wait<R>(
        &mut self,
        waiters: &Waiters,
        place: Place,
        cx: &Context<'_>,
        look: impl FnMut() -> Poll<R>,
    ) -> Poll<R> {
        poll_limited(Listening { listener: self, waiters, place, look }, cx)
    }

    /// Once more, or with a foreign waker.
    #[cold]
    fn wait_all_the_same<R>(
        &mut self,
        waiters: &Waiters,
        place: Place,
        cx: &Context<'_>,
        mut look: impl FnMut() -> Poll<R>,
    ) -> Poll<R> {
        if let (true, Some(ticket)) = (self.is_waiting, &self.ticket)
            && waiters.poll(ticket, cx) == WaitStage::Waiting
        {
            return Poll::Pending;
        }
        // It was woken, but by now there is nothing: back to the end of the list.
        self.leave(waiters);
        let waiter = Waiter::of(cx);
        if waiter.own().is_none() {
            // The clone of a foreign waker may have run any code.
            if let Poll::Ready(found) = look() {
                drop_quietly(waiter);
                return Poll::Ready(found);
            }
        }
        self.is_waiting = true;
        self.ticket = Some(waiters.join(waiter, waiters.round(), place));
        Poll::Pending
    }

    /// Gives the wait up, if there is one.
    #[inline]
    pub(crate) fn rest(&mut self, waiters: &Waiters) {
        if !self.is_waiting {
            return;
        }
        self.is_waiting = false;
        // In a list that is empty, and never was woken as a whole, there is no node to be taken out.
        if !(waiters.is_empty() && waiters.round() == 0)
            && let Some(ticket) = &self.ticket
        {
            waiters.rest(ticket);
        }
    }

    /// Gives the node back.
    #[inline]
    pub(crate) fn leave(&mut self, waiters: &Waiters) {
        self.is_waiting = false;
        if let Some(ticket) = self.ticket.take() {
            waiters.leave(ticket);
        }
    }
}

/// The wait itself.
struct Listening<'a, L> {
    listener: &'a mut Listener,
    waiters: &'a Waiters,
    place: Place,
    look: L,
}

impl<R, L: FnMut() -> Poll<R>> Limited for Listening<'_, L> {
    type Output = R;

    #[allow(clippy::inline_always, reason = "it is the poll of every wait of this kind")]
    #[inline(always)]
    fn poll_now(self, cx: &Context<'_>) -> Poll<R> {
        let Listening { listener, waiters, place, mut look } = self;
        if let Poll::Ready(found) = look() {
            listener.rest(waiters);
            return Poll::Ready(found);
        }
        // The usual way to wait: by the task's key, with the node of the last time.
        if let (false, Some(task)) = (listener.is_waiting, TaskKey::of(cx)) {
            listener.is_waiting = true;
            match &listener.ticket {
                Some(ticket) => waiters.rejoin(ticket, task, waiters.round(), place),
                None => listener.ticket = Some(waiters.join_task(task, waiters.round(), place)),
            }
            return Poll::Pending;
        }
        listener.wait_all_the_same(waiters, place, cx, look)
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.waiters.describe(self.place))
    }
}

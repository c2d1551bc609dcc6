//! The one wait of a receiver. It takes nothing out of a list: woken, it looks for itself.

use std::task::{Context, Poll};

use crate::kernel::{Stage, Waiter, burn, counted, gives_way};
use crate::sync::waiters::{Place, Ticket, Waiters};

/// The wait of somebody who alone may take what he waits for.
///
/// What he is woken for stays where it is until he takes it, so a wait that is dropped has nothing to pass
/// on. He has it in himself, and not in the future that he waits with: then a future that was forgotten
/// is not in the way of the next one.
///
/// Whoever owns it calls [`Listener::leave`] before it is dropped.
#[derive(Debug)]
pub(crate) struct Listener(Option<Ticket>);

impl Listener {
    pub(crate) const fn new() -> Self {
        Listener(None)
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
        if gives_way(cx, || Some(waiters.describe(place))) {
            return Poll::Pending;
        }
        counted(self.wait_now(waiters, place, cx, look))
    }

    #[inline]
    fn wait_now<R>(
        &mut self,
        waiters: &Waiters,
        place: Place,
        cx: &Context<'_>,
        mut look: impl FnMut() -> Poll<R>,
    ) -> Poll<R> {
        if let Poll::Ready(found) = look() {
            self.leave(waiters);
            return Poll::Ready(found);
        }
        if let Some(ticket) = &self.0 {
            if waiters.poll(ticket, cx) == Stage::Waiting {
                return Poll::Pending;
            }
            self.leave(waiters); // Woken, but by now there is nothing: back to the end of the list.
        }
        let waiter = Waiter::of(cx);
        if waiter.own().is_none() {
            // The clone of a foreign waker may have run any code.
            if let Poll::Ready(found) = look() {
                burn(waiter);
                return Poll::Ready(found);
            }
        }
        self.0 = Some(waiters.join(waiter, waiters.round(), place));
        Poll::Pending
    }

    /// Gives the wait up, if there is one.
    #[inline]
    pub(crate) fn leave(&mut self, waiters: &Waiters) {
        if let Some(ticket) = self.0.take() {
            waiters.leave(ticket);
        }
    }
}

//! A slot that is reserved before there is a value for it.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::SendError;
use crate::channel::mpsc::chan::{Chan, is_slot};
use crate::sync::queued::Queued;

/// A permit to send one value, from [`Sender::reserve`](super::Sender::reserve). Dropping it gives the reserved slot
/// back.
#[must_use = "dropping it gives the reserved capacity back"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> Self {
        Permit { chan }
    }

    /// Sends the value into the reserved slot. If the receiver has been dropped, so is the value.
    pub fn send(self, value: T) {
        let chan = self.chan;
        mem::forget(self); // The slot is used.
        chan.push(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back_slot();
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// The future of [`Sender::reserve`](super::Sender::reserve).
#[must_use = "a future does nothing until it is awaited"]
pub struct Reserve<'a, T> {
    queued: Queued<'a, Chan<T>>,
}

impl<'a, T> Reserve<'a, T> {
    pub(super) fn new(queued: Queued<'a, Chan<T>>) -> Self {
        Reserve { queued }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let grant = ready!(Pin::new(&mut self.queued).poll(cx));
        let permit = is_slot(&grant).then(|| Permit::new(self.queued.source()));
        Poll::Ready(permit.ok_or(SendError(())))
    }
}

impl<T> fmt::Debug for Reserve<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

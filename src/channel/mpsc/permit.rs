//! A slot that is reserved before there is a value for it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::SendError;
use crate::channel::mpsc::chan::{Chan, is_slot};
use crate::kernel::Place;
use crate::sync::queued::Queued;
use crate::sync::waiters::Ticket;

/// A permit to send one value, from [`Sender::reserve`](super::Sender::reserve). Dropping it gives the reserved slot
/// back.
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::mpsc::channel(8);
/// let permit = sender.try_reserve().unwrap();
/// std::thread::scope(|threads| { threads.spawn(move || permit.send(1)); });
/// ```
#[must_use = "dropping it gives the reserved capacity back"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
    /// `None` once it was used.
    ticket: Option<Ticket>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, place: Place) -> Self {
        Permit { chan, ticket: Some(chan.hold_slot(place)) }
    }

    /// Sends the value into the reserved slot. If the receiver has been dropped, so is the value.
    pub fn send(mut self, value: T) {
        if let Some(ticket) = self.ticket.take() {
            self.chan.release_slot(ticket);
            self.chan.push(value);
        }
    }

    /// Makes the current task the owner of the slot, as reports name it, in place of the task that reserved it. See
    /// [`MutexGuard::take_over`](crate::sync::MutexGuard::take_over).
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::mpsc;
    /// use turnwise::{block_on, spawn};
    ///
    /// block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let sender: &mpsc::Sender<u32> = Box::leak(Box::new(sender));
    ///     let permit = sender.reserve().await.unwrap();
    ///     spawn(async move {
    ///         permit.take_over();
    ///         permit.send(5);
    ///     });
    ///     assert_eq!(receiver.recv().await, Some(5));
    /// });
    /// ```
    pub fn take_over(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.take_over();
        }
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.chan.release_slot(ticket);
            self.chan.give_back_slot();
        }
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
        let (chan, place) = (self.queued.source(), self.queued.place());
        let permit = is_slot(&grant).then(|| Permit::new(chan, place));
        Poll::Ready(permit.ok_or(SendError(())))
    }
}

impl<T> fmt::Debug for Reserve<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

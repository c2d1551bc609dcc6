//! The receiving side, which stays on its thread.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::channel::TryRecvError;
use crate::channel::remote::shared::RemoteShared;
use crate::kernel::Waiter;
use crate::kernel::{Place, TaskKey};
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::sync::waiters::{Ticket, Waiters};
use crate::watch::is_detailed;

/// The receiving side of a [`remote::channel`](super::channel). It is `!Send`, and works on any executor.
///
/// Dropping it closes the channel and immediately drops all values that were not received.
///
/// # It is not `Send`
///
/// The senders of this `channel::remote` are, and a [`Remote`](crate::Remote) is; to receive on another thread, use a
/// channel of std.
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::remote::channel::<u32>(8);
/// std::thread::spawn(move || drop(receiver));
/// ```
pub struct Receiver<T> {
    shared: Arc<RemoteShared<T>>,
    /// Only for the record of waits, and to make the receiver `!Send`. The wake itself goes through a waker.
    record: Waiters,
    /// The entry of the wait in the record.
    ticket: Option<Ticket>,
    /// A waker was left with the senders.
    is_waiting: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<RemoteShared<T>>) -> Self {
        let record = Waiters::new(&"a message on remote channel");
        Receiver { shared, record, ticket: None, is_waiting: false }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.record.set_name(name.into());
        self
    }

    /// Receives the next value, waiting for one if the channel is empty. Returns `None` once all values were received
    /// and no more can be sent: all senders were dropped, or the channel is [closed](Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no value out of the channel.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::remote::channel(1);
    /// let other = std::thread::spawn(move || sender.blocking_send("from afar"));
    /// turnwise::block_on(async {
    ///     assert_eq!(receiver.recv().await, Some("from afar"));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// # other.join().unwrap().unwrap();
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, place: Location::caller() }
    }

    /// Receives the next value without waiting, if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if the channel is empty now; [`TryRecvError::Disconnected`] if there will never be
    /// another value.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.shared.try_recv()
    }

    /// Closes the channel without dropping the receiver: sending fails. Values already sent can still be received;
    /// after that, [`recv`](Receiver::recv) returns `None`.
    pub fn close(&mut self) {
        if is_detailed() && !self.shared.is_closed() {
            self.record.closed();
        }
        self.shared.close();
    }

    /// Returns whether the channel is closed, or all senders were dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed() || !self.shared.has_senders()
    }

    /// Returns the number of values in the channel; another thread may send more at any moment.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Returns whether there is no value in the channel; another thread may send one at any moment.
    pub fn is_empty(&self) -> bool {
        self.shared.len() == 0
    }
}

impl<T> Receiver<T> {
    pub(crate) fn poll_at(&mut self, cx: &Context<'_>, place: Place) -> Poll<Option<T>> {
        loop {
            match self.shared.try_recv() {
                Err(TryRecvError::Empty) => {}
                value => {
                    self.leave();
                    return Poll::Ready(value.ok());
                }
            }
            if self.shared.register_receiver(cx.waker().clone()) {
                self.is_waiting = true;
                self.note(place);
                return Poll::Pending;
            }
        }
    }

    /// Adds the wait to the record, which keeps no waker.
    fn note(&mut self, place: Place) {
        self.remove_waiter();
        if let Some(waiter) = TaskKey::current().map(Waiter::of_task) {
            self.ticket = Some(self.record.join(waiter, 0, place));
        }
    }

    fn remove_waiter(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.record.leave(ticket);
        }
    }

    fn leave(&mut self) {
        self.remove_waiter();
        if self.is_waiting {
            self.is_waiting = false;
            self.shared.unregister_receiver();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.remove_waiter();
        let values = self.shared.abandon(); // The lock is released here.
        drop(values);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    /// Prints the number of values, and the task that waits for one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        receiver.field("len", &self.len()).field("is_closed", &self.is_closed());
        self.record.debug(&mut receiver);
        receiver.finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    place: Place,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        poll_limited(&mut *self, cx)
    }
}

impl<T> Limited for &mut Recv<'_, T> {
    type Output = Option<T>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Option<T>> {
        self.receiver.poll_at(cx, self.place)
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.receiver.record.describe(self.place))
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        self.receiver.leave();
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("place", &self.place).finish_non_exhaustive()
    }
}

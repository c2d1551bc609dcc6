//! The sending side, for any thread.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::channel::remote::shared::{RemoteShared, SendStage};
use crate::channel::{SendError, TrySendError};
use crate::kernel::current;
use crate::limits::{Limited, poll_limited};
use crate::wait_here::wait_here;

/// The sending side of a [`remote::channel`](super::channel), for any thread. Clone it for more senders.
///
/// After the last one is dropped, the receiver gets the remaining values, then `None`.
pub struct Sender<T> {
    shared: Arc<RemoteShared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<RemoteShared<T>>) -> Self {
        shared.add_sender();
        Sender { shared }
    }

    /// Sends the value, waiting for a slot if the channel is full. Waits are served in FIFO order. Works on any
    /// executor.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver was dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops the value, unless the receiver has just made room for it: then it
    /// was sent.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::remote;
    ///
    /// let (sender, mut receiver) = remote::channel(1);
    /// let other = std::thread::spawn(move || {
    ///     turnwise::block_on(async {
    ///         let mut number = 0;
    ///         while sender.send(number).await.is_ok() {
    ///             number += 1;
    ///         }
    ///     });
    /// });
    /// turnwise::block_on(async {
    ///     assert_eq!(receiver.recv().await, Some(0));
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     drop(receiver);
    /// });
    /// other.join().unwrap();
    /// ```
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending { shared: &self.shared, stage: SendStage::Created(value) }
    }

    /// Sends the value without waiting, if the channel is not full.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, if the channel is full or closed.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::remote::channel(1);
    /// assert!(sender.try_send(1).is_ok());
    /// assert!(sender.try_send(2).unwrap_err().is_full());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(value)
    }

    /// Sends the value, blocking this thread while the channel is full. Waits are served in FIFO order.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver was dropped or closed.
    ///
    /// # Panics
    ///
    /// If a scheduler runs on this thread: the call would block it and all its tasks. Use [`send`](Sender::send) there.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        assert!(
            current().is_none(),
            "`blocking_send` would block the scheduler on this thread and all its tasks: use \
             `send(..).await` instead"
        );
        wait_here(self.send(value))
    }

    /// Returns whether the receiver was dropped or [closed](super::Receiver::close), which may happen at any moment.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns the total number of slots, free or not.
    pub fn max_capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// Returns whether both senders belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        sender.field("len", &self.shared.len()).field("is_closed", &self.is_closed());
        sender.finish_non_exhaustive()
    }
}

/// The future of [`Sender::send`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sending<'a, T> {
    shared: &'a RemoteShared<T>,
    stage: SendStage<T>,
}

/// Nothing in it is pinned: the value is moved into the channel.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_limited(&mut *self, cx)
    }
}

impl<T> Limited for &mut Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        let Sending { shared, stage } = self;
        let sent = match stage {
            SendStage::Created(_) => shared.poll_send(stage, None),
            SendStage::Waiting(_) | SendStage::Done => None,
        };
        let sent = sent.or_else(|| shared.poll_send(stage, Some(cx.waker().clone())));
        sent.map_or(Poll::Pending, |sent| Poll::Ready(sent.map_err(SendError)))
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        self.shared.give_up(&mut self.stage);
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

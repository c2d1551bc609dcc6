//! The side that crosses threads.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::channel::remote::shared::{RemoteShared, SendStage};
use crate::channel::{SendError, TrySendError};
use crate::kernel::current;
use crate::limits::{Limited, poll_limited};
use crate::wait_here::wait_here;

/// The sending side of a [`remote::channel`](super::channel), for any thread. Clones are further ones.
///
/// When the last one is gone the receiver gets what was sent, and then `None`.
pub struct Sender<T> {
    shared: Arc<RemoteShared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<RemoteShared<T>>) -> Self {
        shared.add_sender();
        Sender { shared }
    }

    /// Waits until there is a place and all who asked before have had one; then sends the value. Works on any
    /// executor.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver is gone or takes no more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the value, unless the receiver has made a place for it just
    /// before: then it was sent.
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
        Sending { shared: &self.shared, stage: SendStage::Made(value) }
    }

    /// Sends the value if there is a place.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, if there is no room, or nobody will receive it.
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

    /// Blocks this thread until there is a place and all who asked before have had one; then sends the value.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver is gone or takes no more.
    ///
    /// # Panics
    ///
    /// If a scheduler runs on this thread: it would be blocked, and all its tasks with it. Use
    /// [`send`](Sender::send) there.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        assert!(
            current().is_none(),
            "`blocking_send` would block the scheduler that runs on this thread, and all its tasks: use \
             `send(..).await` there"
        );
        wait_here(self.send(value))
    }

    /// Returns whether nobody will receive any more; that may be so at any moment.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many places there are in all.
    pub fn max_capacity(&self) -> usize {
        self.shared.places()
    }

    /// Returns whether both send into the same channel.
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
            SendStage::Made(_) => shared.go_on(stage, None),
            SendStage::Waiting(_) | SendStage::Over => None,
        };
        let sent = sent.or_else(|| shared.go_on(stage, Some(cx.waker().clone())));
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

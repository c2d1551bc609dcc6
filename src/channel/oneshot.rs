//! One value, from one task to another: the answer to a request.
//!
//! The receiver is a future. A channel is one allocation, and nothing is noted down anywhere unless somebody
//! really waits.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use thiserror::Error;

use crate::channel::end::End;
use crate::channel::listener::Listener;
use crate::kernel::Place;
use crate::sync::waiters::Waiters;

pub use crate::channel::{Closed, TryRecvError};

/// Makes a channel for one value.
///
/// # Example
///
/// ```
/// use turnwise::channel::oneshot;
/// use turnwise::{block_on, spawn};
///
/// block_on(async {
///     let (sender, receiver) = oneshot::channel();
///     spawn(async move { sender.send(6 * 7).unwrap() });
///     assert_eq!(receiver.await, Ok(42));
/// });
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(OneshotShared {
        value: Cell::new(None),
        sender_is_gone: Cell::new(false),
        message: Waiters::new("the message on oneshot channel"),
        end: End::new("the end of oneshot channel"),
    });
    let receiver = Receiver {
        shared: Rc::clone(&shared),
        listener: Listener::new(),
        is_over: false,
        place: Location::caller(),
    };
    (Sender { shared }, receiver)
}

struct OneshotShared<T> {
    /// From the sending to the receiving.
    value: Cell<Option<T>>,
    /// It has sent, or never will.
    sender_is_gone: Cell<bool>,
    /// Where the receiver waits.
    message: Waiters,
    /// Comes when nobody will receive.
    end: End,
}

impl<T> OneshotShared<T> {
    /// The value, or that there will never be one.
    #[inline]
    fn look(&self) -> Poll<Result<T, RecvError>> {
        match self.value.take() {
            Some(value) => Poll::Ready(Ok(value)),
            None if self.sender_is_gone.get() || self.end.has_come() => {
                Poll::Ready(Err(RecvError(())))
            }
            None => Poll::Pending,
        }
    }

    fn set_name(&self, name: Arc<str>) {
        self.message.set_name(Arc::clone(&name));
        self.end.set_name(name);
    }

    fn debug(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        let value = self.value.take();
        f.field("has_value", &value.is_some());
        self.value.set(value);
        f.field("is_closed", &self.end.has_come());
        self.message.debug(f);
    }
}

/// The sending side of a [`channel`]. Dropping it unused tells the receiver that nothing will come.
#[must_use = "dropping it tells the receiver that nothing will come"]
pub struct Sender<T> {
    shared: Rc<OneshotShared<T>>,
}

impl<T> Sender<T> {
    /// Gives the channel a name, for reports; both sides have it.
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Sends the value, without waiting.
    ///
    /// That it was sent does not mean that it will be received: the receiver may be dropped first.
    ///
    /// # Errors
    ///
    /// The value, if the receiver is gone or was [closed](Receiver::close).
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, receiver) = turnwise::channel::oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send(7), Err(7));
    /// ```
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        if self.shared.end.has_come() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        Ok(()) // The sender goes, and that wakes the receiver.
    }

    /// Waits until nobody will receive: the receiver is dropped or was [closed](Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Example
    ///
    /// Work that is given up when nobody wants its result:
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::future::{Either, select};
    /// use turnwise::channel::oneshot;
    /// use turnwise::{sleep, spawn, task::yield_now, Scheduler};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// scheduler.block_on(async {
    ///     let (sender, receiver) = oneshot::channel::<u32>();
    ///     let work = spawn(async move {
    ///         let closed = sender.closed();
    ///         match select(sleep(Duration::from_secs(60)), closed).await {
    ///             Either::Left(_) => "done",
    ///             Either::Right(_) => "given up",
    ///         }
    ///     });
    ///     yield_now().await;
    ///     drop(receiver);
    ///     assert_eq!(work.await.unwrap(), "given up");
    /// });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> Closed<'_> {
        self.shared.end.wait(Location::caller())
    }

    /// Returns whether nobody will receive.
    #[doc(alias = "is_canceled")]
    pub fn is_closed(&self) -> bool {
        self.shared.end.has_come()
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.sender_is_gone.set(true);
        self.shared.message.wake_first(0);
    }
}

impl<T> fmt::Debug for Sender<T> {
    /// Prints whether the receiver is there, and who waits for the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        self.shared.debug(&mut sender);
        sender.finish()
    }
}

/// The receiving side of a [`channel`]: await it for the value.
///
/// Dropping it tells the sender that nobody will receive, and drops a value that was sent, at once.
///
/// A report says of a task that waits for it where the channel was made.
///
/// # Cancel safety
///
/// A receiver that is polled by reference (`&mut receiver`) and given up can be awaited again later.
///
/// # Panics
///
/// If it is polled again after it was ready.
#[must_use = "dropping it tells the sender that nobody will receive"]
pub struct Receiver<T> {
    shared: Rc<OneshotShared<T>>,
    listener: Listener,
    /// It was ready.
    is_over: bool,
    /// Where the channel was made.
    place: Place,
}

impl<T> Receiver<T> {
    /// Gives the channel a name, for reports; both sides have it.
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Takes the value, if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if it may still come; [`TryRecvError::Disconnected`] if it never will, or was
    /// taken.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::oneshot::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.shared.look() {
            Poll::Ready(result) => result.map_err(|RecvError(())| TryRecvError::Disconnected),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Takes no value any more, but one that was sent already, and tells the sender.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::oneshot::channel();
    /// receiver.close();
    /// assert!(sender.is_closed());
    /// assert_eq!(sender.send(7), Err(7));
    /// assert!(turnwise::block_on(receiver).is_err());
    /// ```
    pub fn close(&mut self) {
        self.shared.end.come();
    }

    /// Returns whether awaiting it would not wait.
    pub fn is_ready(&self) -> bool {
        // Sending is the last that a sender does.
        self.shared.sender_is_gone.get() || self.shared.end.has_come()
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { shared, listener, is_over, place } = &mut *self;
        assert!(!*is_over, "a oneshot receiver was polled after it had been ready");
        let poll = listener.wait(&shared.message, place, cx, || shared.look());
        *is_over = poll.is_ready();
        poll
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.listener.leave(&self.shared.message);
        self.shared.end.come();
        let value = self.shared.value.take();
        drop(value); // With nothing borrowed, and all that had to be said said.
    }
}

impl<T> fmt::Debug for Receiver<T> {
    /// Prints whether the value is there, and who waits for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        self.shared.debug(&mut receiver);
        receiver.finish_non_exhaustive()
    }
}

/// No value will come: what a [`Receiver`] ends with when its sender was dropped without sending, or when it
/// was closed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the sender is gone without having sent, or the receiver was closed before")]
pub struct RecvError(());

//! A channel for a single value, such as the answer to a request.
//!
//! Use it when a task needs exactly one value from another one, or the news that there will be none:
//!
//! ```
//! use turnwise::channel::oneshot;
//! use turnwise::{block_on, spawn};
//!
//! block_on(async {
//!     let (sender, answer) = oneshot::channel();
//!     spawn(async move { sender.send("turnwise".len()) });
//!     assert_eq!(answer.await, Ok(8));
//!
//!     let (sender, answer) = oneshot::channel::<usize>();
//!     drop(sender);
//!     assert!(answer.await.is_err());
//! });
//! ```
//!
//! The receiver is a future. A channel costs one allocation, and nothing else is registered unless a task waits.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use thiserror::Error;

use crate::channel::end::End;
use crate::channel::listener::Listener;
use crate::kernel::{Key, Place, TaskKey, running};
use crate::report::{ChannelEnd, How, Ownership};
use crate::sync::EndedBy;
use crate::sync::waiters::Waiters;
use crate::watch::is_detailed;

pub use crate::channel::{Closed, TryRecvError};

/// Creates a channel for a single value.
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
        message: Waiters::of_oneshot(),
        end: End::new(&"the closing of oneshot channel"),
        created_by: running(),
        place: Location::caller(),
    });
    let receiver =
        Receiver { shared: Rc::clone(&shared), listener: Listener::new(), is_over: false };
    (Sender { shared }, receiver)
}

struct OneshotShared<T> {
    /// Set from the send to the receive.
    value: Cell<Option<T>>,
    /// The sender was dropped, with or without having sent.
    sender_is_gone: Cell<bool>,
    /// Where the receiver waits.
    message: Waiters,
    /// Set when the receiver is dropped or closed.
    end: End,
    /// The task that created the channel, by its scheduler and its key there.
    created_by: (Option<NonZeroU32>, Option<Key>),
    /// Where that was.
    place: Place,
}

impl<T> OneshotShared<T> {
    /// Takes the value; an error if there will never be one.
    #[inline]
    fn look(&self) -> Poll<Result<T, RecvError>> {
        match self.value.take() {
            Some(value) => {
                if is_detailed() {
                    self.message.received(0);
                }
                Poll::Ready(Ok(value))
            }
            None if self.sender_is_gone.get() || self.end.is_closed() => {
                Poll::Ready(Err(RecvError(())))
            }
            None => Poll::Pending,
        }
    }

    /// The end of this kind, for reports: which task has used it, or at least created it.
    fn ended_by(&self, kind: ChannelEnd, used_by: Option<TaskKey>) -> EndedBy {
        let used = used_by.map(|task| (task, How::Used(kind)));
        let created = || {
            let (Some(scheduler), Some(key)) = self.created_by else { return None };
            Some((TaskKey { scheduler, key }, How::Created(kind)))
        };
        let owner = used.or_else(created);
        let place = self.place;
        owner.map_or(EndedBy::Nothing, |(task, how)| EndedBy::End(Ownership { task, place, how }))
    }

    /// Lists the wait of the receiver for reports, unless the record needs no entry for it.
    #[inline]
    fn list_wait(&self) {
        let is_elsewhere = self.created_by != running();
        if is_elsewhere || is_detailed() || self.message.is_listed() || self.end.has_waits() {
            self.list_wait_slow_path();
        }
    }

    #[cold]
    fn list_wait_slow_path(&self) {
        if self.message.is_listed() {
            self.message.list_first();
        } else if self.created_by != running() || is_detailed() {
            self.message.set_ended_by(self.ended_by(ChannelEnd::Sender, None));
        }
        if self.end.has_waits() {
            self.end.set_ended_by(self.ended_by(ChannelEnd::Receiver, TaskKey::current()));
        }
    }

    /// Gives the channel an entry in the record, with its owner: names need that, and details.
    #[cold]
    fn list_channel(&self) {
        if !self.message.is_listed() {
            self.message.set_ended_by(self.ended_by(ChannelEnd::Sender, None));
        }
    }

    fn set_name(&self, name: Arc<str>) {
        self.list_channel();
        self.message.set_name(Arc::clone(&name));
        self.end.set_name(name);
    }

    fn debug(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        let value = self.value.take();
        f.field("has_value", &value.is_some());
        self.value.set(value);
        f.field("is_closed", &self.end.is_closed());
        self.message.debug(f);
    }
}

/// The sending side of a [`channel`]. If it is dropped without sending, the receiver completes with [`RecvError`].
///
/// # It is not `Send`
///
/// To send from another thread, use a [`channel::remote`](crate::channel::remote); to get a result from a task on this
/// thread, use [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::oneshot::channel();
/// std::thread::spawn(move || sender.send(1));
/// ```
#[must_use = "dropping it closes the channel: the receiver gets an error"]
pub struct Sender<T> {
    shared: Rc<OneshotShared<T>>,
}

impl<T> Sender<T> {
    /// Sets the name that reports show, for both sides.
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Sends the value without waiting.
    ///
    /// `Ok` does not mean that the value will be received: the receiver may be dropped first.
    ///
    /// # Errors
    ///
    /// The value, if the receiver was dropped or [closed](Receiver::close).
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
        if self.shared.end.is_closed() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        if is_detailed() {
            self.shared.list_channel();
            self.shared.message.sent(1, Some(1));
        }
        Ok(()) // Dropping the sender wakes the receiver.
    }

    /// Waits until the receiver is dropped or [closed](Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Example
    ///
    /// Giving up work when its result is no longer needed:
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
        let shared = &self.shared;
        let by_sender = shared.ended_by(ChannelEnd::Sender, TaskKey::current());
        shared.message.set_ended_by(by_sender);
        let by_receiver = shared.ended_by(ChannelEnd::Receiver, shared.message.first_task());
        shared.end.wait(Location::caller(), by_receiver)
    }

    /// Returns whether the receiver was dropped or [closed](Receiver::close).
    #[doc(alias = "is_canceled")]
    pub fn is_closed(&self) -> bool {
        self.shared.end.is_closed()
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
    /// Prints whether there is a value, whether the channel is closed, and the task that waits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        self.shared.debug(&mut sender);
        sender.finish()
    }
}

/// The receiving side of a [`channel`]: a future that completes with the value.
///
/// Dropping it closes the channel, and immediately drops a value that was already sent.
///
/// In reports, the place of the wait is where the channel was created.
///
/// # Cancel safety
///
/// Dropping a wait by reference (`&mut receiver`) loses nothing; the receiver can be awaited again.
///
/// # Panics
///
/// If it is polled after completion.
///
/// # It is not `Send`
///
/// To receive on another thread, use a channel of std; to send from another thread, use a
/// [`channel::remote`](crate::channel::remote) or [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::oneshot::channel::<u32>();
/// std::thread::spawn(move || drop(receiver));
/// ```
#[must_use = "dropping it closes the channel: sending fails"]
pub struct Receiver<T> {
    shared: Rc<OneshotShared<T>>,
    listener: Listener,
    /// The future has completed.
    is_over: bool,
}

impl<T> Receiver<T> {
    /// Sets the name that reports show, for both sides.
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Receives the value without waiting, if it was sent.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if it may still be sent; [`TryRecvError::Disconnected`] if it never will be, or was
    /// already received.
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

    /// Closes the channel without dropping the receiver: sending fails. A value already sent can still be received.
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
        self.shared.end.close_with(&self.shared.message);
    }

    /// Returns whether awaiting it would complete immediately.
    pub fn is_ready(&self) -> bool {
        // Sending consumes the sender.
        self.shared.sender_is_gone.get() || self.shared.end.is_closed()
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { shared, listener, is_over } = &mut *self;
        assert!(!*is_over, "a `oneshot::Receiver` was polled after completion");
        let no_ends = || EndedBy::Nothing;
        let poll = listener.wait(&shared.message, shared.place, cx, no_ends, || shared.look());
        *is_over = poll.is_ready();
        if !*is_over {
            shared.list_wait();
        }
        poll
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.listener.leave(&self.shared.message);
        self.shared.end.close();
        let value = self.shared.value.take();
        drop(value); // Last, because this may run arbitrary code.
    }
}

impl<T> fmt::Debug for Receiver<T> {
    /// Prints whether there is a value, whether the channel is closed, and the task that waits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        self.shared.debug(&mut receiver);
        receiver.finish_non_exhaustive()
    }
}

/// The error of a [`Receiver`]: no value was sent before the sender was dropped, or the receiver was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the sender was dropped without sending, or the receiver was closed")]
pub struct RecvError(());

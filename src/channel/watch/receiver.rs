//! The receiving side.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::channel::handle::HasSenders;
use crate::channel::listener::Listener;
use crate::channel::used::UsedEnd;
use crate::channel::watch::cell::{Ref, WatchShared};
use crate::channel::watch::error::RecvError;
use crate::kernel::Place;
use crate::limits::poll_at_once;
use crate::report::ChannelEnd;

/// The receiving side of a [watch channel](super::channel): it reads the value and waits for changes. A clone starts
/// with the same value seen.
///
/// # It is not `Send`
///
/// To receive on another thread, use a channel of std; to send from another thread, use a
/// [`channel::remote`](crate::channel::remote) or [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::watch::channel(0);
/// std::thread::spawn(move || drop(receiver));
/// ```
pub struct Receiver<T> {
    shared: Rc<WatchShared<T>>,
    /// The version that it has last seen, or was notified of.
    seen: u64,
    listener: Listener,
    end: UsedEnd,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Rc<WatchShared<T>>, place: Place) -> Self {
        let end = UsedEnd::new(shared.number(), ChannelEnd::Receiver, place);
        shared.add_receiver();
        Receiver { seen: shared.version(), shared, listener: Listener::new(), end }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Returns the current value without marking it as seen.
    ///
    /// # Panics
    ///
    /// If called in a closure that is modifying the value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<T> {
        self.end.record_use();
        self.shared.get()
    }

    /// Returns the current value and marks it as seen.
    ///
    /// # Panics
    ///
    /// If called in a closure that is modifying the value.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<T> {
        let value = self.borrow();
        self.seen = self.shared.version();
        value
    }

    /// Returns whether the value has changed since it was last seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders were dropped.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        if self.is_orphaned() { Err(RecvError(())) } else { Ok(self.seen != self.shared.version()) }
    }

    /// Marks the current value as not seen, so that [`changed`](Receiver::changed) completes immediately.
    pub fn mark_changed(&mut self) {
        // Any older version would do.
        self.seen = self.shared.version().wrapping_sub(1);
    }

    /// Marks the current value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits until there is a value that was not seen, and marks it as seen. Completes immediately if there is one
    /// already.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders were dropped and the last value was seen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes leaves the value unseen.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::watch::channel(1);
    /// turnwise::block_on(async {
    ///     sender.send(2).unwrap();
    ///     receiver.changed().await.unwrap();
    ///     assert_eq!(*receiver.borrow(), 2);
    ///     drop(sender);
    ///     assert!(receiver.changed().await.is_err());
    /// });
    /// ```
    #[track_caller]
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { receiver: self, place: Location::caller() }
    }

    /// Waits for a value that satisfies `wanted`, returns it and marks it as seen. The current value is checked first.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders were dropped and the last value does not satisfy `wanted`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; values that did not satisfy `wanted` count as seen.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, channel::watch, spawn, yield_now};
    ///
    /// block_on(async {
    ///     let (sender, mut receiver) = watch::channel(0);
    ///     spawn(async move {
    ///         for step in 1..=10 {
    ///             sender.send_replace(step);
    ///             yield_now().await;
    ///         }
    ///     });
    ///     assert_eq!(*receiver.wait_for(|&step| step >= 5).await.unwrap(), 5);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_for<F: FnMut(&T) -> bool>(&mut self, wanted: F) -> WaitFor<'_, T, F> {
        WaitFor { receiver: self, wanted, place: Location::caller() }
    }

    /// Returns whether both receivers belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    fn is_orphaned(&self) -> bool {
        self.shared.senders.get() == 0
    }

    pub(crate) fn poll_changed(
        &mut self,
        cx: &Context<'_>,
        place: Place,
    ) -> Poll<Result<(), RecvError>> {
        let Receiver { shared, seen, listener, end } = self;
        end.record_use();
        listener.wait(
            &shared.changes,
            place,
            cx,
            || shared.by_senders(),
            || {
                let version = shared.version();
                if *seen != version {
                    *seen = version;
                    Poll::Ready(Ok(()))
                } else if shared.senders.get() == 0 {
                    Poll::Ready(Err(RecvError(())))
                } else {
                    Poll::Pending
                }
            },
        )
    }

    fn rest(&mut self) {
        self.listener.rest(&self.shared.changes);
    }
}

impl<T> Clone for Receiver<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        let mut clone = Receiver::new(Rc::clone(&self.shared), Location::caller());
        clone.seen = self.seen;
        clone
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.listener.leave(&self.shared.changes);
        self.shared.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    /// Prints the number of changes, and the tasks that wait for the next one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        receiver.field("seen", &self.seen);
        self.shared.debug(&mut receiver);
        receiver.finish_non_exhaustive()
    }
}

/// The future of [`Receiver::changed`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Changed<'a, T> {
    receiver: &'a mut Receiver<T>,
    place: Place,
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let place = self.place;
        self.receiver.poll_changed(cx, place)
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        self.receiver.rest();
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The future of [`Receiver::wait_for`].
#[must_use = "a future does nothing until it is awaited"]
pub struct WaitFor<'a, T, F> {
    receiver: &'a mut Receiver<T>,
    wanted: F,
    place: Place,
}

/// Nothing in it is pinned: the closure is called by reference.
impl<T, F> Unpin for WaitFor<'_, T, F> {}

impl<T, F: FnMut(&T) -> bool> Future for WaitFor<'_, T, F> {
    type Output = Result<Ref<T>, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WaitFor { receiver, wanted, place } = &mut *self;
        let mut is_counted = false;
        loop {
            // The closure may change the value: then it is called again.
            let (value, version) = (receiver.borrow(), receiver.shared.version());
            if wanted(&value) {
                if !is_counted {
                    ready!(poll_at_once(cx)); // Before the value counts as seen.
                }
                receiver.seen = version;
                receiver.rest();
                return Poll::Ready(Ok(value));
            }
            receiver.seen = version;
            drop(value); // A pending wait must not prevent modification in place.
            if let Err(error) = ready!(receiver.poll_changed(cx, place)) {
                return Poll::Ready(Err(error));
            }
            is_counted = true;
        }
    }
}

impl<T, F> Drop for WaitFor<'_, T, F> {
    fn drop(&mut self) {
        self.receiver.rest();
    }
}

impl<T, F> fmt::Debug for WaitFor<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").field("place", &self.place).finish_non_exhaustive()
    }
}

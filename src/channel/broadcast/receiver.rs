//! The receiving side.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::channel::broadcast::error::{RecvError, TryRecvError};
use crate::channel::broadcast::ring::{Position, RingRead};
use crate::channel::broadcast::shared::BroadcastShared;
use crate::channel::listener::Listener;
use crate::kernel::Place;
use crate::watch::is_detailed;

/// The receiving side of a [broadcast channel](super::channel): it receives every value sent after it was created,
/// unless it lags too far behind.
///
/// Create more with [`Sender::subscribe`](super::Sender::subscribe) or [`resubscribe`](Receiver::resubscribe).
///
/// # It is not `Send`
///
/// To receive on another thread, use a channel of std; to send from another thread, use a
/// [`channel::remote`](crate::channel::remote) or [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let (sender, receiver) = turnwise::channel::broadcast::channel::<u32>(8);
/// std::thread::spawn(move || drop(receiver));
/// ```
pub struct Receiver<T> {
    shared: Rc<BroadcastShared<T>>,
    position: Position,
    listener: Listener,
}

/// The result of looking for a value.
type Found<T> = Result<Rc<T>, RecvError>;

impl<T> Receiver<T> {
    pub(super) fn new(shared: Rc<BroadcastShared<T>>) -> Self {
        let position = shared.ring.borrow_mut().enter();
        Receiver { shared, position, listener: Listener::new() }
    }

    /// Sets the name that reports show, for both sides.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Creates another receiver, for values sent from now on.
    #[must_use]
    pub fn resubscribe(&self) -> Receiver<T> {
        Receiver::new(Rc::clone(&self.shared))
    }

    /// Returns the number of values not yet received, including those it has lost.
    pub fn len(&self) -> usize {
        let left = self.shared.ring.borrow().left(self.position);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Returns whether all values were received.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether all senders were dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.senders.get() == 0
    }

    /// Returns whether both receivers belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    fn look(shared: &BroadcastShared<T>, position: &mut Position) -> Poll<Found<T>> {
        let read = shared.ring.borrow_mut().read(position);
        match read {
            RingRead::Value(value) => {
                if is_detailed() {
                    shared.messages.received(shared.ring.borrow().len());
                }
                Poll::Ready(Ok(value))
            }
            RingRead::Lagged(lost) => Poll::Ready(Err(RecvError::Lagged(lost))),
            RingRead::Nothing if shared.senders.get() == 0 => Poll::Ready(Err(RecvError::Closed)),
            RingRead::Nothing => Poll::Pending,
        }
    }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next value, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] with the number of values lost, if there were any; the next call continues with the oldest
    /// one still kept. [`RecvError::Closed`] if all senders were dropped and all values were received.
    ///
    /// # Panics
    ///
    /// If cloning the value panics. The value is then lost to this receiver.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call receives the value.
    ///
    /// # Example
    ///
    /// ```
    /// let (sender, mut receiver) = turnwise::channel::broadcast::channel(1);
    /// turnwise::block_on(async {
    ///     sender.send("news").unwrap();
    ///     assert_eq!(receiver.recv().await, Ok("news"));
    /// });
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, place: Location::caller() }
    }

    /// Receives the next value without waiting, if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is no value now, there will never be another one, or values were lost.
    ///
    /// # Panics
    ///
    /// If cloning the value panics. The value is then lost to this receiver.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::channel::broadcast::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
    /// assert_eq!(receiver.try_recv(), Ok(2));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match Receiver::look(&self.shared, &mut self.position) {
            Poll::Ready(found) => Ok(found.map(Rc::unwrap_or_clone)?),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }
}

impl<T: Clone> Receiver<T> {
    pub(crate) fn poll_at(&mut self, cx: &Context<'_>, place: Place) -> Poll<Result<T, RecvError>> {
        let Receiver { shared, position, listener } = self;
        let look = || Receiver::look(shared, position);
        let by_senders = || shared.by_senders();
        let found = ready!(listener.wait(&shared.messages, place, cx, by_senders, look));
        Poll::Ready(found.map(Rc::unwrap_or_clone))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.listener.leave(&self.shared.messages);
        let unneeded = self.shared.ring.borrow_mut().leave(self.position); // The borrow ends here.
        drop(unneeded);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    /// Prints the number of values not yet received, and the tasks that wait for the next one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        receiver.field("len", &self.len());
        self.shared.messages.debug(&mut receiver);
        receiver.finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    place: Place,
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let place = self.place;
        self.receiver.poll_at(cx, place)
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        self.receiver.listener.rest(&self.receiver.shared.messages);
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("place", &self.place).finish_non_exhaustive()
    }
}

//! Everything to everybody: each receiver gets each value that is sent while it exists.
//!
//! The last so many values are kept for those who are slow. Whoever is slower than that loses the oldest,
//! and is told exactly how many: [`RecvError::Lagged`]. So sending never waits.

mod ring;
mod receiver;
mod sender;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use thiserror::Error;

use crate::sync::waiters::Waiters;
use ring::Ring;

pub use crate::channel::SendError;
pub use receiver::{Receiver, Recv};
pub use sender::Sender;

/// Makes a channel that keeps so many values for receivers that are slow.
///
/// Values are cloned for each receiver; the last one to receive it gets the value itself.
///
/// # Panics
///
/// If the capacity is 0.
///
/// # Example
///
/// ```
/// use turnwise::channel::broadcast::{self, RecvError};
///
/// turnwise::block_on(async {
///     let (sender, mut quick) = broadcast::channel(2);
///     let mut slow = sender.subscribe();
///     for number in 1..=3 {
///         sender.send(number).unwrap();
///         assert_eq!(quick.recv().await, Ok(number));
///     }
///     assert_eq!(slow.recv().await, Err(RecvError::Lagged(1)));
///     assert_eq!(slow.recv().await, Ok(2));
///     drop(sender);
///     assert_eq!(slow.recv().await, Ok(3));
///     assert_eq!(slow.recv().await, Err(RecvError::Closed));
/// });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "a broadcast channel must keep at least one value: use `broadcast::channel(1)`"
    );
    let shared = Rc::new(Shared {
        ring: RefCell::new(Ring::new(capacity)),
        senders: Cell::new(0),
        messages: Waiters::new("a message on broadcast channel"),
    });
    let receiver = Receiver::new(Rc::clone(&shared));
    (Sender::new(shared), receiver)
}

struct Shared<T> {
    /// Never borrowed while code of the user runs.
    ring: RefCell<Ring<T>>,
    senders: Cell<usize>,
    /// Where receivers wait.
    messages: Waiters,
}

/// What receiving can end with instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecvError {
    /// All senders are gone, and everything was received.
    #[error("the channel is empty, and all senders are gone")]
    Closed,
    /// The receiver was too slow: so many values were lost since it last received one. The next call gives
    /// the oldest that is kept.
    #[error("the receiver was too slow and has lost {0} values")]
    Lagged(u64),
}

/// What [`Receiver::try_recv`] can end with instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// Nothing is there, but something may come.
    #[error("the channel is empty")]
    Empty,
    /// All senders are gone, and everything was received.
    #[error("the channel is empty, and all senders are gone")]
    Closed,
    /// The receiver was too slow: so many values were lost since it last received one. The next call gives
    /// the oldest that is kept.
    #[error("the receiver was too slow and has lost {0} values")]
    Lagged(u64),
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(lost) => TryRecvError::Lagged(lost),
        }
    }
}

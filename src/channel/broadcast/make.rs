//! The constructor.

use std::panic::Location;
use std::rc::Rc;

use crate::channel::broadcast::receiver::Receiver;
use crate::channel::broadcast::sender::Sender;
use crate::channel::broadcast::shared::BroadcastShared;

/// Creates a broadcast channel that keeps up to `capacity` values for slow receivers.
///
/// Each receiver gets a clone of the value; the last one to receive it gets the value itself.
///
/// # Panics
///
/// If `capacity` is 0.
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
        "a broadcast channel needs a capacity of at least 1: use `broadcast::channel(1)`"
    );
    let shared = Rc::new(BroadcastShared::new(capacity));
    let receiver = Receiver::new(Rc::clone(&shared));
    (Sender::new(&shared, Location::caller()), receiver)
}

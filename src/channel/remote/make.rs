//! The constructor.

use std::sync::Arc;

use crate::channel::remote::receiver::Receiver;
use crate::channel::remote::sender::Sender;
use crate::channel::remote::shared::RemoteShared;

/// Creates a bounded channel, which holds up to `capacity` values and into which any thread can send.
///
/// # Panics
///
/// If `capacity` is 0.
///
/// # Example
///
/// ```
/// use std::thread;
/// use turnwise::channel::remote;
///
/// let (sender, mut receiver) = remote::channel(2);
/// let counter = thread::spawn(move || {
///     for number in 1..=10 {
///         sender.blocking_send(number).unwrap(); // blocks while two are in flight
///     }
/// });
/// let sum = turnwise::block_on(async move {
///     let mut sum = 0;
///     while let Some(number) = receiver.recv().await {
///         sum += number;
///     }
///     sum
/// });
/// counter.join().unwrap();
/// assert_eq!(sum, 55);
/// ```
#[track_caller]
pub fn channel<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel needs a capacity of at least 1: use `remote::channel(1)`");
    let shared = Arc::new(RemoteShared::new(capacity));
    let receiver = Receiver::new(Arc::clone(&shared));
    (Sender::new(shared), receiver)
}

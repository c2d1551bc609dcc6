//! The constructors.

use std::panic::Location;
use std::rc::Rc;

use crate::channel::handle::Handle;
use crate::channel::mpsc::chan::Chan;
use crate::channel::mpsc::receiver::Receiver;
use crate::channel::mpsc::sender::Sender;
use crate::channel::mpsc::unbounded::{UnboundedReceiver, UnboundedSender};
use crate::sync::gate::MAX_PERMITS;

/// Creates a bounded channel, which holds up to `capacity` values.
///
/// # Panics
///
/// If `capacity` is 0 or greater than 2³¹ − 1.
///
/// # Example
///
/// ```
/// use turnwise::channel::mpsc;
/// use turnwise::{block_on, spawn};
///
/// block_on(async {
///     let (sender, mut receiver) = mpsc::channel(2);
///     for name in ["a", "b"] {
///         let sender = sender.clone();
///         spawn(async move {
///             for number in 1..=2 {
///                 sender.send(format!("{name}{number}")).await.unwrap();
///             }
///         });
///     }
///     drop(sender); // so that the loop ends when the tasks are done
///     let mut received = Vec::new();
///     while let Some(text) = receiver.recv().await {
///         received.push(text);
///     }
///     assert_eq!(received, ["a1", "a2", "b1", "b2"]);
/// });
/// ```
#[track_caller]
#[doc(alias = "bounded")]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let number = u32::try_from(capacity).ok().filter(|&capacity| capacity <= MAX_PERMITS);
    let number = match number {
        Some(0) => panic!(
            "a channel needs a capacity of at least 1: use `mpsc::channel(1)`, or `mpsc::unbounded()` if \
             sending must not wait"
        ),
        Some(number) => number,
        None => panic!(
            "a channel has a capacity of at most {MAX_PERMITS}, not {capacity}: use `mpsc::unbounded()`"
        ),
    };
    let place = Location::caller();
    let handle = Handle::new(&Rc::new(Chan::new(number)), place);
    let receiver = Receiver::new(&handle, place);
    (Sender::new(handle), receiver)
}

/// Creates an unbounded channel: sending never waits.
///
/// There is no backpressure: if the receiver falls behind, values accumulate in memory.
///
/// # Example
///
/// ```
/// use turnwise::channel::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded();
/// sender.send(1)?;
/// sender.send(2)?;
/// drop(sender);
/// turnwise::block_on(async {
///     assert_eq!(receiver.recv().await, Some(1));
///     assert_eq!(receiver.recv().await, Some(2));
///     assert_eq!(receiver.recv().await, None);
/// });
/// # Ok::<(), mpsc::SendError<i32>>(())
/// ```
#[track_caller]
#[doc(alias = "unbounded_channel")]
pub fn unbounded<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let place = Location::caller();
    let handle = Handle::new(&Rc::new(Chan::new(MAX_PERMITS)), place);
    let receiver = Receiver::new(&handle, place);
    (UnboundedSender::new(handle), receiver)
}

//! A channel from any thread to one: the senders are `Send`, the receiver stays on its thread.
//!
//! Use it when values come from other threads, such as those of a library or of a thread pool:
//!
//! ```
//! use std::thread;
//! use turnwise::channel::remote;
//!
//! turnwise::block_on(async {
//!     let (sender, mut measurements) = remote::channel(16);
//!     let sensor = thread::spawn(move || {
//!         for value in 1..=3 {
//!             sender.blocking_send(value).unwrap();
//!         }
//!     });
//!     let mut sum = 0;
//!     while let Some(value) = measurements.recv().await {
//!         sum += value;
//!     }
//!     assert_eq!(sum, 6);
//!     sensor.join().unwrap();
//! });
//! ```
//!
//! It is the only channel that uses locks and atomics. A task that waits for a value lends its waker to the senders, so
//! a deadlock verdict is never certain while there is a sender. Dropping the last sender wakes the receiver.

mod shared;
mod sender;
mod receiver;
mod make;

pub use crate::channel::{SendError, TryRecvError, TrySendError};
pub use make::channel;
pub use receiver::{Receiver, Recv};
pub use sender::{Sender, Sending};

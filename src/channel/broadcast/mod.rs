//! A multi-producer, multi-consumer channel: each receiver gets every value sent while it exists.
//!
//! Use it when several tasks each need all values, such as events or the messages of a chat:
//!
//! ```
//! use turnwise::channel::broadcast;
//! use turnwise::{block_on, spawn};
//!
//! block_on(async {
//!     let (sender, mut receiver) = broadcast::channel(8);
//!     let readers = [1, 2].map(|_| {
//!         let mut receiver = sender.subscribe();
//!         spawn(async move { (receiver.recv().await, receiver.recv().await) })
//!     });
//!     for text in ["hello", "goodbye"] {
//!         sender.send(text).unwrap();
//!     }
//!     for reader in readers {
//!         assert_eq!(reader.await.unwrap(), (Ok("hello"), Ok("goodbye")));
//!     }
//!     assert_eq!(receiver.recv().await, Ok("hello"));
//! });
//! ```
//!
//! Sending never waits. The last `capacity` values are kept for slow receivers; a receiver that lags further behind
//! loses the oldest ones, and [`RecvError::Lagged`] reports exactly how many.

mod error;
mod ring;
mod shared;
mod receiver;
mod sender;
mod make;

pub use crate::channel::SendError;
pub use error::{RecvError, TryRecvError};
pub use make::channel;
pub use receiver::{Receiver, Recv};
pub use sender::Sender;

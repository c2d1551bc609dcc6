//! A multi-producer, multi-consumer channel that keeps the latest value only.
//!
//! Use it for state that tasks follow, such as a configuration, the status of a connection or a shutdown flag:
//!
//! ```
//! use turnwise::channel::watch;
//! use turnwise::{block_on, spawn};
//!
//! block_on(async {
//!     let (sender, mut level) = watch::channel(1);
//!     let alarm = spawn(async move { *level.wait_for(|&level| level > 2).await.unwrap() });
//!     for level in [2, 3, 4] {
//!         sender.send(level).unwrap();
//!     }
//!     assert_eq!(alarm.await.unwrap(), 4); // only the latest value is seen
//! });
//! ```
//!
//! Receivers read the current value and wait for changes. A receiver may miss intermediate values, but never the last
//! one: three changes since its last read count as one.
//!
//! A [`Ref`] keeps the value that it refers to, and does not block sends: a new value only affects later borrows. The
//! exception is modifying a value in place, which requires that no `Ref` to it exists; see [`Sender::send_modify`].

mod error;
mod cell;
mod receiver;
mod sender;
mod make;

pub use crate::channel::{Closed, SendError};
pub use cell::Ref;
pub use error::RecvError;
pub use make::channel;
pub use receiver::{Changed, Receiver, WaitFor};
pub use sender::Sender;

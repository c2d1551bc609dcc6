//! A multi-producer, single-consumer channel.
//!
//! Use it when one task processes what several others produce, such as requests, results of workers or lines of a log:
//!
//! ```
//! use turnwise::channel::mpsc;
//! use turnwise::{block_on, spawn};
//!
//! block_on(async {
//!     let (sender, mut squares) = mpsc::channel(8);
//!     for number in 1..=3 {
//!         let sender = sender.clone();
//!         spawn(async move { sender.send(number * number).await });
//!     }
//!     drop(sender); // the loop ends when the last task has dropped its sender
//!     let mut sum = 0;
//!     while let Some(square) = squares.recv().await {
//!         sum += square;
//!     }
//!     assert_eq!(sum, 14);
//! });
//! ```
//!
//! [`channel`] is bounded: when it is full, sending waits until the receiver has caught up. [`unbounded`] grows
//! instead, so sending never waits.
//!
//! After all senders are dropped, the receiver gets the remaining values, then `None`. After the receiver is dropped or
//! [closed](Receiver::close), sending fails.

mod chan;
mod receiver;
mod permit;
mod sender;
mod unbounded;
mod make;

pub use crate::channel::{Closed, SendError, TryRecvError, TrySendError};
pub use make::{channel, unbounded};
pub use permit::{Permit, Reserve};
pub use receiver::{Receiver, Recv, RecvMany};
pub use sender::{Sender, Sending, WeakSender};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender};

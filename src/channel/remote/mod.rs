//! From any thread to one: the senders cross threads, the receiver stays where it was made.
//!
//! Here, and only here among the channels, there are locks and atomics. A task that waits for a message
//! lends its waker to the senders, so a deadlock is only possible as long as there is one, and never
//! certain; when the last one is gone the receiver is told.

mod shared;
mod sender;
mod receiver;
mod make;

pub use crate::channel::{SendError, TryRecvError, TrySendError};
pub use make::channel;
pub use receiver::{Receiver, Recv};
pub use sender::{Sender, Sending};

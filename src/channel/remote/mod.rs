//! A channel from any thread to one: the senders are `Send`, the receiver stays on its thread.
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

//! A multi-producer, single-consumer channel.
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

//! Many senders, one receiver.
//!
//! [`channel`] has so many places: when they are taken, sending waits until the receiver has caught up.
//! [`unbounded`] grows instead, so sending never waits.
//!
//! The receiver learns that all senders are gone, after it has received what they had sent; senders learn
//! that the receiver is gone, or was [closed](Receiver::close).

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

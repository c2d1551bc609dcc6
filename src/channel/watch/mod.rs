//! A multi-producer, multi-consumer channel that keeps the latest value only.
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

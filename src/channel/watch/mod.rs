//! How things are now: one value that is replaced, and many who look at it and wait for changes.
//!
//! A receiver does not see every value, but it does see the last one, and hears of each change once: if it
//! was changed three times since it looked, that is one change.
//!
//! A [`Ref`] to the value keeps what it refers to, and holds nobody up: a value that is sent meanwhile
//! replaces it for those who look later. Only to change a value in place nobody may have a `Ref` to it;
//! see [`Sender::send_modify`].

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

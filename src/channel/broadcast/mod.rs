//! A multi-producer, multi-consumer channel: each receiver gets every value sent while it exists.
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

//! Everything to everybody: each receiver gets each value that is sent while it exists.
//!
//! The last so many values are kept for those who are slow. Whoever is slower than that loses the oldest,
//! and is told exactly how many: [`RecvError::Lagged`]. So sending never waits.

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

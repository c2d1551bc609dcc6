//! How things are now: one value that is replaced, and many who look at it and wait for changes.
//!
//! A receiver does not see every value, but it does see the last one, and hears of each change once: if it
//! was changed three times since it looked, that is one change.
//!
//! A [`Ref`] to the value keeps what it refers to, and holds nobody up: a value that is sent meanwhile
//! replaces it for those who look later. Only to change a value in place nobody may have a `Ref` to it;
//! see [`Sender::send_modify`].

mod cell;
mod receiver;
mod sender;

use std::rc::Rc;

use thiserror::Error;

pub use crate::channel::{Closed, SendError};
pub use cell::Ref;
pub use receiver::{Changed, Receiver, WaitFor};
pub use sender::Sender;

/// Makes a channel that has a value from the beginning, which counts as seen.
///
/// # Example
///
/// ```
/// use turnwise::channel::watch;
/// use turnwise::{block_on, spawn};
///
/// block_on(async {
///     let (sender, mut receiver) = watch::channel("starting");
///     let task = spawn(async move {
///         let mut seen = vec![*receiver.borrow()];
///         while receiver.changed().await.is_ok() {
///             seen.push(*receiver.borrow_and_update());
///         }
///         seen
///     });
///     turnwise::yield_now().await;
///     sender.send("running").unwrap();
///     turnwise::yield_now().await;
///     sender.send("stopping").unwrap();
///     sender.send("stopped").unwrap();
///     drop(sender);
///     assert_eq!(task.await.unwrap(), ["starting", "running", "stopped"]);
/// });
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(cell::Shared::new(init));
    let sender = Sender::new(Rc::clone(&shared));
    (sender, Receiver::new(shared))
}

/// All senders are gone, so nothing will change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("all senders are gone, and nothing will change any more")]
pub struct RecvError(pub(in crate::channel::watch) ());

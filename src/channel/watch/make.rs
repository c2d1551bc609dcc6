//! The constructor.

use std::panic::Location;
use std::rc::Rc;

use crate::channel::watch::cell::WatchShared;
use crate::channel::watch::receiver::Receiver;
use crate::channel::watch::sender::Sender;

/// Creates a watch channel. The initial value counts as seen.
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
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(WatchShared::new(init));
    let place = Location::caller();
    let sender = Sender::new(&shared, place);
    (sender, Receiver::new(shared, place))
}

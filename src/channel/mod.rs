//! Channels: values that go from task to task.
//!
//! | you want | use |
//! |---|---|
//! | to hand values from many tasks to one, which slows them down if it is slow | [`mpsc::channel`] |
//! | the same, but sending must never wait | [`mpsc::unbounded`] |
//! | to answer a request, once | [`oneshot`] |
//! | to tell everybody everything | [`broadcast`] |
//! | to tell everybody how things are now | [`watch`] |
//! | to share work among many tasks, and to know when it is all done | [`Queue`], [`PriorityQueue`], [`LifoQueue`] |
//! | to send from another thread | [`remote`] |
//!
//! All but the sender of [`remote`] belong to their thread, use no atomics, and work on any executor. All
//! are strictly first in, first out: values keep their order, and whoever has waited longest is served
//! first. Values need not be `Send`, nor `'static`, and an error hands back the value that could not be
//! sent.
//!
//! Dropping a wait loses nothing, whenever it happens. The one thing that goes is the value inside a `send`
//! that was still waiting; where that matters, reserve a place first: [`mpsc::Sender::reserve`].
//!
//! Each can be given a name, and says in snapshots and [deadlock reports](crate::DeadlockReport) who waits
//! for a message or for room, and where in the source.
//!
//! # Example
//!
//! A task that owns a counter, and others that ask it:
//!
//! ```
//! use turnwise::channel::{mpsc, oneshot};
//! use turnwise::{block_on, spawn};
//!
//! block_on(async {
//!     let (requests, mut inbox) = mpsc::channel::<oneshot::Sender<u32>>(8);
//!     spawn(async move {
//!         let mut counter = 0;
//!         while let Some(answer) = inbox.recv().await {
//!             counter += 1;
//!             let _ = answer.send(counter); // whoever asked may be gone
//!         }
//!     });
//!     for expected in 1..=3 {
//!         let (sender, answer) = oneshot::channel();
//!         requests.send(sender).await.unwrap();
//!         assert_eq!(answer.await, Ok(expected));
//!     }
//! });
//! ```

mod listener;
mod end;
mod handle;
mod error;
pub mod mpsc;
pub mod oneshot;
pub mod queue;
pub mod watch;
pub mod broadcast;
pub mod remote;

pub use end::Closed;
pub use error::{SendError, TryRecvError, TrySendError};
pub use queue::{LifoQueue, PriorityQueue, Queue};

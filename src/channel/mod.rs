//! Channels and queues: send values from task to task.
//!
//! Use one when tasks should pass values on instead of sharing them, or when values come from another thread. Here one
//! task owns a counter, and others send it requests:
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
//!             let _ = answer.send(counter); // the requester may be gone
//!         }
//!     });
//!     for expected in 1..=3 {
//!         let (sender, answer) = oneshot::channel();
//!         requests.send(sender).await.unwrap();
//!         assert_eq!(answer.await, Ok(expected));
//!     }
//! });
//! ```
//!
//! | to | use |
//! |---|---|
//! | send values from many tasks to one, with backpressure | [`mpsc::channel`] |
//! | do the same with sends that never wait | [`mpsc::unbounded`] |
//! | answer a request, once | [`oneshot`] |
//! | send every value to every receiver | [`broadcast`] |
//! | publish the latest value only | [`watch`] |
//! | share work among many tasks, and wait until all of it is done | [`Queue`], [`PriorityQueue`], [`LifoQueue`] |
//! | send from another thread | [`remote`] |
//!
//! Everything but [`remote`] stays on its thread and uses no atomics, and its values need be neither `Send` nor
//! `'static`. All of it works on any executor. Values arrive in the order in which they were sent (from a queue, in the
//! order that it is named for), and the longest waiter is served first. An error hands back the value that could not be
//! sent.
//!
//! Dropping a wait loses nothing, whenever it happens, with one exception: a `send` that was still waiting drops its
//! value. Where that matters, reserve a slot first: [`mpsc::Sender::reserve`].
//!
//! Each can be given a name, under which snapshots and [deadlock reports](crate::DeadlockReport) show which tasks wait
//! for a message or for room, and where in the source; and which tasks last used the other end, and so could end the
//! wait.

mod used;
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

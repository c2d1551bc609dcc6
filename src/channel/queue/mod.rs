//! Multi-producer, multi-consumer queues, as in asyncio, that track when all items are done.
//!
//! Use one when several workers share the work, and some task waits until all of it is done:
//!
//! ```
//! use std::rc::Rc;
//! use turnwise::channel::Queue;
//! use turnwise::{block_on, spawn};
//!
//! block_on(async {
//!     let queue = Rc::new(Queue::unbounded());
//!     for worker in ["a", "b"] {
//!         let queue = Rc::clone(&queue);
//!         spawn(async move {
//!             while let Ok(job) = queue.get().await {
//!                 println!("{worker} does {job}");
//!                 queue.task_done().unwrap();
//!             }
//!         });
//!     }
//!     for job in 1..=5 {
//!         queue.put(job).await.unwrap();
//!     }
//!     queue.join().await; // all five are done
//!     assert!(queue.is_empty());
//! });
//! ```
//!
//! [`Queue`] returns the oldest item first, [`LifoQueue`] the newest, [`PriorityQueue`] the smallest. They differ only
//! in that order; their methods are those of [`AnyQueue`]. A task that takes an item calls
//! [`task_done`](AnyQueue::task_done) when it is done with it, and [`join`](AnyQueue::join) waits until that has
//! happened for every item.
//!
//! All methods take `&self`: a queue is shared by reference or by [`Rc`](std::rc::Rc).

mod order;
mod error;
mod any;
mod kinds;
mod futures;

pub use any::AnyQueue;
pub use error::{GetError, PutError, TaskDoneError, TryGetError, TryPutError};
pub use futures::{Get, Join, Put};
pub use kinds::{LifoQueue, PriorityQueue, Queue};
pub use order::{Fifo, Lifo, Order, SmallestFirst};

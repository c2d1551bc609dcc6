//! Multi-producer, multi-consumer queues, as in asyncio, that track when all items are done.
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

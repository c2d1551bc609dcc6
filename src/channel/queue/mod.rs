//! Queues from which many tasks take, as asyncio has them, and which know when all work is done.
//!
//! [`Queue`] gives items in the order in which they were put, [`LifoQueue`] the newest first,
//! [`PriorityQueue`] the smallest first. All that they can do is in [`AnyQueue`]; they differ in nothing but
//! the order. Whoever takes an item says [`task_done`](AnyQueue::task_done) when it is dealt with, and
//! [`join`](AnyQueue::join) waits until that was said of every item.
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

//! Blocking work: run a call that blocks on another thread, and await its result.
//!
//! A call that blocks (a file, a database, a long computation) stops every task of its thread. Use this module to
//! hand such a call to another thread while the tasks continue.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{block_on, join, sleep, spawn_blocking};
//!
//! block_on(async {
//!     let slow_call = spawn_blocking(|| {
//!         std::thread::sleep(Duration::from_millis(50)); // blocks its own thread only
//!         "result"
//!     });
//!     // Side by side: 50 ms in all.
//!     let (result, ()) = join!(slow_call, sleep(Duration::from_millis(50)));
//!     assert_eq!(result?, "result");
//!     Ok::<(), turnwise::blocking::BlockingError>(())
//! })?;
//! # Ok::<(), turnwise::blocking::BlockingError>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | run a closure on another thread, starting now | [`spawn_blocking`] |
//! | start lazily, when the result is first awaited | [`to_thread`] |
//! | have a pool of your own, with named threads and a bounded queue | [`ThreadPool`] |
//! | give a job a name for reports | [`Builder`] |
//! | get the result inside a task | `handle.await` |
//! | get the result outside of all tasks, blocking the thread | [`BlockingHandle::wait`] |
//! | call a callback with the result | [`BlockingHandle::on_done`], [`BlockingHandle::on_done_local`] |
//!
//! # Jobs and the scheduler
//!
//! A job that is submitted while a scheduler runs on the thread is counted by that scheduler until it has finished; a
//! job submitted anywhere else is counted by the first scheduler whose task awaits it. [`Scheduler::snapshot`] lists
//! the jobs and the tasks that wait for them. While there is a job, a virtual clock stands still and no deadlock is
//! reported as certain. [`Scheduler::shutdown`] waits for jobs too, within its grace period, and lists those that are
//! [still blocking](crate::scheduler::ShutdownReport::still_blocking).
//!
//! A running closure cannot be stopped. A job whose handle is dropped continues, and its result is dropped on its own
//! thread. Neither dropping a scheduler nor leaving [`block_on`](crate::block_on) waits for a job; dropping a
//! [`ThreadPool`] does.
//!
//! [`Scheduler::snapshot`]: crate::Scheduler::snapshot
//! [`Scheduler::shutdown`]: crate::Scheduler::shutdown

mod count;
mod record;
mod error;
mod work;
mod queue;
mod threads;
mod job;
mod handle;
mod submit;
mod pool_builder;
mod pool;
mod shared;
mod builder;
#[cfg(all(test, turnwise_loom))]
mod models;

pub use builder::Builder;
pub use error::{BlockingError, TrySubmitError};
pub use handle::BlockingHandle;
pub use pool::{PoolReport, ThreadPool};
pub use pool_builder::PoolBuilder;
pub(crate) use record::{JobGrace, JobRegistry};
pub use shared::{ToThread, spawn_blocking, to_thread};
pub use submit::Submitting;

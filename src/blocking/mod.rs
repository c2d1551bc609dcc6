//! Blocking work: closures that run on threads of their own, while the scheduler goes on.
//!
//! A call that blocks (a file, a database, a long computation) blocks all tasks of the thread that makes it. Here
//! it is handed to another thread, and its result is awaited like that of a task.
//!
//! | you want | use |
//! |---|---|
//! | to hand a closure over now | [`spawn_blocking`] |
//! | to hand it over when the result is first asked for | [`to_thread`] |
//! | threads of your own: so many, with names, with a limit for what waits for them | [`ThreadPool`] |
//! | to name a job, for reports | [`Builder`] |
//! | its result, inside of a task | `handle.await` |
//! | its result, where nothing can be awaited | [`BlockingHandle::wait`] |
//! | to be called with its result | [`BlockingHandle::on_done`], [`BlockingHandle::on_done_local`] |
//!
//! # Example
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
//! # What the scheduler knows of it
//!
//! A job that is handed over while a scheduler runs on the thread is counted by that scheduler until it is over;
//! one that is handed over elsewhere, by the first scheduler whose task awaits it. [`Scheduler::snapshot`] lists
//! the jobs and who waits for them; a virtual clock stands still and nothing is called a deadlock while there is
//! one; [`Scheduler::shutdown`] waits for them too, within its grace, and lists those that are
//! [still blocking](crate::scheduler::ShutdownReport::still_blocking).
//!
//! Nobody can end a closure that runs. So a job whose handle is dropped goes on and its result is dropped on its
//! thread; and dropping a scheduler, or leaving [`block_on`](crate::block_on), waits for no job. Dropping a
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

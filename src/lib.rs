//! A cooperative scheduler for one thread, written by hand: it gives every task its turn, and can explain
//! each one.
//!
//! A **task** is a future with an id. A **turn** is one poll of one task. The **scheduler** gives each ready
//! task its turn, first in, first out; a task that is not ready leaves its waker with whatever it waits for,
//! and comes back to the ready queue when that wakes it.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{block_on, sleep, spawn};
//!
//! let sum = block_on(async {
//!     let slow = spawn(async { sleep(Duration::from_millis(20)).await; 40 });
//!     let quick = spawn(async { 2 });
//!     Ok::<i32, turnwise::JoinError>(slow.await? + quick.await?)
//! })?;
//! assert_eq!(sum, 42);
//! # Ok::<(), turnwise::JoinError>(())
//! ```
//!
//! # Overview
//!
//! * [`block_on`] runs a future on a fresh scheduler; [`Scheduler`] is one to keep: run it
//!   ([`run`](Scheduler::run), [`block_on`](Scheduler::block_on)), step it ([`step`](Scheduler::step)),
//!   drive it from somebody else's loop ([`run_until_stalled`](Scheduler::run_until_stalled)), or look at it
//!   ([`snapshot`](Scheduler::snapshot)).
//! * [`spawn`] makes a task and gives its [`JoinHandle`]; the module [`task`] has names, priorities,
//!   [`yield_now`] and aborting; [`task_local!`] values go with what is awaited, and can be inherited.
//! * [`task::scope`] is for tasks that borrow from around them, and have all ended when it ends.
//! * [`Remote`] spawns tasks from other threads; [`spawn_blocking`] and [`ThreadPool`] hand blocking calls to
//!   them.
//! * [`sleep`] and the module [`time`] wait for points in time, on a real clock or a virtual one.
//! * [`timeout`] and [`JoinHandle::cancel`] ask something to end; with [`task::catch_cancel`] it may clean up
//!   first. How that works, and its three traps: [Cancelling](task#cancelling).
//! * [`Scheduler::shutdown`] asks all tasks to end, waits so long for their clean-ups, and says what became of
//!   each.
//! * [`sync`] has locks, permits and events, [`channel`] channels and queues; [`join!`], [`select!`],
//!   [`gather`] and the module [`combine`] wait for several things at once; [`task::JoinSet`] is a group of
//!   tasks.
//! * [`Generator`] and the module [`generator`] are functions that stop at every value they yield, and need no
//!   scheduler; one that may wait is an [`AsyncGenerator`](generator::AsyncGenerator).
//! * [`task::with`](task::with()) is for what must be closed whatever happens, and waits to be.
//! * The module `jobs`, behind the feature of that name, runs jobs every ten minutes, or on Mondays at half past ten.
//! * [`RunError::Deadlock`] is what `run` returns when nothing can ever run again, with a
//!   [`DeadlockReport`] that names each task, what it waits for, since when, where in the source, and who
//!   holds it.
//! * The module [`waiting`] is for primitives of your own: what they register there, reports name.
//!
//! * [`coming_from_asyncio`] has the calls of Python's asyncio beside their forms here.
//!
//! # What it promises
//!
//! * **Order.** Tasks run in the order in which they became ready, timers due together in the order in which
//!   they were made; the same program has the same order at every run. Or another order that you
//!   [choose](Policy).
//! * **Futures need not be `Send`**, nor need what they borrow outlive a `block_on`. Everything stays on its
//!   thread, except wakers and [`Remote`]s: those may be used and dropped anywhere, at any time, for ever.
//! * **A panic in a task is that task's [`JoinError`]**, and nobody else's problem.
//! * **No `unsafe`** anywhere in the crate.
//! * **No rules for what a future does in its turn**: it may spawn, wake, abort, drop, take snapshots, or run
//!   another scheduler by steps. No code of yours runs while anything of the scheduler is borrowed.
//!
//! # For readers of the source
//!
//! The executor is `src/kernel`, and imports nothing of the other folders. Read it in this order:
//! `mainloop.rs` (turn and exit), then what that uses: `turn.rs` (a task is taken out and put back), `task.rs`
//! (a future, then its output, in one box), `ready.rs` (the queue), `waker.rs` (the bell that puts a task on
//! it), `taskmap.rs` (where tasks live), `scheduler.rs` (spawn, schedule, and the trait `Hooks`); beside
//! them `now.rs` (whose turn it is, and the flags), `join.rs` (a task's end, and its output), `root.rs` and `idle.rs`.
//! The first plug is the timer heap, `src/time/heap.rs` and `src/time/timers.rs`. That is an executor.
//!
//! Everything else plugs in in the same way, and `src/scheduler/layers.rs` is the list of it. Cancelling is
//! in `src/cancel`: `regions.rs`, `requests.rs`, `region.rs` and `cancelling.rs`, in this order. Scopes are
//! in `src/scope`: `hosts.rs` (which child is whose), `pass.rs` (their turns) and `run.rs` (the scope as it is
//! awaited). Reports are plain data in `src/report`; `src/scheduler/snapshot.rs` asks every layer for what they
//! say, and `src/scheduler/idle.rs` gives the verdict that nothing can ever run again.
//!
//! The words are those of a generator-based scheduler as it is taught in Python: `taskmap`, `ready`,
//! `schedule`, `mainloop`, `exit`. `examples/slides.rs` has them side by side.

#![forbid(unsafe_code)]

mod kernel;
mod slab;
mod random;
mod wait_here;
mod report;
mod watch;
mod limits;
pub mod sync;
mod cancel;
pub mod time;
pub mod task;
mod scope;
pub mod channel;
pub mod combine;
pub mod blocking;
pub mod scheduler;
pub mod generator;
#[cfg(feature = "jobs")]
pub mod jobs;
#[cfg(feature = "stream")]
mod stream;
pub mod coming_from_asyncio;

pub mod waiting {
    //! Who waits for what: for locks, channels and other primitives that want to be named in reports.
    //!
    //! A primitive does three things here. It keeps a [`Waiter`] for each wait, to wake it later. It keeps
    //! the task and the place beside it. And once somebody has to wait, it [`register`]s itself as something
    //! that is [`Waited`] for; then snapshots and deadlock reports name it, its owner and its place.
    //!
    //! The wait lists *are* the record: nothing is noted down anywhere else, so nothing can be out of date.

    pub use crate::kernel::{TaskKey, Waiter};
    pub use crate::report::{Registration, Resource, Wait, Waited, register};
}

pub use blocking::{ThreadPool, spawn_blocking};
pub use combine::{as_completed, gather, join_all, race, try_join_all, wait};
pub use generator::Generator;
pub use kernel::TaskId;
pub use report::{DeadlockReport, Metrics, Observer, Snapshot, Transition};
pub use scheduler::{Policy, RunError, Scheduler, Turn};
pub use task::{AbortOnDrop, JoinError, JoinHandle, Remote, spawn, yield_now};
pub use time::{sleep, sleep_until, timeout};

/// Runs a future to its end on a fresh scheduler, and returns its output.
///
/// The future may borrow from around it and need not be `Send`. Tasks that it has spawned and that are not
/// over when it is are asked to end, as by [`JoinHandle::cancel`], with the reason "shutdown", and may clean
/// up for as long as they like; what can never run again is dropped at once. [`Scheduler::block_on`] leaves
/// them for its next call instead, and [`Scheduler::shutdown`] sets a limit.
///
/// # Panics
///
/// If the future panics; if a scheduler runs on this thread already; and, with the whole
/// [`DeadlockReport`], if nothing can ever run again. [`Scheduler::try_block_on`] returns the last two as
/// errors.
///
/// # Example
///
/// ```
/// let name = String::from("turnwise");
/// let length = turnwise::block_on(async { name.len() });
/// assert_eq!(length, 8);
/// ```
///
/// # Cancelling
///
/// The future itself has no handle, so only what is inside of it can ask anything to end. If it panics, what it
/// has spawned is dropped without having been asked.
#[track_caller]
#[doc(alias = "run")]
#[doc(alias = "run_until_complete")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let scheduler = Scheduler::new();
    let output = scheduler.block_on(future);
    scheduler.clean_up();
    output
}

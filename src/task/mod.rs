//! Tasks: spawn, name, join and cancel them; yield; spawn from other threads.
//!
//! Use this module for everything beyond [`spawn`]: names and priorities, tasks that borrow, tasks that are cancelled
//! and may clean up first.
//!
//! ```
//! use std::future::pending;
//! use turnwise::{block_on, spawn, task};
//!
//! block_on(async {
//!     let sum = spawn(async { 1 + 1 });
//!     let poller = task::Builder::new().name("poller").spawn(pending::<()>());
//!     assert_eq!(sum.await.unwrap(), 2);
//!
//!     poller.cancel();
//!     assert!(poller.await.unwrap_err().is_cancelled());
//!
//!     let words = ["foo", "bar"].map(String::from);
//!     let lengths = task::scope(async |s| {
//!         let children = words.each_ref().map(|word| s.spawn(async { word.len() }));
//!         let mut sum = 0;
//!         for child in children {
//!             sum += child.await.unwrap();
//!         }
//!         sum
//!     });
//!     assert_eq!(lengths.await.unwrap(), 6);
//! });
//! ```
//!
//! | to | use |
//! |---|---|
//! | run a future alongside the others, and get its output | [`spawn`], and await the [`JoinHandle`] |
//! | have an `Err` reported if no handle reads it | [`try_spawn`] |
//! | set a name or a priority | [`Builder`] |
//! | abort a task when its handle is dropped | [`AbortOnDrop`] |
//! | run tasks that borrow, and that end together | [`scope`](scope()) |
//! | keep a set of tasks that grows | [`JoinSet`] |
//! | request that a task ends | [`JoinHandle::cancel`] |
//! | clean up when cancelled | [`catch_cancel`] |
//! | hold requests back for a while | [`mask`] |
//! | always close a resource, and await that | [`with`](with()) |
//! | keep work going when its waiter is dropped | [`shield`] |
//! | cancel futures that are not tasks, or many tasks together | [`CancelToken`] |
//! | let the other tasks take their turns | [`yield_now`] |
//! | pass a value down to everything awaited below | [`task_local!`](crate::task_local) |
//! | spawn from another thread | [`Remote`] |
//!
//! # Cancelling
//!
//! Cancelling is a **request**. Making one neither waits nor drops anything. It is delivered at an await point, never
//! in the middle of a turn; a future that is ready in the turn of the request keeps its output.
//!
//! | a request is made by | on | if nothing catches it |
//! |---|---|---|
//! | `cancel` of a [handle](JoinHandle::cancel), a [child's handle](ScopedHandle::cancel), an [`AbortHandle`] | the task | it is dropped: [`JoinError::is_cancelled`] |
//! | the deadline of a [`timeout`](crate::timeout) | the future it wraps | it is dropped: [`Elapsed`](crate::time::Elapsed) |
//! | a [`CancelToken`] | the future that its [`run_until_cancelled`](CancelToken::run_until_cancelled) wraps | it is dropped: `None` |
//! | a [`scope`](scope()), when a child fails or by [`Scope::cancel`] | its body and its children | they are dropped: [`ScopeError`] |
//! | [`Scheduler::shutdown`](crate::Scheduler::shutdown), the end of [`block_on`](crate::block_on) | all tasks | they are dropped |
//!
//! ## Where a request goes
//!
//! From where it is made, a request goes inward to the innermost [`catch_cancel`] that is waiting: to one in each
//! concurrent branch, and to each of them once.
//!
//! ```text
//! task ─── catch A ─── join! ─┬─ catch B ─── recv       B gets the request, and A does not.
//!                             └─ sleep                  If B resumes it, A gets it, and drops both branches.
//! ```
//!
//! Each of these is a future around another one, and each handles a request in its own way:
//!
//! | | how it handles a request from around it |
//! |---|---|
//! | [`catch_cancel`] | drops what it wraps, and is ready with `Err(`[`Cancelled`]`)` |
//! | [`mask`] | holds the request back until what it wraps has finished |
//! | [`timeout`](crate::timeout) | lets it through, and makes one of its own at the deadline |
//! | [`scope`](scope()) | passes it to its body and its children; when they have ended, the request continues outside the scope |
//! | [`shield`], a [`JoinHandle`] | they are dropped with their waiter; the task continues |
//! | [`gather`](crate::gather), [`JoinSet`] | they are dropped with their waiter, which aborts their tasks |
//!
//! ## The clean-up
//!
//! Code that has caught a request may await whatever its clean-up needs. The clean-up lasts as long as the
//! [`Cancelled`] lives. Until then the same request, made again, is only [counted](Cancelled::requests), a request from
//! elsewhere waits, and only [`abort`](JoinHandle::abort) interrupts it. Dropping the `Cancelled` means that the
//! request has been dealt with, and the task continues; [`resume`](Cancelled::resume) passes the request outward.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{Scheduler, sleep, task, time, yield_now};
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! let connection = scheduler.spawn(async {
//!     match task::catch_cancel(sleep(Duration::from_secs(3600))).await {
//!         Ok(()) => {}
//!         Err(cancelled) => {
//!             sleep(Duration::from_secs(5)).await; // says goodbye, and is not interrupted
//!             assert_eq!((cancelled.reason(), cancelled.requests()), ("closing time", 2));
//!             cancelled.resume().await; // without this the task would return as if it had not been cancelled
//!         }
//!     }
//! });
//! scheduler.block_on(async {
//!     yield_now().await;
//!     let start = time::now();
//!     connection.cancel_with("closing time");
//!     connection.cancel(); // the same request again: it is counted
//!     let error = connection.await.unwrap_err();
//!     assert_eq!(error.reason(), Some("closing time"));
//!     assert_eq!(time::now() - start, Duration::from_secs(5));
//! });
//! ```
//!
//! ## Three traps
//!
//! **A `Cancelled` that is dropped too early.** `is_err()` drops it before the block starts, so the clean-up is an
//! ordinary wait. Write `match`, or `if let Err(cancelled) = …`.
//!
//! ```
//! use std::future::pending;
//! use turnwise::{block_on, spawn, task::catch_cancel, yield_now};
//!
//! block_on(async {
//!     let task = spawn(async {
//!         if catch_cancel(pending::<()>()).await.is_err() {
//!             yield_now().await; // meant to be the clean-up
//!             unreachable!("the second request ends it");
//!         }
//!     });
//!     yield_now().await;
//!     task.cancel();
//!     yield_now().await;
//!     task.cancel();
//!     assert!(task.await.unwrap_err().is_cancelled());
//! });
//! ```
//!
//! **A branch that catches nothing, beside one that does.** The request goes to the neighbor, and this branch continues
//! to its end. Put one `catch_cancel` around both, or let the neighbor `resume`.
//!
//! ```
//! use std::{future::pending, time::Duration};
//! use turnwise::{Scheduler, join, sleep, task::catch_cancel};
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! let hour = Duration::from_secs(3600);
//! let careful = scheduler.spawn(async move { join!(catch_cancel(pending::<()>()), sleep(hour)).0.is_err() });
//! let better = scheduler.spawn(async move {
//!     catch_cancel(async { join!(pending::<()>(), sleep(hour)) }).await.is_err()
//! });
//! scheduler.run_until_stalled();
//! careful.cancel();
//! better.cancel();
//! scheduler.run_until_stalled();
//! assert!(better.is_finished() && !careful.is_finished()); // `careful` still sleeps
//! assert_eq!(scheduler.block_on(careful).ok(), Some(true));
//! ```
//!
//! **A catch that is kept but no longer polled**, for example by a `select!` that only borrowed it. It cannot clean
//! anything up. Once the task has come to rest a few times this is detected, and the request goes to the next catch
//! outward, or, as here, to the task.
//!
//! ```
//! use std::{future::pending, pin::pin, time::Duration};
//! use turnwise::{Scheduler, select, sleep, task::catch_cancel};
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! let task = scheduler.spawn(async {
//!     let mut work = pin!(catch_cancel(pending::<()>()));
//!     select! {
//!         _ = &mut work => unreachable!("it never ends"),
//!         () = sleep(Duration::from_secs(1)) => {}
//!     }
//!     pending::<()>().await; // and `work` still exists
//! });
//! scheduler.block_on(async {
//!     sleep(Duration::from_secs(2)).await;
//!     task.cancel();
//!     assert!(task.await.unwrap_err().is_cancelled());
//! });
//! ```
//!
//! ## Cancel, abort, drop
//!
//! | | when | what may still run |
//! |---|---|---|
//! | [`cancel`](JoinHandle::cancel) | at an await point; after masks and clean-ups | clean-ups, which may await, then destructors |
//! | [`abort`](JoinHandle::abort) | at the task's next turn; nothing delays it | destructors |
//! | dropping a future | immediately | destructors |
//!
//! A request that nothing catches drops what it was made on, and so does `abort`. The losers of a `select!` or a
//! `race`, and the rest of a `try_join!`, are dropped too, *without* a request: no `catch_cancel` in them is notified.
//! The section "Cancel safety" of each future in this crate describes what is lost when it is dropped before its end,
//! in any of these ways. Tasks that it has spawned continue, except those of a scope, a `gather`, a `JoinSet` and an
//! `AbortOnDrop`.

mod entry;
mod fallible;
mod join_error;
mod yield_now;
mod current;
mod declare;
mod inherit;
mod join;
mod spawn;
mod builder;
mod local;
mod remote;
mod shield;
mod remote_error;
mod remote_handle;
mod endings;
mod join_set;
mod join_next;
mod with;
#[cfg(all(test, turnwise_loom))]
mod models;

pub use crate::cancel::{
    CancelToken, Cancelled, CatchCancel, DropGuard, Mask, RunUntilCancelled, TokenCancelled,
    cancelling, catch_cancel, mask,
};
pub use crate::kernel::{Ending, TaskId};
pub use crate::scope::{ChildError, Scope, ScopeError, ScopedHandle, scope};
pub use builder::Builder;
pub use current::{id, name, try_id};
pub(crate) use entry::{forget_joiner, is_over, name as name_of, take_end};
pub(crate) use fallible::Fallible;
pub(crate) use inherit::{Inherited, inherits};
pub use join::{AbortHandle, AbortOnDrop, Flatten, JoinHandle};
pub use join_error::JoinError;
pub use join_next::{JoinNext, JoinNextWithId, JoinSetAll, Shutdown};
pub use join_set::JoinSet;
#[doc(hidden)]
pub use local::Storage as __Storage;
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use remote::Remote;
pub(crate) use remote::Remotes;
pub use remote_error::RemoteError;
pub use remote_handle::RemoteHandle;
pub use shield::{Shield, shield};
pub use spawn::{spawn, try_spawn};
pub use with::{Exit, with};
pub use yield_now::{YieldNow, checkpoint, yield_now};

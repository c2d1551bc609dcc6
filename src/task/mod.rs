//! Tasks: spawning, naming, joining and cancelling them, giving way, and spawning from other threads.
//!
//! | you want | use |
//! |---|---|
//! | a task, and its output | [`spawn`], and await the [`JoinHandle`] |
//! | one whose `Err` is not lost in silence | [`try_spawn`] |
//! | one with a name or a priority | [`Builder`] |
//! | one that goes when its handle does | [`AbortOnDrop`] |
//! | tasks that borrow, and end together | [`scope`](scope()) |
//! | a set of tasks that grows | [`JoinSet`] |
//! | to ask a task to end | [`JoinHandle::cancel`] |
//! | to clean up when asked | [`catch_cancel`] |
//! | not to be asked, for a while | [`mask`] |
//! | to close something whatever happens, and wait meanwhile | [`with`](with()) |
//! | work that goes on without whoever waits for it | [`shield`] |
//! | to ask what is no task, or is spread over many | [`CancelToken`] |
//! | to give others a turn | [`yield_now`] |
//! | a value for all that is awaited below | [`task_local!`](crate::task_local) |
//!
//! # Cancelling
//!
//! Cancelling is a **request**. Whoever makes it neither waits nor drops anything; it reaches what is to end
//! while that waits, never in the middle of a turn. What is ready in the turn of the request keeps its output.
//!
//! | a request is made by | on | if nobody catches it |
//! |---|---|---|
//! | `cancel` of a [handle](JoinHandle::cancel), a [child's handle](ScopedHandle::cancel), an [`AbortHandle`] | the task | it is dropped: [`JoinError::is_cancelled`] |
//! | the deadline of a [`timeout`](crate::timeout) | what that wraps | it is dropped: [`Elapsed`](crate::time::Elapsed) |
//! | a [`CancelToken`] | what its [`run_until_cancelled`](CancelToken::run_until_cancelled) wraps | it is dropped: `None` |
//! | a [`scope`](scope()), when a child fails or by [`Scope::cancel`] | its body and its children | they are dropped: [`ScopeError`] |
//! | [`Scheduler::shutdown`](crate::Scheduler::shutdown), the end of [`block_on`](crate::block_on) | all tasks | they are dropped |
//!
//! ## Who gets it
//!
//! From where it is made a request goes inward, to the innermost [`catch_cancel`] that waits: to one in each
//! concurrent branch, and to each once.
//!
//! ```text
//! task ─── catch A ─── join! ─┬─ catch B ─── recv       B gets the request, and A does not.
//!                             └─ sleep                  If B resumes it, A gets it, and drops both branches.
//! ```
//!
//! Each of these is a future around another one, and answers in its own way:
//!
//! | | what it does with a request from around it |
//! |---|---|
//! | [`catch_cancel`] | drops what it wraps, and is ready with `Err(`[`Cancelled`]`)` |
//! | [`mask`] | makes it wait until what it wraps is over |
//! | [`timeout`](crate::timeout) | lets it through, and makes one of its own at the deadline |
//! | [`scope`](scope()) | asks its body and its children; when they have ended, it lets it go on to what is around |
//! | [`shield`], a [`JoinHandle`] | they are dropped with whoever waits; the task goes on |
//! | [`gather`](crate::gather), [`JoinSet`] | they are dropped with whoever waits, which aborts their tasks |
//!
//! ## The clean-up
//!
//! Whoever has caught a request may await whatever his clean-up needs. It lasts as long as the [`Cancelled`]
//! lives. Until then the same request, made again, is [counted](Cancelled::requests); one from elsewhere waits;
//! nothing but [`abort`](JoinHandle::abort) disturbs it. Dropping the `Cancelled` means that the request is dealt
//! with, and the task goes on; [`resume`](Cancelled::resume) passes it outward.
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
//!             sleep(Duration::from_secs(5)).await; // says goodbye, and is not disturbed
//!             assert_eq!((cancelled.reason(), cancelled.requests()), ("closing time", 2));
//!             cancelled.resume().await; // without this the task would return, as if it had not been asked
//!         }
//!     }
//! });
//! scheduler.block_on(async {
//!     yield_now().await;
//!     let start = time::now();
//!     connection.cancel_with("closing time");
//!     connection.cancel(); // one who cannot wait
//!     let error = connection.await.unwrap_err();
//!     assert_eq!(error.reason(), Some("closing time"));
//!     assert_eq!(time::now() - start, Duration::from_secs(5));
//! });
//! ```
//!
//! ## Three traps
//!
//! **A `Cancelled` that is dropped too early.** `is_err()` drops it before the block begins, so the clean-up is
//! a wait like any other. Write `match`, or `if let Err(cancelled) = …`.
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
//! **A branch that catches nothing, beside one that does.** The request is the neighbour's, and this branch
//! goes on to its end. Put one `catch_cancel` around both; or let the neighbour `resume`.
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
//! assert!(better.is_finished() && !careful.is_finished()); // which sleeps on
//! assert_eq!(scheduler.block_on(careful).ok(), Some(true));
//! ```
//!
//! **A catch that is kept, but polled no more**, as by a `select!` to which it was only lent. It can clean
//! nothing up. When the task has come to rest a few times that is noticed, and the request goes to the next one
//! out, here to the task.
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
//!     pending::<()>().await; // and `work` is still there
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
//! | [`cancel`](JoinHandle::cancel) | while it waits; after masks and clean-ups | clean-ups, which may await, then destructors |
//! | [`abort`](JoinHandle::abort) | at its next turn; nothing holds it up | destructors |
//! | dropping a future | at once | destructors |
//!
//! A request that nobody catches drops what it was made on, and so does `abort`; the loser of a `select!` or a
//! `race`, and the rest of a `try_join!`, are dropped too, and *not* asked: no `catch_cancel` in them is told.
//! What each future in this crate loses when it is dropped before its end, in whichever of these ways, is said
//! under its heading "Cancel safety". Tasks that it has spawned go on, but for those of a scope, a `gather`, a
//! `JoinSet` and an `AbortOnDrop`.

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

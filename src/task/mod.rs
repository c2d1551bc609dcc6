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
//! | cancel a task when its handle is dropped, or abort it | [`CancelOnDrop`], [`AbortOnDrop`] |
//! | run tasks that borrow, and that end together | [`scope`](scope()) |
//! | stop such tasks when the code that spawns them fails | [`try_scope`], [`Scope::fail`] |
//! | keep a set of tasks that grows | [`JoinSet`] |
//! | request that a task ends | [`JoinHandle::cancel`] |
//! | clean up when cancelled | [`catch_cancel`] |
//! | hold requests back for a while | [`mask`] |
//! | always close a resource, and await that | [`with`](with()) |
//! | keep work going when its waiter is dropped | [`shield`]; [`try_shield`], to have an `Err` reported then |
//! | cancel futures that are not tasks, or many tasks together | [`CancelToken`] |
//! | let the other tasks take their turns | [`yield_now`] |
//! | pass a value down to everything awaited below | [`task_local!`](crate::task_local) |
//! | spawn from another thread | [`Remote`] |
//!
//! # Cancelling
//!
//! Cancelling is a **request**. Making one neither waits nor drops anything.
//!
//! | a request is made by | on | if nothing catches it |
//! |---|---|---|
//! | `cancel` of a [handle](JoinHandle::cancel), a [child's handle](ScopedHandle::cancel), an [`AbortHandle`]; dropping a [`CancelOnDrop`] | the task | it is dropped: [`JoinError::is_cancelled`] |
//! | the deadline of a [`timeout`](crate::timeout) | the future it wraps | it is dropped: [`Elapsed`](crate::time::Elapsed) |
//! | a [`CancelToken`] | the future that its [`run_until_cancelled`](CancelToken::run_until_cancelled) wraps | it is dropped: `None` |
//! | a [`scope`](scope()), when a child fails, or by [`Scope::cancel`] or [`Scope::fail`]; a [`try_scope`], when its body fails | its body and its children | they are dropped: [`ScopeError`] |
//! | a scope or a [`gather`](crate::gather) that is asked to end | its body and its tasks | they are dropped |
//! | `close` or `throw` of an [`AsyncGenerator`](crate::generator::AsyncGenerator::close) | its body | it is dropped |
//! | [`Scheduler::shutdown`](crate::Scheduler::shutdown), the end of [`block_on`](crate::block_on) | all tasks | they are dropped |
//!
//! ## The rules
//!
//! *The asker* of a request is not the caller of `cancel`, but what the request is made on: a task, the future of a
//! timeout or of a `run_until_cancelled`, the body or a child of a scope, the body of a generator.
//!
//! 1. **A request takes effect at an await point.** No code of the asker runs inside `cancel`. A timeout, a token, and
//!    a task that cancels itself complete their current poll first; a future that is ready in that poll keeps its
//!    output. A `cancel` from elsewhere takes effect immediately: a task in which nothing takes or holds the request is
//!    not polled again, even if what it waits for has just happened.
//! 2. **It reaches everything that is polled inside the asker**, including futures that are only borrowed there, and
//!    the tasks of a scope or a [`gather`](crate::gather) inside. It never ends anything else.
//! 3. **The innermost pending [`catch_cancel`] takes it**: one in each concurrent branch, and each of them once. A
//!    catch that becomes pending after another has taken the request is not offered it.
//! 4. **If nothing inside takes or holds it, the asker drops its future.** These hold it: a [`mask`] until its future
//!    has ended; a [`scope`](scope()) or a `gather` until its tasks have ended; a clean-up as long as its [`Cancelled`]
//!    lives; a catch that was offered the request and will take it.
//! 5. **A clean-up is interrupted only by `abort`, by the end of a shutdown's grace period, by being dropped, or by
//!    closing the generator that it is part of.** The same request, made again, is only [counted](Cancelled::requests).
//!    Requests from outside wait for its end, also those for anything that became pending in any branch after it
//!    started, since that may be part of it. A timeout inside the clean-up works as usual.
//! 6. **Dropping the [`Cancelled`] means that the request was dealt with;** [`resume`](Cancelled::resume) passes it
//!    outward, to the next catch, or else to the asker. Before the asker acts, it waits for the masks and clean-ups in
//!    other branches, but not for a mask around the code that resumes.
//! 7. **Only what is dropped is lost.** A future that ends by itself gives its output, however late and whether it took
//!    the request or not: a timeout returns `Ok`, a token `Some`, a task its output.
//!    ([`Timeout::is_elapsed`](crate::time::Timeout::is_elapsed) says that the deadline has passed.) Code that wants
//!    `Elapsed` after its clean-up resumes.
//! 8. **A scope passes the request to its body and its children, and outward when all of them have ended**; a `gather`
//!    does the same with its tasks. Until the asker has acted it stays pending, so no code after it runs. It completes
//!    only if a catch in another branch takes the request and drops its [`Cancelled`] without resuming. A catch around
//!    it gets the request after the children have ended.
//! 9. **What is no longer polled holds nothing.** A catch, mask, scope or `gather` that was woken for the request is
//!    passed over if its task comes to rest without polling it. (If a task never rests, this is checked in every
//!    1,024th turn.) The check is repeated each time the request is made. A mask, scope, `gather` or clean-up that
//!    stops being polled after the check holds the request until it is dropped.
//! 10. **What has resumed is over.** An [`AsyncGenerator`](crate::generator::AsyncGenerator) whose body has resumed
//!     returns `None`, but not before the asker has acted. Any other future that has resumed panics if it is polled
//!     outside of the asker, or after the asker has ended (it was lent, shared or kept). The message names the request,
//!     the place of the catch and the remedy.
//! 11. **The failures of a scope and of a `gather` are never lost.** Errors and panics that no [`ScopeError`] returns,
//!     and panics that no `gather` returns, since it was dropped, timed out or cancelled, are
//!     [reported](crate::scheduler::Builder::on_report) like those of a task whose handle was dropped. So are panics
//!     that a `join!` of handles, or another combinator, has collected and does not return. A [`JoinError`] that was
//!     read is a value.
//! 12. **In a [`try_scope`], the body's `Err` stops the children**, and is the first failure of the [`ScopeError`],
//!     unless a child failed before. [`Scope::fail`] does the same from anywhere in the scope.
//!
//! ## Where a request goes
//!
//! ```text
//! task ─── catch A ─── join! ─┬─ catch B ─── recv       B gets the request, and A does not.
//!                             └─ sleep                  If B resumes it, A gets it, and drops both branches.
//! ```
//!
//! Each of these waits for something else, and handles a request in its own way:
//!
//! | | how it handles a request from around it |
//! |---|---|
//! | [`catch_cancel`] | drops what it wraps, and is ready with `Err(`[`Cancelled`]`)` |
//! | [`mask`] | holds the request back until what it wraps has finished |
//! | [`with`](with()) | closes its resource, which is not interrupted; then the request continues outward |
//! | [`timeout`](crate::timeout), [`run_until_cancelled`](CancelToken::run_until_cancelled) | lets it through, and makes one of its own at the deadline, or when the token is cancelled |
//! | [`scope`](scope()), [`gather`](crate::gather) | passes it to its body and its tasks; when they have ended, including their clean-ups, the request continues outward |
//! | [`AsyncGenerator`](crate::generator::AsyncGenerator) | lets it through to its body; a body that catches nothing stays where it is, and the next call continues it; after a body has resumed the request, the generator is over |
//! | [`shield`], a [`JoinHandle`] | is dropped with its waiter; the task continues |
//! | [`CancelOnDrop`] | is dropped with its waiter, which cancels the task; nothing waits for its clean-up |
//! | [`AbortOnDrop`], [`JoinSet`] | is dropped with its waiter, which aborts the tasks |
//!
//! ## The clean-up
//!
//! Code that has caught a request may await whatever its clean-up needs. The clean-up lasts as long as the
//! [`Cancelled`] lives.
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
//! ## Five traps
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
//! **A catch that is kept but no longer polled**, as by a `select!` that only borrowed it. It cannot clean anything up.
//! Once the task has come to rest without polling it, the request goes to the next catch outward, or, as here, to the
//! task (rule 9).
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
//! **A mask that waits for something after a scope.** The scope passes the request on when its children have ended, and
//! no code after it runs (rule 8); the mask holds the request until its future has ended (rule 4). If that waits for
//! the code after the scope, neither can happen: a deadlock, and reported as one. Put what the mask needs inside the
//! scope; or, if the children end by themselves, put the mask around both.
//!
//! ```
//! use turnwise::{RunError, Scheduler, join, sync::Event, task};
//!
//! let scheduler = Scheduler::new();
//! let event = std::rc::Rc::new(Event::new());
//! let task = scheduler.spawn(async move {
//!     let worker = async {
//!         let children = task::scope(async |s| drop(s.spawn(std::future::pending::<()>())));
//!         let _stopped = children.await;
//!         event.set();
//!     };
//!     join!(worker, task::mask(event.wait()));
//! });
//! scheduler.run_until_stalled();
//! task.cancel();
//! assert!(matches!(scheduler.run(), Err(RunError::Deadlock(_))));
//! ```
//!
//! **A `Cancelled` that nothing drops, beside a scope.** `join!` keeps the output of a branch until all are ready. If
//! that is a [`Cancelled`], the clean-up lasts that long; and a scope in another branch, whose tasks have ended, waits
//! for the end of the clean-up (rule 8): a deadlock, and reported as one. Handle the request inside the branch, or put
//! one catch around both.
//!
//! ```
//! use std::{future::pending, time::Duration};
//! use turnwise::{Scheduler, join, sleep, task::{catch_cancel, scope}};
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! let children = || scope(async |s| drop(s.spawn(sleep(Duration::from_secs(5)))));
//! let stuck = scheduler.spawn(async move { drop(join!(children(), catch_cancel(pending::<()>()))) });
//! let better = scheduler.spawn(async move {
//!     let caught = async { catch_cancel(pending::<()>()).await.is_err() };
//!     drop(join!(children(), caught));
//! });
//! scheduler.run_until_stalled();
//! stuck.cancel();
//! better.cancel();
//! assert!(scheduler.run().is_err());
//! assert!(better.is_finished() && !stuck.is_finished());
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
//! in any of these ways. Tasks that it has spawned continue, except those of a [`CancelOnDrop`], which are cancelled,
//! and those of a scope, a `gather`, a [`JoinSet`] and an [`AbortOnDrop`], which are dropped or aborted.
//!
//! ## What asyncio does differently
//!
//! | in asyncio | here |
//! |---|---|
//! | a request is an exception: an `except` anywhere around the `await` may swallow it | it goes to the innermost catch of *each* branch, and only dropping the `Cancelled` deals with it |
//! | cancelling a task also cancels the task that it awaits, and raises in every task that awaits it | it ends only the task that it was made on; tasks that it awaits continue, and tasks that await it read a [`JoinError`] |
//! | a second `cancel` interrupts an `except` or a `finally` that awaits | it is counted; the clean-up is protected until the `Cancelled` is dropped |
//! | `wait_for` returns a value that comes late, since Python 3.9 | so do [`timeout`](crate::timeout) and tokens (rule 7) |
//! | an exception in the body of a `TaskGroup` cancels the children | the `Err` of a [`try_scope`] does; that of a [`scope`](scope()) is a value |
//! | if a group is cancelled and a child fails, an `ExceptionGroup` replaces the `CancelledError` | the request continues, and the failure is reported (rule 11) |
//! | a cancelled `gather` cancels its tasks, and raises when the first of them ends with an exception; only with `return_exceptions=True` does it wait for all | it always waits for all, including their clean-ups |
//! | `asyncio.run` cancels all tasks at its end; what their clean-ups spawn is left over | so does [`block_on`](crate::block_on), but what a clean-up spawns is cancelled too, when the task that cleans up has ended; [`shutdown`](crate::Scheduler::shutdown) adds a time limit and a report |

mod entry;
mod fallible;
mod join_error;
mod yield_now;
mod current;
mod declare;
mod inherit;
mod join;
mod on_drop;
mod builder;
mod local;
mod remote;
mod shield;
mod remote_error;
mod remote_handle;
mod endings;
mod join_set;
mod spawn;
mod join_next;
mod with;
#[cfg(all(test, turnwise_loom))]
mod models;

#[doc(hidden)]
pub use crate::cancel::__is_empty as __has_no_regions;
pub use crate::cancel::{
    CancelToken, Cancelled, CatchCancel, DropGuard, Mask, RunUntilCancelled, TokenCancelled,
    cancelling, catch_cancel, mask,
};
pub use crate::kernel::{Ending, TaskId};
pub use crate::scope::{ChildError, Scope, ScopeError, ScopedHandle, scope, try_scope};
pub use builder::Builder;
pub use current::{id, name, try_id};
pub(crate) use entry::{abort, forget_joiner, is_over, join_pending, name as name_of, take_end};
pub(crate) use fallible::Fallible;
pub(crate) use inherit::{Inherited, inherits};
pub use join::{AbortHandle, Flatten, JoinHandle};
pub use join_error::{FromJoinError, JoinError};
pub use join_next::{JoinNext, JoinNextWithId, JoinSetAll, Shutdown};
pub use join_set::JoinSet;
#[doc(hidden)]
pub use local::Storage as __Storage;
pub use local::{AccessError, LocalKey, TaskLocalFuture};
pub use on_drop::{AbortOnDrop, CancelOnDrop};
pub use remote::Remote;
pub(crate) use remote::Remotes;
pub use remote_error::RemoteError;
pub use remote_handle::RemoteHandle;
pub use shield::{Shield, shield, try_shield};
pub use spawn::{spawn, try_spawn};
pub use with::{Exit, with};
pub use yield_now::{YieldNow, checkpoint, yield_now};

//! The scope as a future: it polls its body, and gives turns to its children.

use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::task::{Context, Poll};

use crate::cancel::{Passage, Role, TaskRegion};
use crate::kernel::{Place, current_task};
use crate::scope::body::ScopeBody;
use crate::scope::error::{BoxError, ScopeError};
use crate::scope::hosts::Host;
use crate::scope::slots::recycle;
use crate::scope::spawning::{Scope, convert};
use crate::slab::Slab;
use crate::task::is_over;

/// Creates a scope for tasks that may borrow from their surroundings, and that have all ended when the scope does.
///
/// The body is an async closure. Its argument spawns the children; its output is the value of the scope. Children are
/// tasks, with an id, a bell, an entry in reports and optionally a name. But they are polled by the scope's own future,
/// in turns nested in those of the task that awaits it. That is why they may borrow from the code around the scope, and
/// need no `'static`, no `Rc` and no `move`.
///
/// The first child that fails stops the others: the body and all other children are cancelled, and have ended before
/// the scope does. See [`Scope::collect_all`] to let the others finish, [`Scope::try_spawn`] for children that fail
/// with an error, [`try_scope`] for a body that does, [`Scope::fail`] for other code in the scope, and
/// [`Scope::cancel`] to stop a scope that already has its result.
///
/// A cancel request from outside, by a `timeout` around the scope or a `cancel` of its task, is passed on to the body
/// and the children. When they have ended, including their clean-ups, the request continues outward, and no code after
/// the scope runs: it is not turned into an error. The exception: if a `catch_cancel` in a concurrent branch takes the
/// request and drops its `Cancelled` without resuming it, nothing around the scope acts on it, and the scope completes
/// as if by [`Scope::cancel`].
///
/// # Errors
///
/// A [`ScopeError`] with every failure, if a child panicked, one spawned by [`try_spawn`](Scope::try_spawn) returned an
/// error, or [`fail`](Scope::fail) was called; one without failures, if the scope was cancelled before its body
/// returned a value. If the body returns an `Err`, that is a value, and stops nothing: see [`try_scope`].
///
/// A scope may not get to return its failures: it is dropped, as by a `select!` that it loses or an `abort` of its
/// task; a cancel request from outside continues outward; its body panics. Then each failure is reported like that of a
/// task whose handle was dropped, and the [`FailurePolicy`](crate::scheduler::FailurePolicy) applies to it.
///
/// # Panics
///
/// If the body panics, after all children have ended. Spawning a child needs a running scheduler on this thread:
/// without one, the body panics.
///
/// # Cancel safety
///
/// Dropping the future early drops the body, then the children in the order in which they were spawned, then whatever
/// their destructors have spawned. They get no cancel request first, so no clean-up runs.
///
/// Forgetting the future ([`mem::forget`](std::mem::forget)) leaves the children in the scheduler, where they never get
/// another turn; [`run`](crate::Scheduler::run) reports them as a deadlock. The future may be polled in a `select!` or
/// inside other futures, and may move to another task; the children stay on the scheduler that they were spawned on.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, task};
///
/// let names = vec!["Ada".to_string(), "Grace".to_string()];
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let greetings = scheduler.block_on(task::scope(async |s| {
///     let mut handles = Vec::new();
///     for name in &names {
///         handles.push(s.spawn(async move {
///             sleep(Duration::from_secs(1)).await;
///             format!("hello, {name}")
///         }));
///     }
///     let mut greetings = Vec::new();
///     for handle in handles {
///         greetings.push(handle.await?);
///     }
///     Ok::<_, turnwise::JoinError>(greetings)
/// }))??;
/// assert_eq!(greetings, ["hello, Ada", "hello, Grace"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # The outcome of each child
///
/// A handle cannot leave the body, and a failure drops a body that waits. What the children have done until then can be
/// kept in variables around the scope, which the children write. Or the body catches the request and awaits the handles
/// in its clean-up:
///
/// ```
/// use std::future::pending;
/// use turnwise::{JoinError, block_on, task};
///
/// let mut outcomes: Vec<Result<u32, JoinError>> = Vec::new();
/// let error = block_on(task::scope(async |s| {
///     let handles = [
///         s.spawn(async { 1 }),
///         s.try_spawn(async { Err("no answer") }),
///         s.spawn(pending()),
///     ];
///     if let Err(cancelled) = task::catch_cancel(pending::<()>()).await {
///         for handle in handles {
///             outcomes.push(handle.await);
///         }
///         cancelled.resume().await;
///     }
/// }))
/// .unwrap_err();
/// assert_eq!(error.failures()[0].to_string(), "#3: no answer");
/// let [value, failure, other] = &outcomes[..] else { panic!("there are three children") };
/// assert_eq!(value.as_ref().ok(), Some(&1));
/// assert!(failure.as_ref().unwrap_err().is_failure());
/// assert!(other.as_ref().unwrap_err().is_cancelled());
/// ```
///
/// # Task-locals
///
/// A child takes its turns inside those of the scope, so it sees what is set around the scope, like any future awaited
/// there. What the body sets around a `spawn` is inherited, as with [`spawn`](crate::spawn), if the key is declared
/// `inherit`; see [`task_local!`](crate::task_local).
///
/// # What does not compile
///
/// A child cannot borrow a local variable of the body, since the body may end before the child does; the compiler
/// suggests `move`. Pass it by value, or declare it outside the scope.
///
/// ```compile_fail,E0373
/// # use turnwise::{block_on, task};
/// block_on(task::scope(async |s| {
///     let name = String::from("Ada");
///     s.spawn(async { println!("{name}") }); // may outlive borrowed value `name`
/// }));
/// ```
///
/// A handle cannot leave the body: `lifetime may not live long enough`.
///
/// ```compile_fail
/// # use turnwise::{block_on, task};
/// let handle = block_on(task::scope(async |s| s.spawn(async { 1 })));
/// ```
///
/// Two children cannot share a `&mut`.
///
/// ```compile_fail,E0499
/// # use turnwise::{block_on, task};
/// let mut numbers = vec![1, 2, 3];
/// block_on(task::scope(async |s| {
///     s.spawn(async { numbers.push(4) });
///     s.spawn(async { numbers.push(5) });
/// }));
/// ```
///
/// The body must be an async closure, `async |s| …`. A closure that returns an async block is not one, and the compiler
/// reports only `type annotations needed`.
///
/// ```compile_fail,E0282
/// # use turnwise::{block_on, task};
/// block_on(task::scope(|s| async move {
///     s.spawn(async {});
/// }));
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "nursery")]
#[doc(alias = "open_nursery")]
#[track_caller]
pub fn scope<'env, F, T>(body: F) -> impl Future<Output = Result<T, ScopeError>>
where
    F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    run(Location::caller(), body, Ok)
}

/// Like [`scope`](scope()), for a body that may fail: its `Err` stops the scope, as that of a child does.
///
/// The children are cancelled, and have ended before the scope returns a [`ScopeError`]. The body's error is the first
/// of its [`failures`](ScopeError::failures), unless a child failed before;
/// [`is_body`](crate::task::ChildError::is_body) is true for it. A plain `scope` takes an `Err` of its body for a
/// value: it lets the children continue to their end, and then returns `Ok(Err(…))`.
///
/// After [`collect_all`](Scope::collect_all) the children continue here too; the scope then fails with every failure,
/// the body's included.
///
/// # Errors
///
/// Like [`scope`](scope()), and if the body returns an error.
///
/// # Panics
///
/// Like [`scope`](scope()).
///
/// # Cancel safety
///
/// Like [`scope`](scope()).
///
/// # Example
///
/// ```
/// use std::{future::pending, num::ParseIntError};
/// use turnwise::{block_on, task};
///
/// async fn parse(text: &str) -> Result<u32, task::ScopeError> {
///     let parsed = task::try_scope(async |s| {
///         let other = s.spawn(pending::<()>()); // is cancelled if the text is not a number
///         let number = text.parse()?;
///         other.cancel();
///         Ok::<u32, ParseIntError>(number)
///     });
///     parsed.await
/// }
///
/// assert_eq!(block_on(parse("42"))?, 42);
/// let error = block_on(parse("4 2")).unwrap_err();
/// assert_eq!(error.to_string(), "the scope failed: the body: invalid digit found in string");
/// assert!(error.downcast::<ParseIntError>().is_ok());
/// # Ok::<(), task::ScopeError>(())
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "nursery")]
#[track_caller]
pub fn try_scope<'env, F, T, E>(body: F) -> impl Future<Output = Result<T, ScopeError>>
where
    F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> Result<T, E>,
    E: Into<BoxError>,
{
    run(Location::caller(), body, convert)
}

/// Runs a scope. `convert` separates a value of its body from a failure.
async fn run<'env, F, O, T>(
    place: Place,
    body: F,
    convert: fn(O) -> Result<T, BoxError>,
) -> Result<T, ScopeError>
where
    F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> O,
{
    // Dropped in reverse order: the body, the children, the scope. Large parts are boxed, because scopes nest on the
    // stack and their futures are moved there.
    let scope = Scope::boxed(place);
    let mut children = ScopeChildren::boxed(&scope);
    let passage = pin!(Some(Passage::new(body(&scope), place)));
    let mut body = ScopeBody { passage, convert, value: None };
    poll_fn(|cx| children.poll(cx, &mut body)).await
}

/// The children, as the future of the scope sees them.
struct ScopeChildren<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    // The last field is dropped last: inner regions leave the tree before this one does.
    region: TaskRegion,
}

impl<'scope, 'env> ScopeChildren<'scope, 'env> {
    fn boxed(scope: &'scope Scope<'scope, 'env>) -> Box<Self> {
        let region = TaskRegion::at(Role::Scope, scope.members.place);
        Box::new(ScopeChildren { scope, region })
    }

    /// Polls the scope: the body, then each child that is ready.
    fn poll<F: Future, T>(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut ScopeBody<'_, F, T>,
    ) -> Poll<Result<T, ScopeError>> {
        let Scope { members, slots, .. } = self.scope;
        members.poller.set(current_task());
        let frame = self.region.begin_poll();
        if let Some(reason) = self.region.new_request() {
            members.stop_again(&reason);
        }
        let before = members.host.get().and_then(Host::begin_poll);
        body.poll(cx, members);
        if let Some(host) = members.host.get() {
            if host.take_orphaned() {
                self.scope.end_if(|slot, id| is_over(&host.kernel, slot, id));
            }
            self.scope.ask_to_end();
            host.pass(self.scope);
            body.look_for_request(members);
        }
        let is_over = body.is_over() && slots.borrow().is_empty();
        if is_over && (members.panic().is_some() || !self.region.must_wait()) {
            self.region.end_poll(frame, false, cx);
            return Poll::Ready(members.result(body.value.take()));
        }
        if let Some(host) = members.host.get() {
            host.end_poll(cx, before);
        }
        self.region.end_poll(frame, true, cx);
        Poll::Pending
    }
}

impl Drop for ScopeChildren<'_, '_> {
    fn drop(&mut self) {
        self.scope.end_all();
        // `Scope` never drops its slots (`ManuallyDrop`), so nothing may be left in them.
        recycle(self.scope.slots.replace(Slab::new()));
    }
}

//! The scope as a future: it polls its body, and gives turns to its children.

use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::cancel::{Passage, Reason, Region, Request, Role, cancel, left};
use crate::kernel::{Ending, Failure};
use crate::scope::body::ScopeBody;
use crate::scope::child::Failed;
use crate::scope::error::ScopeError;
use crate::scope::hosts::Host;
use crate::scope::pass::Children;
use crate::scope::slots::{ChildSlot, ChildSlots};
use crate::scope::spawning::Scope;
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
/// with an error, and [`Scope::cancel`] to stop a scope that already has its result.
///
/// A cancel request from outside, by a `timeout` around the scope or a `cancel` of its task, is passed on to the body
/// and the children. When they have ended, including their clean-ups, the request continues outward, and no code after
/// the scope runs: it is not turned into an error. The exception is a request that a `catch_cancel` beside the scope
/// has taken. Nothing around the scope acts on it then, so the scope completes as if by [`Scope::cancel`].
///
/// # Errors
///
/// A [`ScopeError`] with every failure, if a child panicked or one spawned by [`try_spawn`](Scope::try_spawn) returned
/// an error; one without failures, if the scope was cancelled before its body returned a value.
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
    let place = Location::caller();
    async move {
        // Dropped in reverse order: the body, the children, the scope. Large parts are boxed, because scopes nest on
        // the stack and their futures are moved there.
        let scope = Scope::boxed(place);
        let mut children = ScopeChildren::boxed(&scope);
        let passage = pin!(Some(Passage::new(body(&scope))));
        let mut body = ScopeBody::new(passage);
        poll_fn(|cx| children.poll(cx, &mut body)).await
    }
}

/// The children, as the future of the scope sees them.
struct ScopeChildren<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    /// The latest request from outside that was passed on.
    outside: Option<Rc<Request>>,
    // The last field is dropped last: inner regions leave the tree before this one does.
    region: Region,
}

impl<'scope, 'env> ScopeChildren<'scope, 'env> {
    fn boxed(scope: &'scope Scope<'scope, 'env>) -> Box<Self> {
        Box::new(ScopeChildren { scope, outside: None, region: Region::new(Role::Scope) })
    }

    /// Polls the scope: the body, then each child that is ready.
    fn poll<F: Future>(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut ScopeBody<'_, F>,
    ) -> Poll<Result<F::Output, ScopeError>> {
        let members = self.scope.members();
        let since = left();
        self.look_outside();
        let before = members.host().and_then(Host::arrive);
        body.poll(cx, members);
        if let Some(host) = members.host() {
            if host.is_orphaned() {
                self.end_if(|child| is_over(host.kernel(), child.slot, child.id));
            }
            self.ask_to_end();
            host.pass(self);
            body.look_for_request(left(), cx, members);
        }
        if body.is_over() && self.scope.slots().borrow().is_empty() {
            if !self.must_wait() {
                return Poll::Ready(body.result(members));
            }
            self.region.let_go();
        }
        if let Some(host) = members.host() {
            host.leave(cx, before);
        }
        self.region.stay(since, cx);
        Poll::Pending
    }

    /// Passes a request from outside on to the body and all children.
    fn look_outside(&mut self) {
        let Some(request) = self.region.told() else { return };
        // The request remains in the region until something takes it, so this may be one that was passed on before.
        if self.outside.as_ref().is_some_and(|known| Rc::ptr_eq(known, &request)) {
            return;
        }
        self.scope.members().stop_again(&request.reason);
        self.outside = Some(request);
    }

    /// Passes a new request on to all children, before the next of them takes its turn.
    #[inline]
    fn ask_to_end(&mut self) {
        if let Some(reason) = self.scope.members().ask_children() {
            self.ask_all(&reason);
        }
    }

    #[cold]
    fn ask_all(&mut self, reason: &Reason) {
        let Some(host) = self.scope.members().host() else { return };
        let children = self.scope.slots().borrow().in_order();
        for (id, slot) in children {
            cancel(host.kernel(), slot, id, reason);
        }
    }

    /// Returns whether the scope, whose body and children have all ended, must stay pending. If a request from outside
    /// ended them, what it was made on must act now, and no code after the scope may run; unless something beside the
    /// scope has taken the request, or its target has acted and the scope has outlived that.
    fn must_wait(&self) -> bool {
        self.outside.as_ref().is_some_and(|request| request.is_open())
    }

    /// Handles the end of a child that has had its last turn.
    #[inline]
    fn over(&self, number: u32, child: ChildSlot<'_>, failed: Option<Box<Failed>>) -> Ending {
        self.scope.slots().borrow_mut().vacate(number);
        let ChildSlot { slot, id, child } = child;
        drop(child); // Its future is gone already: this frees the box.
        match failed {
            Some(failed) => self.scope.members().fail(slot, id, *failed),
            None => Ending::Returned,
        }
    }

    /// Drops the children that match, in the order in which they were spawned.
    #[cold]
    fn end_if(&self, matches: impl Fn(&ChildSlot<'scope>) -> bool) {
        let children = self.scope.slots().borrow_mut().take_if(matches);
        children.into_iter().for_each(|child| child.end(self.scope.members()));
    }

    /// Drops all children, and those that their destructors spawn.
    #[cold]
    fn end_all(&self) {
        while !self.scope.slots().borrow().is_empty() {
            self.end_if(|_| true);
        }
    }
}

impl Children for ScopeChildren<'_, '_> {
    #[inline]
    fn turn(&mut self, number: u32, cx: &mut Context<'_>) -> Poll<Ending> {
        let Some(mut child) = self.scope.slots().borrow_mut().take(number) else {
            unreachable!("only unfinished children have turns")
        };
        let poll = match child.child.as_mut().turn(cx) {
            Poll::Ready(failed) => Poll::Ready(self.over(number, child, failed)),
            Poll::Pending => {
                self.scope.slots().borrow_mut().put(number, child);
                Poll::Pending
            }
        };
        self.ask_to_end();
        poll
    }

    fn end(&mut self, number: u32, failure: Failure) {
        let child = self.scope.slots().borrow_mut().take(number);
        if let Some(mut child) = child {
            child.child.as_mut().end(failure);
            self.over(number, child, None);
        }
        self.ask_to_end();
    }
}

impl Drop for ScopeChildren<'_, '_> {
    fn drop(&mut self) {
        self.end_all();
        // `Scope` never drops its slots (`ManuallyDrop`), so nothing may be left in them.
        self.scope.slots().replace(ChildSlots::none()).recycle();
    }
}

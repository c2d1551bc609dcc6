//! The scope as its body sees it: spawns children, and stops them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::cancel::Reason;
use crate::kernel::{Place, SpawnMeta};
use crate::scope::child::{BoxedChild, ChildTask};
use crate::scope::error::{BoxError, ChildCause};
use crate::scope::handle::ScopedHandle;
use crate::scope::members::Members;
use crate::scope::slots::{ChildSlot, ChildSlots, new_slots};
use crate::task::{Builder, Inherited, inherits};

/// Spawns the children of a scope; the argument of the body of a [`scope`](crate::task::scope).
///
/// It is a shared reference. Pass it to children, to functions that spawn, or to the children of nested scopes. A
/// function that spawns takes it for as long as the scope lives, as here, since `&Scope<'_, '_>` is a shorter borrow,
/// with which nothing can be spawned:
///
/// ```
/// use turnwise::{block_on, task, task::Scope};
///
/// async fn squares<'s>(s: &'s Scope<'s, '_>, numbers: std::ops::Range<u32>) -> u32 {
///     let children: Vec<_> = numbers.map(|number| s.spawn(async move { number * number })).collect();
///     let mut sum = 0;
///     for child in children {
///         sum += child.await.unwrap();
///     }
///     sum
/// }
/// assert_eq!(block_on(task::scope(async |s| squares(s, 1..4).await))?, 14);
/// # Ok::<(), task::ScopeError>(())
/// ```
///
/// ```compile_fail
/// # use turnwise::task::Scope;
/// async fn squares(s: &Scope<'_, '_>) {
///     s.spawn(async {}); // error: lifetime may not live long enough
/// }
/// ```
///
/// `'scope` is the lifetime of the scope, `'env` that of what its children may borrow. Both are invariant, as in
/// [`std::thread::Scope`].
///
/// # It is not `Send`
///
/// Another thread cannot spawn children; it spawns tasks with a [`Remote`](crate::Remote), or sends the work through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// use turnwise::task::Scope;
/// fn elsewhere(s: &'static Scope<'static, 'static>) {
///     std::thread::spawn(move || s.cancel("no more"));
/// }
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "nursery")]
pub struct Scope<'scope, 'env: 'scope> {
    pub(super) members: Members,
    /// The children.
    ///
    /// They may hold a reference to this scope, so its drop must not drop them. `ManuallyDrop` guarantees that; the
    /// children are taken out before the scope is dropped.
    pub(super) slots: ManuallyDrop<RefCell<ChildSlots<'scope>>>,
    _exactly: PhantomData<(Cell<&'scope ()>, Cell<&'env ()>)>,
}

impl<'scope> Scope<'scope, '_> {
    pub(super) fn boxed(place: Place) -> Box<Self> {
        Box::new(Scope {
            members: Members::new(place),
            slots: ManuallyDrop::new(RefCell::new(new_slots())),
            _exactly: PhantomData,
        })
    }

    /// Spawns a child, which may borrow from the code around the scope.
    ///
    /// The child is a task like any other, with an id, a bell and an entry in reports. This call does not poll it, and
    /// the scope does not end before it. Its output goes to the handle, even if that is an `Err`; a panic fails the
    /// scope.
    ///
    /// A child spawned after the scope was stopped is cancelled before its first turn.
    ///
    /// # Panics
    ///
    /// If no scheduler is running on this thread, or the one that the children are on was dropped.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, task};
    ///
    /// let mut left = vec![3, 1, 2];
    /// let mut right = vec![6, 4, 5];
    /// block_on(task::scope(async |s| {
    ///     s.spawn(async { left.sort() });
    ///     s.spawn(async { right.sort() });
    /// }))?;
    /// assert_eq!((left, right), (vec![1, 2, 3], vec![4, 5, 6]));
    /// # Ok::<(), task::ScopeError>(())
    /// ```
    #[doc(alias = "start_soon")]
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F: Future + 'scope>(&'scope self, future: F) -> ScopedHandle<'scope, F::Output> {
        self.add(future, Ok, SpawnMeta::at(Location::caller()), None)
    }

    /// Spawns a child that may fail: an `Err` fails the scope, as a panic does.
    ///
    /// The error goes into the [`ScopeError`](crate::task::ScopeError), and the handle only reports that there was one.
    /// For errors that are meant for the handle and must not fail the scope, use [`spawn`](Scope::spawn).
    ///
    /// # Panics
    ///
    /// Like [`spawn`](Scope::spawn).
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, task};
    ///
    /// let error = block_on(task::scope(async |s| {
    ///     s.spawn(pending::<()>()); // is cancelled when the other child fails
    ///     s.try_spawn(async { Err::<(), _>("no answer") });
    /// }))
    /// .unwrap_err();
    /// assert_eq!(error.to_string(), "a child of the scope failed: #3: no answer");
    /// ```
    #[track_caller]
    pub fn try_spawn<F, T, E>(&'scope self, future: F) -> ScopedHandle<'scope, T>
    where
        F: Future<Output = Result<T, E>> + 'scope,
        T: 'scope,
        E: Into<BoxError> + 'scope,
    {
        self.add(future, convert, SpawnMeta::at(Location::caller()), None)
    }

    /// Lets the body and the other children continue when a child fails, or when the body of a
    /// [`try_scope`](crate::task::try_scope) does. The scope then fails when all have ended, with every failure.
    ///
    /// By default the first failure cancels the body and the other children. This takes effect from this call on. A
    /// panic of the body and [`fail`](Scope::fail) stop the scope in any case.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, task, yield_now};
    ///
    /// let words = ["1", "two", "3", ""];
    /// let mut numbers = [0; 4];
    /// let error = block_on(task::scope(async |s| {
    ///     s.collect_all();
    ///     for (word, number) in words.iter().zip(&mut numbers) {
    ///         s.try_spawn(async move {
    ///             *number = word.parse()?;
    ///             Ok::<(), std::num::ParseIntError>(())
    ///         });
    ///     }
    /// }))
    /// .unwrap_err();
    /// assert_eq!(numbers, [1, 0, 3, 0]);
    /// assert_eq!(error.failures().len(), 2);
    /// assert_eq!(error.reason(), None); // nothing was stopped
    /// ```
    #[doc(alias = "return_exceptions")]
    pub fn collect_all(&'scope self) {
        self.members.collects_all.set(true);
    }

    /// Cancels the body and all children, including those spawned later. The scope ends when they have ended.
    ///
    /// It then returns the body's value if there is one: the body had returned before, returns before it waits again,
    /// or catches the request. Otherwise it returns an error for which
    /// [`is_cancelled`](crate::task::ScopeError::is_cancelled) is true. Only the first call has an effect, and none
    /// after a failure has stopped the scope.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, task};
    ///
    /// let first = block_on(task::scope(async |s| {
    ///     let slow = s.spawn(pending::<&str>());
    ///     let quick = s.spawn(async { "quick" });
    ///     let first = turnwise::race([slow, quick]).await;
    ///     s.cancel("one is enough");
    ///     first
    /// }))?;
    /// assert_eq!(first.unwrap(), "quick");
    /// # Ok::<(), task::ScopeError>(())
    /// ```
    pub fn cancel(&'scope self, reason: impl Into<Arc<str>>) {
        self.members.stop(&Reason::Said(reason.into()));
    }

    /// Stops the scope with an error, from anywhere in it: like [`cancel`](Scope::cancel), and the scope fails.
    ///
    /// For code that cannot return the error to [`try_spawn`](Scope::try_spawn) or to
    /// [`try_scope`](crate::task::try_scope). The caller is not interrupted: like the others, it is cancelled where it
    /// waits next, and a value that it returns before that is kept. In the [`ScopeError`](crate::task::ScopeError), the
    /// error is that of the task in which this was called or, unless that is a child, of the body. It stops the scope
    /// even after [`collect_all`](Scope::collect_all).
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, future::pending};
    /// use turnwise::{block_on, task};
    ///
    /// let left = Cell::new(3_u32);
    /// let error = block_on(task::scope(async |s| {
    ///     let pay = |amount: u32| match left.get().checked_sub(amount) {
    ///         Some(rest) => left.set(rest),
    ///         None => s.fail("out of money"),
    ///     };
    ///     pay(2);
    ///     pay(2);
    ///     pending::<()>().await; // is dropped here
    /// }))
    /// .unwrap_err();
    /// assert_eq!(error.to_string(), "the scope failed: the body: out of money");
    /// ```
    pub fn fail(&'scope self, error: impl Into<BoxError>) {
        self.members.fail_here(ChildCause::Error(error.into()), true);
    }

    #[track_caller]
    fn add<F: Future + 'scope, T: 'scope>(
        &'scope self,
        future: F,
        convert: fn(F::Output) -> Result<T, BoxError>,
        meta: SpawnMeta,
        name: Option<Arc<str>>,
    ) -> ScopedHandle<'scope, T> {
        let output = Rc::default();
        let host = self.members.open_host();
        let task = ChildTask { future, convert, output: Rc::clone(&output) };
        let task: BoxedChild<'_> = Box::pin(task);
        let child = if inherits() { Box::pin(Inherited::new(task)) } else { task };
        let number = self.slots.borrow().next_number();
        let (slot, id) = host.spawn(number, meta, name);
        self.slots.borrow_mut().insert(ChildSlot { slot, id, child: Some(child) });
        if self.members.is_stopped() {
            self.members.stop_new(host, slot, id);
        }
        let (members, spawned_at, is_awaited, is_taken) = (&self.members, meta.place, false, false);
        ScopedHandle { members, slot, is_awaited, is_taken, id, spawned_at, output }
    }
}

/// Boxes the error.
pub(super) fn convert<T, E: Into<BoxError>>(output: Result<T, E>) -> Result<T, BoxError> {
    output.map_err(E::into)
}

impl Builder {
    /// Spawns the task as a child of a scope; see [`Scope::spawn`].
    ///
    /// # Panics
    ///
    /// Like [`Scope::spawn`].
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, task};
    ///
    /// let name = block_on(task::scope(async |s| {
    ///     task::Builder::new().name("fetch").spawn_in(s, async { task::name() }).await.unwrap()
    /// }))?;
    /// assert_eq!(name.as_deref(), Some("fetch"));
    /// # Ok::<(), task::ScopeError>(())
    /// ```
    #[track_caller]
    pub fn spawn_in<'scope, F: Future + 'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        future: F,
    ) -> ScopedHandle<'scope, F::Output> {
        let (meta, name) = self.into_meta(Location::caller());
        scope.add(future, Ok, meta, name)
    }

    /// Spawns the task as a child of a scope, which fails if the task returns an `Err`; see [`Scope::try_spawn`].
    ///
    /// # Panics
    ///
    /// Like [`Scope::spawn`].
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, task};
    ///
    /// let error = block_on(task::scope(async |s| {
    ///     task::Builder::new().name("fetch").try_spawn_in(s, async { Err::<(), _>("no answer") });
    /// }))
    /// .unwrap_err();
    /// assert_eq!(error.to_string(), "a child of the scope failed: #2 \"fetch\": no answer");
    /// ```
    #[track_caller]
    pub fn try_spawn_in<'scope, F, T, E>(
        self,
        scope: &'scope Scope<'scope, '_>,
        future: F,
    ) -> ScopedHandle<'scope, T>
    where
        F: Future<Output = Result<T, E>> + 'scope,
        T: 'scope,
        E: Into<BoxError> + 'scope,
    {
        let (meta, name) = self.into_meta(Location::caller());
        scope.add(future, convert, meta, name)
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("is_stopped", &self.members.is_stopped())
            .finish_non_exhaustive()
    }
}

//! A promise: a value that is set once, for any number of waiters.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::{SpawnMeta, current, drop_quietly, find};
use crate::sync::PromiseError;
use crate::sync::promise_future::{PromiseCallback, PromiseFuture, PromiseShared};

/// A value that is set once, and can be awaited any number of times.
///
/// It is settled with a value ([`set`](Promise::set)), with an error ([`fail`](Promise::fail)), or by
/// [`cancel`](Promise::cancel). All waiters get the same outcome, in FIFO order, and so do later ones. This
/// is asyncio's `Future`.
///
/// Clones are handles to the same promise, and each can settle it. If the last handle is dropped before
/// that, the promise is abandoned, which is an error for all waiters. The future of [`get`](Promise::get) is
/// not a handle. Give a task that only waits this future: a task that holds a handle while it waits keeps
/// the promise from being abandoned, and if no task is left that can settle it, a
/// [deadlock report](crate::DeadlockReport) names the promise.
///
/// It is `!Send` and uses no atomics.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn, sync::Promise};
///
/// block_on(async {
///     let promise = Promise::new().named("answer");
///     let (first, second) = (spawn(promise.get()), spawn(promise.get()));
///     promise.set(42).unwrap();
///     assert!(promise.set(43).is_err());
///     assert_eq!(first.await.unwrap().unwrap(), 42);
///     assert_eq!(second.await.unwrap().unwrap(), 42);
///     assert_eq!(promise.await.unwrap(), 42);
/// });
/// ```
///
/// # It is not `Send`
///
/// To settle it from another thread, spawn a task here with a [`Remote`](crate::Remote), or send the value through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let promise = turnwise::sync::Promise::new();
/// std::thread::spawn(move || promise.set(1));
/// ```
#[doc(alias = "Future")]
#[doc(alias = "Shared")]
#[doc(alias = "SetOnce")]
pub struct Promise<T> {
    shared: Rc<PromiseShared<T>>,
}

impl<T> Promise<T> {
    /// Creates a promise that is not settled.
    #[doc(alias = "create_future")]
    pub fn new() -> Self {
        Promise { shared: Rc::new(PromiseShared::new()) }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.waiters.set_name(name.into());
        self
    }

    /// Settles the promise with a value, and wakes all waiters.
    ///
    /// # Errors
    ///
    /// [`AlreadySet`] with the value, if the promise is already settled.
    #[doc(alias = "set_result")]
    #[doc(alias = "resolve")]
    pub fn set(&self, value: T) -> Result<(), AlreadySet<T>> {
        let Err(refused) = self.shared.settle(Ok(value)) else { return Ok(()) };
        let Ok(value) = refused else { unreachable!("the refused value is the given one") };
        Err(AlreadySet(value))
    }

    /// Settles the promise with an error, which can be a string, and wakes all waiters. If nothing ever reads it, it is
    /// [reported](crate::scheduler::Builder::on_report).
    ///
    /// # Errors
    ///
    /// [`AlreadySet`] with the error, if the promise is already settled.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Promise;
    ///
    /// let promise = Promise::<i32>::new();
    /// promise.fail("no such page").unwrap();
    /// let error = promise.try_get().unwrap().unwrap_err();
    /// assert_eq!(error.to_string(), "no such page");
    /// ```
    #[track_caller]
    #[doc(alias = "set_exception")]
    #[doc(alias = "reject")]
    pub fn fail(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), AlreadySet<Box<dyn Error + Send + Sync>>> {
        let error = error.into();
        if self.is_done() {
            return Err(AlreadySet(error));
        }
        self.shared.unread.set(Some(Location::caller()));
        // Nothing can have settled it since the check.
        drop(self.shared.settle(Err(PromiseError::failed(Arc::from(error)))));
        Ok(())
    }

    /// Settles the promise as cancelled, and wakes all waiters. Returns `false` if it is already settled.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Promise;
    ///
    /// let promise = Promise::<i32>::new();
    /// assert!(promise.cancel());
    /// assert!(!promise.cancel());
    /// assert!(promise.try_get().unwrap().unwrap_err().is_cancelled());
    /// ```
    pub fn cancel(&self) -> bool {
        self.shared.settle(Err(PromiseError::cancelled())).is_ok()
    }

    /// Returns whether the promise is settled, by whichever outcome.
    #[doc(alias = "done")]
    pub fn is_done(&self) -> bool {
        self.shared.outcome.get().is_some()
    }
}

impl<T: Clone> Promise<T> {
    /// Waits until the promise is settled; returns a clone of the value, or the error.
    ///
    /// The future borrows nothing, can be cloned, and is not a handle. Awaiting the promise itself does the
    /// same; `promise.await` consumes the handle, `(&promise).await` does not.
    ///
    /// # Errors
    ///
    /// [`PromiseError`] if the promise failed, was cancelled or was abandoned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes it from the wait list; the promise is not affected.
    #[track_caller]
    #[doc(alias = "result")]
    #[doc(alias = "wait")]
    pub fn get(&self) -> PromiseFuture<T> {
        PromiseFuture::new(Rc::clone(&self.shared), Location::caller())
    }

    /// Returns what awaiting the promise would return, or `None` if it is not settled.
    ///
    /// # Errors
    ///
    /// [`PromiseError`] if the promise failed or was cancelled.
    pub fn try_get(&self) -> Option<Result<T, PromiseError>> {
        self.shared.unread.set(None);
        self.shared.outcome.get().cloned()
    }

    /// Calls `callback` with the outcome once the promise is settled, in a new task.
    ///
    /// The callback never runs inside this call, nor inside [`set`](Promise::set). Its task is spawned on the
    /// current scheduler when the promise is settled, or by this call if it already is. Callbacks and
    /// waiting tasks are served in the order in which they were registered. If the callback panics, its task
    /// panics. If the scheduler was dropped by then, the callback is dropped.
    ///
    /// A callback that holds a handle to its own promise keeps that promise from being abandoned.
    ///
    /// # Panics
    ///
    /// If no scheduler is running. In that case use [`Scheduler::spawn`](crate::Scheduler::spawn) with a task
    /// that awaits the promise.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use turnwise::{block_on, sync::Promise, yield_now};
    ///
    /// block_on(async {
    ///     let (promise, got) = (Promise::new(), Rc::new(Cell::new(0)));
    ///     let seen = Rc::clone(&got);
    ///     promise.on_done(move |outcome| seen.set(outcome.unwrap()));
    ///     promise.set(5).unwrap();
    ///     assert_eq!(got.get(), 0);
    ///     yield_now().await;
    ///     assert_eq!(got.get(), 5);
    /// });
    /// ```
    #[track_caller]
    #[doc(alias = "add_done_callback")]
    #[doc(alias = "then")]
    pub fn on_done(&self, callback: impl FnOnce(Result<T, PromiseError>) + 'static)
    where
        T: 'static,
    {
        let kernel = current().expect(
            "`Promise::on_done` needs a running scheduler: call it inside `block_on`, or spawn a task \
             that awaits the promise",
        );
        let (scheduler, place) = (kernel.id, Location::caller());
        let call: PromiseCallback<T> = Box::new(move |shared| {
            let Some(kernel) = find(scheduler) else { return drop_quietly(callback) };
            let task = async move { callback(shared.outcome()) };
            let (slot, id) = kernel.spawn(task, SpawnMeta::at(place), None);
            kernel.detach(slot, id);
        });
        if self.is_done() {
            return call(Rc::clone(&self.shared));
        }
        self.shared.call_later(call);
    }
}

impl<T> Clone for Promise<T> {
    /// Creates another handle to the same promise.
    fn clone(&self) -> Self {
        self.shared.add_handle();
        Promise { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if self.shared.remove_handle() == 0 && !self.is_done() {
            drop(self.shared.settle(Err(PromiseError::abandoned())));
        }
    }
}

impl<T> Default for Promise<T> {
    fn default() -> Self {
        Promise::new()
    }
}

impl<T: Clone> IntoFuture for Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    /// Returns the future of [`Promise::get`], and drops this handle.
    #[track_caller]
    fn into_future(self) -> PromiseFuture<T> {
        self.get()
    }
}

impl<T: Clone> IntoFuture for &Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    /// Returns the future of [`Promise::get`].
    #[track_caller]
    fn into_future(self) -> PromiseFuture<T> {
        self.get()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut promise = f.debug_struct("Promise");
        match self.shared.outcome.get() {
            None => promise.field("outcome", &format_args!("<pending>")),
            Some(Ok(_)) => promise.field("outcome", &format_args!("<value>")),
            Some(Err(error)) => promise.field("outcome", &format_args!("{error}")),
        };
        self.shared.waiters.debug(&mut promise);
        promise.finish_non_exhaustive()
    }
}

/// The error of [`Promise::set`] and [`Promise::fail`] if the promise is already settled: contains the
/// rejected value or error.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the promise is already settled")]
#[doc(alias = "InvalidStateError")]
pub struct AlreadySet<T>(pub T);

impl<T> fmt::Debug for AlreadySet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AlreadySet").finish_non_exhaustive()
    }
}

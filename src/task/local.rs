//! Task-locals: values that code awaited inside a scope can read without receiving them as arguments.
//!
//! A key has one place per thread, like a thread-local. [`LocalKey::scope`] puts the value there for the duration of
//! each poll of the wrapped future, and takes it out again. Between turns the place is therefore empty, and no task
//! sees the value of another. For keys declared `inherit`, `spawn` wraps the child's future in the same way; see
//! `inherit.rs`.
//!
//! Values are shared by `Rc`, so reading one borrows nothing: a reader may enter and leave scopes.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::task::inherit;
use crate::task::inherit::{Inherit, Set, Values};

/// A key of [`task_local!`](crate::task_local).
#[doc(alias = "ContextVar")]
#[doc(alias = "copy_context")]
pub struct LocalKey<T: 'static> {
    place: &'static thread::LocalKey<Storage<T>>,
    /// Clones the value for a child, if children inherit it.
    clone: Option<fn(&T) -> T>,
}

/// A thread's place for the value of a key, filled during polls inside a scope of that key.
#[doc(hidden)]
pub struct Storage<T>(Cell<Option<Rc<T>>>);

impl<T> Storage<T> {
    /// Creates an empty place.
    #[doc(hidden)]
    pub const fn new() -> Self {
        Storage(Cell::new(None))
    }

    /// Returns the value, and leaves it in place.
    fn get(&self) -> Option<Rc<T>> {
        let value = self.0.take();
        self.0.set(value.clone());
        value
    }
}

impl<T> fmt::Debug for Storage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

impl<T: 'static> LocalKey<T> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn own(place: &'static thread::LocalKey<Storage<T>>) -> Self {
        LocalKey { place, clone: None }
    }

    /// For the macro.
    #[doc(hidden)]
    pub const fn inherited(place: &'static thread::LocalKey<Storage<T>>) -> Self
    where
        T: Clone,
    {
        LocalKey { place, clone: Some(T::clone) }
    }

    /// Sets the value of the key while `future` is polled or dropped.
    ///
    /// Scopes may be nested; the innermost value applies. Tasks spawned inside see it only if the key was declared
    /// `inherit`; the children of a [`task::scope`](crate::task::scope()) that is awaited inside always see it, since
    /// they are polled there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`, which still sees the value then. Cancel requests pass through it.
    ///
    /// # Panics
    ///
    /// If it is polled again after it has completed.
    ///
    /// # Example
    ///
    /// ```
    /// turnwise::task_local! { static DEPTH: u32 }
    ///
    /// turnwise::block_on(async {
    ///     let outer = DEPTH.scope(1, async {
    ///         let inner = DEPTH.scope(DEPTH.get() + 1, async { DEPTH.get() }).await;
    ///         (DEPTH.get(), inner)
    ///     });
    ///     assert_eq!(outer.await, (1, 2));
    /// });
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        let value = Bound { key: self, value: Some(Rc::new(value)) };
        TaskLocalFuture { value, future: Some(future) }
    }

    /// Sets the value of the key while `call` runs.
    ///
    /// # Example
    ///
    /// ```
    /// turnwise::task_local! { static NUMBER: u32 }
    ///
    /// assert_eq!(NUMBER.sync_scope(7, || NUMBER.get()), 7);
    /// assert!(NUMBER.try_get().is_err());
    /// ```
    pub fn sync_scope<R>(&'static self, value: T, call: impl FnOnce() -> R) -> R {
        let mut bound = Bound { key: self, value: Some(Rc::new(value)) };
        let _set = Set::of(&mut bound);
        call()
    }

    /// Calls `call` with a reference to the value.
    ///
    /// # Panics
    ///
    /// Outside of every scope of the key.
    ///
    /// # Example
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// turnwise::task_local! { static LOG: RefCell<Vec<&'static str>> }
    ///
    /// let lines = turnwise::block_on(LOG.scope(RefCell::default(), async {
    ///     LOG.with(|log| log.borrow_mut().push("begins"));
    ///     turnwise::yield_now().await;
    ///     LOG.with(|log| log.borrow_mut().push("ends"));
    ///     LOG.with(RefCell::take)
    /// }));
    /// assert_eq!(lines, ["begins", "ends"]);
    /// ```
    #[track_caller]
    pub fn with<R>(&'static self, call: impl FnOnce(&T) -> R) -> R {
        match self.try_with(call) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls `call` with a reference to the value.
    ///
    /// # Errors
    ///
    /// [`AccessError`] outside of every scope of the key.
    pub fn try_with<R>(&'static self, call: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = self.place.try_with(Storage::get).ok().flatten();
        value.map(|value| call(&value)).ok_or(AccessError(()))
    }

    /// Returns a clone of the value.
    ///
    /// # Panics
    ///
    /// Outside of every scope of the key.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        match self.try_get() {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns a clone of the value.
    ///
    /// # Errors
    ///
    /// [`AccessError`] outside of every scope of the key.
    pub fn try_get(&'static self) -> Result<T, AccessError>
    where
        T: Clone,
    {
        self.try_with(T::clone)
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = self.place.try_with(Storage::get).ok().flatten().is_some();
        let mut key = f.debug_struct("LocalKey");
        key.field("inherit", &self.clone.is_some()).field("is_set", &is_set).finish()
    }
}

/// A task-local key was read outside of every scope of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the task-local key has no value here: it was read outside of its `scope`")]
pub struct AccessError(());

// ----- setting and removing values -----

/// A value and its key. While the value is in the key's place, this holds what was there before.
struct Bound<T: 'static> {
    key: &'static LocalKey<T>,
    value: Option<Rc<T>>,
}

impl<T> Bound<T> {
    /// Swaps the value with the content of the key's place. If the thread is exiting and the place was already
    /// destroyed, nothing is set.
    fn exchange(&mut self) {
        let own = self.value.take();
        self.value = self.key.place.try_with(|place| place.0.replace(own)).ok().flatten();
    }
}

impl<T> Values for Bound<T> {
    fn put(&mut self) {
        self.exchange();
        if self.key.clone.is_some() {
            inherit::begin(self.key);
        }
    }

    fn take_back(&mut self) {
        if self.key.clone.is_some() {
            inherit::end();
        }
        self.exchange();
    }
}

pin_project! {
    /// The future of [`LocalKey::scope`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct TaskLocalFuture<T: 'static, F> {
        value: Bound<T>,
        // `None` once it has completed. It is dropped while the value is set.
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _set = Set::of(this.value);
                this.future.set(None);
            }
        }
    }
}

impl<T, F> TaskLocalFuture<T, F> {
    /// Takes the value out, after the future has completed or if it will not be polled again.
    ///
    /// `None` if it was taken before. If the future is polled after that, it sees no value.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, pin::pin};
    ///
    /// turnwise::task_local! { static COUNT: Cell<u32> }
    ///
    /// turnwise::block_on(async {
    ///     let mut counting = pin!(COUNT.scope(Cell::new(0), async {
    ///         COUNT.with(|count| count.set(count.get() + 1));
    ///     }));
    ///     counting.as_mut().await;
    ///     assert_eq!(counting.take_value().unwrap().get(), 1);
    /// });
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        Rc::into_inner(self.project().value.value.take()?)
    }
}

impl<T, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _set = Set::of(this.value);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`LocalKey::scope` was polled after completion");
        };
        let poll = future.poll(cx);
        if poll.is_ready() {
            this.future.set(None);
        }
        poll
    }
}

impl<T, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut future = f.debug_struct("TaskLocalFuture");
        future.field("is_over", &self.future.is_none()).finish_non_exhaustive()
    }
}

impl<T> Inherit for LocalKey<T> {
    fn hand_down(&'static self) -> Option<Box<dyn Values>> {
        let value = self.try_with(self.clone?).ok()?;
        Some(Box::new(Bound { key: self, value: Some(Rc::new(value)) }))
    }
}

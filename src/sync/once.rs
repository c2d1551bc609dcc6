//! A cell that is initialized once.

use std::cell;
use std::convert::Infallible;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::sync::gate::{Gate, HeldPermits};
use crate::sync::queued::{Queued, Source};

/// A cell that is initialized once, by the first caller; others wait for the value.
///
/// One initializer runs at a time. If it fails, panics or is dropped, the cell stays empty, and the task that
/// has waited longest runs its own. Reports name the initializing task and the place of its call. An
/// initializer that waits for the value of its own cell waits for itself, which reports show as well.
///
/// It is `!Send` and uses no atomics.
///
/// # Example
///
/// ```
/// use std::rc::Rc;
/// use turnwise::{block_on, spawn, sync::OnceCell, yield_now};
///
/// async fn read_settings() -> String {
///     yield_now().await;
///     String::from("verbose")
/// }
///
/// block_on(async {
///     let settings = Rc::new(OnceCell::new().named("settings"));
///     let theirs = Rc::clone(&settings);
///     let other = spawn(async move { theirs.get_or_init(read_settings).await.len() });
///     assert_eq!(settings.get_or_init(read_settings).await, "verbose");
///     assert_eq!(other.await.unwrap(), 7);
/// });
/// ```
#[doc(alias = "Lazy")]
pub struct OnceCell<T> {
    /// Its one permit is the right to initialize. Closed once there is a value.
    gate: Gate,
    value: cell::OnceCell<T>,
}

impl<T> OnceCell<T> {
    /// Creates an empty cell.
    pub const fn new() -> Self {
        OnceCell { gate: Gate::held(&"once cell", 1), value: cell::OnceCell::new() }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.gate.waiters().set_name(name.into());
        self
    }

    /// Returns a reference to the value, or `None` if the cell is empty.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns a mutable reference to the value, or `None` if the cell is empty.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Returns whether the cell has a value.
    #[doc(alias = "initialized")]
    pub fn is_initialized(&self) -> bool {
        self.value.get().is_some()
    }

    /// Sets the value of an empty cell, and wakes all tasks that wait for it.
    ///
    /// # Errors
    ///
    /// [`SetError`] with the rejected value, if the cell already has one or is being initialized.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::{OnceCell, SetError};
    ///
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(SetError::AlreadyInitialized(2)));
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.is_initialized() {
            return Err(SetError::AlreadyInitialized(value));
        }
        if self.gate.permits() == 0 {
            return Err(SetError::Initializing(value));
        }
        self.fill(value);
        Ok(())
    }

    /// Returns the value; if the cell is empty, initializes it with `init`, or waits for the task that is
    /// initializing it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops its initializer, if that has started; the next waiter runs its own.
    /// Otherwise it gives up its place in the queue.
    ///
    /// Beware of keeping the future without polling it: once it has the right to initialize, all others
    /// wait for it.
    ///
    /// # Panics
    ///
    /// If `init` or its future panics; the cell stays empty. Also if it is polled after completion.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::OnceCell;
    ///
    /// turnwise::block_on(async {
    ///     let cell = OnceCell::new();
    ///     assert_eq!(cell.get_or_init(async || 1).await, &1);
    ///     assert_eq!(cell.get_or_init(async || 2).await, &1);
    /// });
    /// ```
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, init: F) -> GetOrInit<'_, T, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let queued = self.gate.pass(1, Location::caller());
        GetOrInit { access: Access::new(self, queued, init) }
    }

    /// Like [`get_or_init`](OnceCell::get_or_init), with an initializer that may fail.
    ///
    /// # Errors
    ///
    /// The error of `init`. The cell stays empty, and the next waiter runs its own initializer.
    ///
    /// # Cancel safety
    ///
    /// As for [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Panics
    ///
    /// As for [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::OnceCell;
    ///
    /// turnwise::block_on(async {
    ///     let cell = OnceCell::new();
    ///     let failed = cell.get_or_try_init(async || "x".parse::<i32>()).await;
    ///     assert!(failed.is_err());
    ///     assert_eq!(cell.get_or_try_init(async || "7".parse::<i32>()).await, Ok(&7));
    /// });
    /// ```
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, init: F) -> GetOrTryInit<'_, T, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let queued = self.gate.pass(1, Location::caller());
        GetOrTryInit { access: Access::new(self, queued, init) }
    }

    /// Takes the value out of the cell, which leaves it empty.
    pub fn take(&mut self) -> Option<T> {
        self.gate.reopen();
        self.value.take()
    }

    /// Consumes the cell and returns the value, or `None` if the cell is empty.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Sets the value of an empty cell, and wakes all waiters.
    fn fill(&self, value: T) -> &T {
        let value = self.value.get_or_init(|| value);
        self.gate.close();
        value
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    /// Creates a cell with a value.
    fn from(value: T) -> Self {
        let cell = OnceCell::new();
        cell.fill(value);
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    /// Prints the value, or if the cell is empty the initializing task and the waiters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cell = f.debug_struct("OnceCell");
        match self.get() {
            Some(value) => cell.field("value", value),
            None => cell.field("value", &format_args!("<empty>")),
        };
        self.gate.waiters().debug(&mut cell);
        cell.finish()
    }
}

/// The error of [`OnceCell::set`]: contains the value that was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetError<T> {
    /// The cell already has a value.
    #[error("the cell already has a value")]
    AlreadyInitialized(T),
    /// A task is initializing the cell, or is about to.
    #[error("the cell is being initialized")]
    Initializing(T),
}

impl<T> SetError<T> {
    /// Returns the value that was not set.
    pub fn into_inner(self) -> T {
        match self {
            SetError::AlreadyInitialized(value) | SetError::Initializing(value) => value,
        }
    }
}

pin_project! {
    /// The future of [`OnceCell::get_or_init`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct GetOrInit<'a, T, F, Fut> {
        #[pin]
        access: Access<'a, T, F, Fut>,
    }
}

impl<'a, T, F, Fut> Future for GetOrInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    type Output = &'a T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        let poll = self.project().access.poll(cx, Ok::<T, Infallible>);
        poll.map(|Ok(value)| value)
    }
}

pin_project! {
    /// The future of [`OnceCell::get_or_try_init`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct GetOrTryInit<'a, T, F, Fut> {
        #[pin]
        access: Access<'a, T, F, Fut>,
    }
}

impl<'a, T, E, F, Fut> Future for GetOrTryInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<&'a T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().access.poll(cx, |output| output)
    }
}

pin_project! {
    /// A call for the value, with its initializer.
    struct Access<'a, T, F, Fut> {
        cell: &'a OnceCell<T>,
        init: Option<F>,
        #[pin]
        stage: InitStage<'a, Fut>,
    }
}

pin_project! {
    /// ```text
    /// waiting ──1──▶ running ──2──▶ done      1 it has the right to initialize
    ///    └──────────────3─────────────▲       2 ready   3 there is a value
    /// ```
    #[project = StageView]
    enum InitStage<'a, Fut> {
        Waiting { queued: Queued<'a, Gate> },
        Running {
            // `None` while `future` is polled, and thus after that has panicked.
            right: Option<HeldPermits<&'a Gate>>,
            #[pin]
            future: Fut,
        },
        Done,
    }
}

impl<'a, T, F, Fut> Access<'a, T, F, Fut> {
    fn new(cell: &'a OnceCell<T>, queued: Queued<'a, Gate>, init: F) -> Self {
        Access { cell, init: Some(init), stage: InitStage::Waiting { queued } }
    }
}

impl<'a, T, F, Fut> Access<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    /// `finish` turns the initializer's output into the value or an error.
    fn poll<E>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        finish: impl FnOnce(Fut::Output) -> Result<T, E>,
    ) -> Poll<Result<&'a T, E>> {
        let mut this = self.project();
        let cell: &'a OnceCell<T> = this.cell;
        if let StageView::Waiting { queued } = this.stage.as_mut().project() {
            let right = ready!(queued.poll_held(&cell.gate, cx));
            this.stage.set(InitStage::Done);
            let Some(right) = right else {
                return Poll::Ready(Ok(cell
                    .get()
                    .expect("the gate is closed once there is a value")));
            };
            let init = this.init.take().expect("the initializer runs once");
            let future = init();
            this.stage.set(InitStage::Running { right: Some(right), future });
        }
        let StageView::Running { right, future } = this.stage.as_mut().project() else {
            panic!("the future of a `OnceCell` was polled after completion");
        };
        // Held in a local: a panic drops it, and the next in line gets the right.
        let held = right.take().expect("the initializer is not polled after it panicked");
        let Poll::Ready(output) = future.poll(cx) else {
            *right = Some(held);
            return Poll::Pending;
        };
        let result = finish(output).map(|value| cell.fill(value));
        this.stage.set(InitStage::Done);
        drop(held);
        Poll::Ready(result)
    }
}

impl<T, F, Fut> fmt::Debug for GetOrInit<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrInit").field("stage", &self.access.stage).finish_non_exhaustive()
    }
}

impl<T, F, Fut> fmt::Debug for GetOrTryInit<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrTryInit").field("stage", &self.access.stage).finish_non_exhaustive()
    }
}

impl<Fut> fmt::Debug for InitStage<'_, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitStage::Waiting { queued } => write!(f, "waiting since {}", queued.place()),
            InitStage::Running { .. } => f.write_str("running"),
            InitStage::Done => f.write_str("finished"),
        }
    }
}

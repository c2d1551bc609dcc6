//! Handles that end their task when they are dropped, instead of detaching it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::JoinError;
use crate::task::join::{AbortHandle, JoinHandle};

/// A handle that requests cancellation of its task when it is dropped, instead of detaching it.
///
/// The request is the one that [`JoinHandle::cancel`] makes, so the task may catch it and clean up. Awaiting the handle
/// returns the task's output, after its clean-up. Dropping the handle does not wait: the task cleans up on its own,
/// detached. Where clean-ups must have finished before the code continues, use a [`scope`](crate::task::scope()) or a
/// [`gather`](crate::gather).
///
/// # Cancel safety
///
/// If the code that awaits the handle is cancelled, or dropped for another reason, the handle is dropped with it: that
/// cancels the task, and nothing waits for its clean-up any more. That request has no reason of its own: the task reads
/// "cancelled", and not the reason for which its waiter was cancelled. A wait on `&mut handle` can be dropped without
/// effect on the task, and the handle awaited again later.
///
/// # Panics
///
/// If it is polled again after it has completed.
///
/// # Example
///
/// ```
/// use std::{cell::Cell, future::pending, rc::Rc, time::Duration};
/// use turnwise::{CancelOnDrop, Scheduler, sleep, spawn, task, yield_now};
///
/// let closed = Rc::new(Cell::new(false));
/// let is_closed = closed.clone();
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async move {
///     let connection = CancelOnDrop::new(spawn(async move {
///         if let Err(_cancelled) = task::catch_cancel(pending::<()>()).await {
///             sleep(Duration::from_secs(1)).await; // says goodbye
///             is_closed.set(true);
///         }
///     }));
///     yield_now().await;
///     drop(connection);
///     sleep(Duration::from_secs(2)).await;
///     assert!(closed.get());
/// });
/// ```
///
/// # It is not `Send`
///
/// Keep it in a task on this thread, which another thread ends by a message through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let handle = turnwise::Scheduler::new().spawn(async { 1 });
/// let handle = turnwise::CancelOnDrop::new(handle);
/// std::thread::spawn(move || drop(handle));
/// ```
#[doc(alias = "AbortOnDropHandle")]
#[doc(alias = "drop_guard")]
#[must_use = "dropping it cancels the task"]
pub struct CancelOnDrop<T> {
    handle: JoinHandle<T>,
    guard: OnDrop,
}

impl<T> CancelOnDrop<T> {
    /// Wraps a handle: dropping the returned value cancels the task.
    pub fn new(handle: JoinHandle<T>) -> Self {
        let guard = OnDrop { task: Some(handle.abort_handle()), end: AbortHandle::cancel };
        CancelOnDrop { handle, guard }
    }

    /// Returns the wrapped handle; dropping that detaches the task.
    pub fn detach(self) -> JoinHandle<T> {
        self.guard.disarm();
        self.handle
    }

    /// Returns a reference to the wrapped handle.
    pub fn handle(&self) -> &JoinHandle<T> {
        &self.handle
    }
}

impl<T: 'static> Future for CancelOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

impl<T> fmt::Debug for CancelOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelOnDrop").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// A handle that aborts its task when it is dropped, instead of detaching it.
///
/// The task gets no cancel request first, so it cannot clean up. For tasks that can, see [`CancelOnDrop`]; for tasks
/// whose end is awaited too, see [`scope`](crate::task::scope()).
///
/// # Cancel safety
///
/// If the code that awaits the handle is cancelled or dropped, the task is aborted. A wait on `&mut handle` can be
/// dropped without effect.
///
/// # Panics
///
/// If it is polled again after it has completed.
///
/// # Example
///
/// ```
/// use std::{cell::Cell, future::pending, rc::Rc};
/// use turnwise::{AbortOnDrop, block_on, spawn, yield_now};
///
/// let alive = Rc::new(());
/// let held = alive.clone();
/// block_on(async move {
///     let handle = AbortOnDrop::new(spawn(async move { let _held = held; pending::<()>().await }));
///     drop(handle);
///     yield_now().await;
/// });
/// assert_eq!(Rc::strong_count(&alive), 1);
/// ```
///
/// # It is not `Send`
///
/// Keep it in a task on this thread, which another thread ends by a message through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let handle = turnwise::Scheduler::new().spawn(async { 1 });
/// let handle = turnwise::AbortOnDrop::new(handle);
/// std::thread::spawn(move || drop(handle));
/// ```
#[doc(alias = "AbortOnDropHandle")]
#[must_use = "dropping it aborts the task"]
pub struct AbortOnDrop<T> {
    handle: JoinHandle<T>,
    guard: OnDrop,
}

impl<T> AbortOnDrop<T> {
    /// Wraps a handle: dropping the returned value aborts the task.
    pub fn new(handle: JoinHandle<T>) -> Self {
        let guard = OnDrop { task: Some(handle.abort_handle()), end: AbortHandle::abort };
        AbortOnDrop { handle, guard }
    }

    /// Returns the wrapped handle; dropping that detaches the task.
    pub fn detach(self) -> JoinHandle<T> {
        self.guard.disarm();
        self.handle
    }

    /// Returns a reference to the wrapped handle.
    pub fn handle(&self) -> &JoinHandle<T> {
        &self.handle
    }
}

impl<T: 'static> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortOnDrop").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// Ends a task when it is dropped, unless it was disarmed.
struct OnDrop {
    task: Option<AbortHandle>,
    end: fn(&AbortHandle),
}

impl OnDrop {
    fn disarm(mut self) {
        self.task = None;
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            (self.end)(task);
        }
    }
}

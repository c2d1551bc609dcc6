//! Joining: the handle of a task.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::cancel::{Reason, cancel};
use crate::kernel::{Failure, Kernel, SpawnMeta, TaskId, TaskKey};
use crate::limits::{Limited, poll_limited};
use crate::report::{TaskLabel, WaitsFor, label_of};
use crate::task::JoinError;
use crate::task::entry::{is_over, name, record_end};
use crate::task::inherit;

/// The handle of a task: await it for the task's output.
///
/// Dropping it detaches the task, which goes on by itself; see [`AbortOnDrop`] for the other way. The
/// handle belongs to its thread, but may be awaited anywhere on it: in another task, in another scheduler,
/// on another executor.
///
/// # Cancel safety
///
/// A handle that is polled by reference (`&mut handle`) and given up can be awaited again later. Whatever
/// becomes of the wait, the task goes on: a request to end whoever waits is none to the task.
///
/// # Panics
///
/// If it is polled again after it was ready.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn};
///
/// block_on(async {
///     assert_eq!(spawn(async { 1 + 1 }).await.unwrap(), 2);
///
///     let failed = spawn(async { panic!("a bug") });
///     let error = failed.await.unwrap_err();
///     assert!(error.is_panic());
///     assert_eq!(error.to_string(), "task #3 panicked: a bug");
/// });
/// ```
#[doc(alias = "Task")]
pub struct JoinHandle<T> {
    kernel: Rc<Kernel>,
    slot: u32,
    id: TaskId,
    spawned_at: &'static Location<'static>,
    /// The output was handed over.
    taken: bool,
    _output: PhantomData<fn() -> T>,
}

impl<T> JoinHandle<T> {
    /// Makes a task, and its handle.
    #[inline]
    pub(crate) fn spawn<F>(
        kernel: Rc<Kernel>,
        future: F,
        meta: SpawnMeta,
        name: Option<Arc<str>>,
    ) -> JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let (slot, id) = inherit::spawn(&kernel, future, meta, name);
        JoinHandle { kernel, slot, id, spawned_at: meta.place, taken: false, _output: PhantomData }
    }

    /// Returns the id of the task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The address of the task, for reports.
    pub(crate) fn key(&self) -> TaskKey {
        TaskKey { scheduler: self.kernel.id, key: self.id.key(self.slot) }
    }

    /// Returns the name of the task, if it has one.
    #[doc(alias = "get_name")]
    pub fn name(&self) -> Option<Arc<str>> {
        name(&self.kernel, self.slot, self.id)
    }

    /// Returns where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Returns whether the task is over, however it ended: then awaiting the handle does not wait.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.taken || is_over(&self.kernel, self.slot, self.id)
    }

    /// Asks the task to end.
    ///
    /// A request, which reaches the task while it waits: the innermost [`catch_cancel`] around what it waits
    /// for gets it and may clean up. If there is none the future is dropped at its next turn, or at the end of
    /// this one if it is its own. Inside of a [`mask`] the request waits. A task that is over stays as it
    /// ended, and so does one that returns in the turn of the request. The whole is told under
    /// [Cancelling](crate::task#cancelling).
    ///
    /// Never drops anything inside this call, and never waits; await the handle to wait for the end. A task
    /// that is cleaning up already counts the request and is not disturbed;
    /// [`abort`](JoinHandle::abort) always works.
    ///
    /// [`catch_cancel`]: crate::task::catch_cancel
    /// [`mask`]: crate::task::mask
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, spawn, task::catch_cancel, yield_now};
    ///
    /// block_on(async {
    ///     let handle = spawn(async { catch_cancel(pending::<()>()).await.is_err() });
    ///     yield_now().await;
    ///     handle.cancel();
    ///     assert!(handle.await.unwrap());
    ///
    ///     let uncaught = spawn(pending::<()>());
    ///     uncaught.cancel();
    ///     assert!(uncaught.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn cancel(&self) {
        cancel(&self.kernel, self.slot, self.id, &Reason::Unsaid);
    }

    /// Asks the task to end, and says why; see [`cancel`](JoinHandle::cancel).
    ///
    /// The task finds the reason in [`Cancelled::reason`](crate::task::Cancelled::reason); if it does not catch
    /// the request, whoever joins it finds it in [`JoinError::reason`].
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        cancel(&self.kernel, self.slot, self.id, &Reason::Said(reason.into()));
    }

    /// Ends the task: its future is dropped at its next turn, which is scheduled now.
    ///
    /// For the way that lets it clean up see [`cancel`](JoinHandle::cancel); a clean-up that is under way is
    /// ended by this. Never drops anything inside this call, and never waits; await the handle to wait for the
    /// end. A task that aborts itself goes on until it waits. A task that is over already stays as it ended.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, spawn};
    ///
    /// let error = block_on(async {
    ///     let handle = spawn(pending::<()>());
    ///     handle.abort();
    ///     handle.await.unwrap_err()
    /// });
    /// assert!(error.is_cancelled());
    /// ```
    pub fn abort(&self) {
        self.kernel.abort(self.slot, self.id);
    }

    /// Returns a handle that can abort or cancel the task, and nothing else.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { kernel: Rc::clone(&self.kernel), slot: self.slot, id: self.id }
    }
}

impl<T, E> JoinHandle<Result<T, E>> {
    /// Waits for a task whose output is a `Result`, with one error type for everything that can go wrong.
    ///
    /// # Errors
    ///
    /// The error that the task returned; or its [`JoinError`], as an `E`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future detaches the task, as dropping the handle does.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, spawn};
    ///
    /// block_on(async {
    ///     let handle = spawn(async { Ok::<u8, Box<dyn std::error::Error>>("7".parse()?) });
    ///     assert_eq!(handle.flatten().await?, 7);
    ///     Ok(())
    /// })
    /// # .map_err(|error: Box<dyn std::error::Error>| error.to_string()).unwrap();
    /// ```
    pub fn flatten(self) -> Flatten<T, E> {
        Flatten { handle: self }
    }
}

/// The future of [`JoinHandle::flatten`].
#[derive(Debug)]
#[must_use = "dropping it detaches the task"]
pub struct Flatten<T, E> {
    handle: JoinHandle<Result<T, E>>,
}

impl<T: 'static, E: From<JoinError> + 'static> Future for Flatten<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx).map(|output| output?)
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.taken, "the handle of task {} was polled after it had been ready", self.id);
        poll_limited(&mut *self, cx)
    }
}

impl<T: 'static> Limited for &mut JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        let mut output: Option<Result<T, Failure>> = None;
        let ended = ready!(self.kernel.poll_join(self.slot, self.id, cx, &mut output));
        record_end(ended);
        self.taken = true;
        // A task that is gone without an output went when its scheduler was dropped.
        let output = output.unwrap_or(Err(Failure::Aborted));
        Poll::Ready(output.map_err(|failure| JoinError::new(self.id, failure)))
    }

    fn describe(&self) -> Option<WaitsFor> {
        let task = label_of(self.key());
        let task = task.unwrap_or(TaskLabel { id: self.id, name: None, is_root: false });
        Some(WaitsFor::Join { task, spawned_at: self.spawned_at })
    }
}

/// Nothing in a handle is pinned: the output is moved out of the task.
impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.taken {
            self.kernel.detach(self.slot, self.id);
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("JoinHandle");
        handle.field("id", &self.id).field("name", &self.name());
        handle.field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Can end a task, and nothing else; made by [`JoinHandle::abort_handle`].
///
/// # Example
///
/// ```
/// let scheduler = turnwise::Scheduler::new();
/// let handle = scheduler.spawn(std::future::pending::<()>());
/// let abort = handle.abort_handle();
/// abort.abort();
/// assert!(scheduler.block_on(handle).unwrap_err().is_cancelled());
/// assert!(abort.is_finished());
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    kernel: Rc<Kernel>,
    slot: u32,
    id: TaskId,
}

impl AbortHandle {
    pub(crate) fn new(kernel: Rc<Kernel>, slot: u32, id: TaskId) -> Self {
        AbortHandle { kernel, slot, id }
    }

    /// Ends the task; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.kernel.abort(self.slot, self.id);
    }

    /// Asks the task to end; see [`JoinHandle::cancel`].
    pub fn cancel(&self) {
        cancel(&self.kernel, self.slot, self.id, &Reason::Unsaid);
    }

    /// Asks the task to end, and says why; see [`JoinHandle::cancel_with`].
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        cancel(&self.kernel, self.slot, self.id, &Reason::Said(reason.into()));
    }

    /// Returns the id of the task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns whether the task is over.
    pub fn is_finished(&self) -> bool {
        is_over(&self.kernel, self.slot, self.id)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A handle that aborts its task when it is dropped, instead of detaching it.
///
/// The task is not asked before, so it cannot clean up. For one that can, and whose end is waited for, see
/// [`scope`](crate::task::scope()).
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
#[derive(Debug)]
#[must_use = "dropping it aborts the task"]
pub struct AbortOnDrop<T> {
    handle: JoinHandle<T>,
    guard: AbortGuard,
}

impl<T> AbortOnDrop<T> {
    /// Ties a task's life to that of the returned value.
    pub fn new(handle: JoinHandle<T>) -> Self {
        let guard = AbortGuard(Some(handle.abort_handle()));
        AbortOnDrop { handle, guard }
    }

    /// Unties them again.
    pub fn detach(self) -> JoinHandle<T> {
        let AbortOnDrop { handle, mut guard } = self;
        guard.0 = None;
        handle
    }

    /// Returns the handle, to look at.
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

#[derive(Debug)]
struct AbortGuard(Option<AbortHandle>);

impl Drop for AbortGuard {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}

const _: () = assert!(mem::size_of::<JoinHandle<()>>() <= 32, "handles are passed by value");

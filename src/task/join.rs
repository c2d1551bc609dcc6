//! The handles of a task: joining, cancelling and aborting it.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::cancel::{Reason, cancel};
use crate::kernel::{Failure, Kernel, SpawnMeta, TaskId, TaskKey};
use crate::limits::{Limited, poll_limited};
use crate::report::{TaskLabel, WaitsFor, label_of};
use crate::task::entry::{abort, detach, is_over, join_pending, name, record_end};
use crate::task::inherit;
use crate::task::{FromJoinError, JoinError};
use crate::watch::Unread;

/// A handle to a task. Awaiting it returns the task's output.
///
/// Dropping it detaches the task, which continues on its own. That includes a drop by a [`timeout`](crate::timeout)
/// that expires or by a [`select!`](crate::select) in which another branch wins; see [`CancelOnDrop`] and
/// [`AbortOnDrop`] for the alternatives. The handle is `!Send`, but it can be awaited anywhere on its thread: in
/// another task, on another scheduler, on another executor.
///
/// [`AbortOnDrop`]: crate::AbortOnDrop
/// [`CancelOnDrop`]: crate::CancelOnDrop
///
/// # Cancel safety
///
/// A wait on `&mut handle` can be dropped, and the handle awaited again later. The task continues either way:
/// cancelling the waiter does not cancel the task.
///
/// # Panics
///
/// If it is polled again after it has completed.
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
///
/// # It is not `Send`
///
/// On another thread, use [`Remote::spawn`](crate::Remote::spawn): its handle is `Send`.
///
/// ```compile_fail,E0277
/// let handle = turnwise::Scheduler::new().spawn(async { 1 });
/// std::thread::spawn(move || handle.is_finished());
/// ```
#[doc(alias = "Task")]
pub struct JoinHandle<T> {
    kernel: Rc<Kernel>,
    slot: u32,
    id: TaskId,
    spawned_at: &'static Location<'static>,
    /// The output was moved out.
    taken: bool,
    _output: PhantomData<fn() -> T>,
}

impl<T> JoinHandle<T> {
    /// Spawns a task, and returns its handle.
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

    /// What is reported if the task has ended with a failure and nothing reads it.
    pub(crate) fn unread(&self) -> Option<Unread> {
        Unread::of(&self.kernel, self.id.key(self.slot))
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

    /// Returns whether the task has finished, whatever the outcome. Awaiting the handle then does not wait.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.taken || is_over(&self.kernel, self.slot, self.id)
    }

    /// Requests cancellation of the task.
    ///
    /// The request is delivered at an await point: the innermost [`catch_cancel`] around what the task awaits receives
    /// it, and may clean up. If there is none, the future is dropped at the task's next turn, or at the end of the
    /// current turn if that is its own. Inside a [`mask`] the request is held back. A task that has finished keeps its
    /// outcome, and so does one that cancels itself and finishes in that turn. See [Cancelling](crate::task#cancelling)
    /// for the details.
    ///
    /// This call neither drops anything nor waits; await the handle to wait for the task to end. A task that is already
    /// cleaning up counts the request and is not interrupted; [`abort`](JoinHandle::abort) always works.
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
        self.cancel_for(&Reason::Unsaid);
    }

    /// Requests cancellation of the task, with a reason; see [`cancel`](JoinHandle::cancel).
    ///
    /// The task reads the reason from [`Cancelled::reason`](crate::task::Cancelled::reason). If nothing catches the
    /// request, the task that awaits the handle reads it from [`JoinError::reason`].
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        self.cancel_for(&Reason::Said(reason.into()));
    }

    /// The same, with the reason of a request that is passed on.
    pub(crate) fn cancel_for(&self, reason: &Reason) {
        cancel(&self.kernel, self.slot, self.id, reason);
    }

    /// Aborts the task: schedules it, and drops its future at its next turn.
    ///
    /// Unlike [`cancel`](JoinHandle::cancel), this lets nothing clean up, and it ends a clean-up in progress. This call
    /// neither drops anything nor waits; await the handle to wait for the task to end. A task that aborts itself runs
    /// until it next waits. A task that has finished keeps its outcome.
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
        abort(&self.kernel, self.slot, self.id);
    }

    /// Returns a handle that can abort or cancel the task, but not join it.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { kernel: Rc::clone(&self.kernel), slot: self.slot, id: self.id }
    }
}

impl<T, E> JoinHandle<Result<T, E>> {
    /// Waits for a task whose output is a `Result`, and merges the two error types into one.
    ///
    /// # Errors
    ///
    /// The error that the task returned, or its [`JoinError`] converted into an `E`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future detaches the task, like dropping the handle.
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
    pub fn flatten(self) -> Flatten<T, E>
    where
        E: FromJoinError,
    {
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
        assert!(!self.taken, "the handle of task {} was polled after completion", self.id);
        poll_limited(&mut *self, cx)
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Waits until the task has finished; its output stays in it.
    pub(crate) fn poll_finished(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.is_finished() {
            return Poll::Ready(());
        }
        let mut output: Option<Result<T, Failure>> = None;
        let poll = self.kernel.poll_join(self.slot, self.id, cx, &mut output);
        debug_assert!(poll.is_pending(), "the task has not finished");
        Poll::Pending
    }

    /// Takes the output of a task that has finished.
    pub(crate) fn into_output(mut self) -> Result<T, JoinError> {
        match (&mut self).poll_now(&Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => unreachable!("the task has finished"),
        }
    }
}

impl<T: 'static> Limited for &mut JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        let mut output: Option<Result<T, Failure>> = None;
        let Poll::Ready(ended) = self.kernel.poll_join(self.slot, self.id, cx, &mut output) else {
            return join_pending(&self.kernel, cx, self.id);
        };
        record_end(ended);
        self.taken = true;
        // A task that has gone without leaving an output was dropped with its scheduler.
        let output = output.unwrap_or(Err(Failure::Aborted));
        Poll::Ready(
            output
                .map_err(|failure| JoinError::new(self.id, failure, &self.kernel, self.spawned_at)),
        )
    }

    fn describe(&self) -> Option<WaitsFor> {
        let task = label_of(self.key());
        let task = task.unwrap_or(TaskLabel::new(self.id, None));
        Some(WaitsFor::Join { task, spawned_at: self.spawned_at })
    }
}

/// Nothing in a handle is pinned: the output is moved out of the task.
impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.taken {
            detach(&self.kernel, self.slot, self.id);
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

/// A handle that can abort or cancel a task, but not join it; created by [`JoinHandle::abort_handle`].
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
///
/// # It is not `Send`
///
/// On another thread, use [`Remote::spawn`](crate::Remote::spawn) to spawn a task that uses it here.
///
/// ```compile_fail,E0277
/// let handle = turnwise::Scheduler::new().spawn(async { 1 });
/// let abort = handle.abort_handle();
/// std::thread::spawn(move || abort.abort());
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

    /// Aborts the task; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        abort(&self.kernel, self.slot, self.id);
    }

    /// Requests cancellation of the task; see [`JoinHandle::cancel`].
    pub fn cancel(&self) {
        cancel(&self.kernel, self.slot, self.id, &Reason::Unsaid);
    }

    /// Requests cancellation of the task, with a reason; see [`JoinHandle::cancel_with`].
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        cancel(&self.kernel, self.slot, self.id, &Reason::Said(reason.into()));
    }

    /// Returns the id of the task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns whether the task has finished.
    pub fn is_finished(&self) -> bool {
        is_over(&self.kernel, self.slot, self.id)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

const _: () = assert!(mem::size_of::<JoinHandle<()>>() <= 32, "handles are passed by value");

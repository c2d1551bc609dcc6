//! The handle of a scope's child.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cancel::{Reason, cancel};
use crate::kernel::{Failure, Place, TaskId};
use crate::limits::{Limited, poll_limited};
use crate::scope::child::ChildOutput;
use crate::scope::members::Members;
use crate::task::{AbortHandle, JoinError, abort, forget_joiner, is_over, join_pending, name_of};

/// A handle to a child of a scope. Awaiting it returns the child's output. Created by [`Scope::spawn`] and
/// [`Scope::try_spawn`].
///
/// Dropping it has no effect on the child: the scope still waits for it. The handle cannot leave the scope.
///
/// If the child failed, the failure itself is in the [`ScopeError`]. The handle returns a [`JoinError`] that reports
/// how it failed: [`is_panic`](JoinError::is_panic), with the panic message in place of the payload, or
/// [`is_failure`](JoinError::is_failure).
///
/// # Cancel safety
///
/// A wait on `&mut handle` can be dropped, and the handle awaited again later. The child continues either way.
///
/// # Panics
///
/// If it is polled again after it has completed.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, task};
///
/// let words = ["one", "two", "three"];
/// let letters = block_on(task::scope(async |s| {
///     let handles = words.each_ref().map(|word| s.spawn(async { word.len() }));
///     let mut letters = 0;
///     for handle in handles {
///         letters += handle.await?;
///     }
///     Ok::<usize, turnwise::JoinError>(letters)
/// }))??;
/// assert_eq!(letters, 11);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Scope::spawn`]: crate::task::Scope::spawn
/// [`Scope::try_spawn`]: crate::task::Scope::try_spawn
/// [`ScopeError`]: crate::task::ScopeError
///
/// # It is not `Send`
///
/// On another thread, use [`Remote::spawn`](crate::Remote::spawn): its handle is `Send`.
///
/// ```compile_fail,E0277
/// use turnwise::task::ScopedHandle;
/// fn elsewhere(handle: ScopedHandle<'static, u32>) {
///     std::thread::spawn(move || handle.cancel());
/// }
/// ```
pub struct ScopedHandle<'scope, T> {
    pub(super) members: &'scope Members,
    pub(super) slot: u32,
    /// The handle was polled, so the child may have a waiter to wake when it ends.
    pub(super) is_awaited: bool,
    /// The output was moved out.
    pub(super) is_taken: bool,
    pub(super) id: TaskId,
    pub(super) spawned_at: Place,
    pub(super) output: Rc<ChildOutput<T>>,
}

impl<T> ScopedHandle<'_, T> {
    /// Returns the id of the child.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns the name of the child, if it has one and has not finished.
    pub fn name(&self) -> Option<Arc<str>> {
        name_of(self.members.kernel(), self.slot, self.id)
    }

    /// Returns where the child was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Returns whether the child has finished, whatever the outcome. Awaiting the handle then does not wait.
    pub fn is_finished(&self) -> bool {
        is_over(self.members.kernel(), self.slot, self.id)
    }

    /// Requests cancellation of the child, like [`JoinHandle::cancel`](crate::JoinHandle::cancel). This does not fail
    /// the scope.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, task};
    ///
    /// block_on(task::scope(async |s| {
    ///     let child = s.spawn(pending::<()>());
    ///     child.cancel();
    ///     assert!(child.await.unwrap_err().is_cancelled());
    /// }))?;
    /// # Ok::<(), task::ScopeError>(())
    /// ```
    pub fn cancel(&self) {
        cancel(self.members.kernel(), self.slot, self.id, &Reason::Unsaid);
    }

    /// Requests cancellation of the child, with a reason for the code that catches the request and for the
    /// [`JoinError`].
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        cancel(self.members.kernel(), self.slot, self.id, &Reason::Said(reason.into()));
    }

    /// Aborts the child: schedules it, and drops its future at its next turn. This does not fail the scope. See
    /// [`JoinHandle::abort`](crate::JoinHandle::abort).
    pub fn abort(&self) {
        abort(self.members.kernel(), self.slot, self.id);
    }

    /// Returns a handle that can abort or cancel the child, but not join it. It may leave the scope.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(Rc::clone(self.members.kernel()), self.slot, self.id)
    }
}

impl<T> Future for ScopedHandle<'_, T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_taken, "the handle of task {} was polled after completion", self.id);
        poll_limited(&mut *self, cx)
    }
}

impl<T> Limited for &mut ScopedHandle<'_, T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        let left = self.output.take();
        if left.is_none() {
            self.is_awaited = true;
            // A child leaves no output in its slot, so there is none to move out.
            if self.members.kernel().poll_join(self.slot, self.id, cx, &mut ()).is_pending() {
                return join_pending(self.members.kernel(), cx, self.id);
            }
        }
        self.is_taken = true;
        // Nothing is left if its scheduler has ended the child, instead of its scope.
        Poll::Ready(left.unwrap_or(Err(Some(Failure::Aborted))).map_err(|failure| match failure {
            Some(failure) => {
                JoinError::new(self.id, failure, self.members.kernel(), self.spawned_at())
            }
            None => JoinError::failed(self.id),
        }))
    }
}

impl<T> Unpin for ScopedHandle<'_, T> {}

impl<T> Drop for ScopedHandle<'_, T> {
    fn drop(&mut self) {
        if self.is_awaited && !self.is_taken {
            forget_joiner(self.members.kernel(), self.slot, self.id);
        }
    }
}

impl<T> fmt::Debug for ScopedHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("ScopedHandle");
        handle.field("id", &self.id()).field("name", &self.name());
        handle.field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

//! The handle of a scope's child.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::cancel::{Reason, cancel};
use crate::kernel::{Failure, TaskId};
use crate::scope::child::{ChildOutput, ResultCell};
use crate::scope::members::Members;
use crate::task::{AbortHandle, JoinError, forget_joiner, is_over, name_of};

/// The handle of a scope's child: await it for the child's output. Made by [`Scope::spawn`] and
/// [`Scope::try_spawn`].
///
/// Dropping it does nothing: the scope waits for the child all the same. It cannot leave the scope.
///
/// A child that failed has its failure in the [`ScopeError`]. Its handle gives a [`JoinError`] that says
/// which it was: [`is_panic`](JoinError::is_panic), with the text of the panic in the place of its payload, or
/// [`is_failure`](JoinError::is_failure).
///
/// # Cancel safety
///
/// A handle that is polled by reference (`&mut handle`) and given up can be awaited again later. Whatever
/// becomes of the wait, the child goes on.
///
/// # Panics
///
/// If it is polled again after it was ready.
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
pub struct ScopedHandle<'scope, T> {
    members: &'scope Members,
    slot: u32,
    /// Perhaps the child has somebody to wake at its end.
    is_awaited: bool,
    /// The output was handed over.
    is_taken: bool,
    id: TaskId,
    spawned_at: &'static Location<'static>,
    answer: Rc<ResultCell<T>>,
}

impl<'scope, T> ScopedHandle<'scope, T> {
    #[inline]
    pub(super) fn new(
        members: &'scope Members,
        (slot, id): (u32, TaskId),
        spawned_at: &'static Location<'static>,
        answer: Rc<ResultCell<T>>,
    ) -> Self {
        ScopedHandle { members, slot, is_awaited: false, is_taken: false, id, spawned_at, answer }
    }

    /// Returns the id of the child.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns the name of the child, if it has one and is not over.
    pub fn name(&self) -> Option<Arc<str>> {
        name_of(self.members.kernel(), self.slot, self.id)
    }

    /// Returns where the child was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Returns whether the child is over, however it ended: then awaiting the handle does not wait.
    pub fn is_finished(&self) -> bool {
        is_over(self.members.kernel(), self.slot, self.id)
    }

    /// Asks the child to end, as [`JoinHandle::cancel`](crate::JoinHandle::cancel) does. That is no failure of the
    /// scope.
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

    /// The same, with a reason for whoever catches the request and for the [`JoinError`].
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        cancel(self.members.kernel(), self.slot, self.id, &Reason::Said(reason.into()));
    }

    /// Ends the child: its future is dropped at its next turn, which is scheduled now. That is no failure of
    /// the scope. See [`JoinHandle::abort`](crate::JoinHandle::abort).
    pub fn abort(&self) {
        self.members.kernel().abort(self.slot, self.id);
    }

    /// Returns a handle that can abort the child, and nothing else. It may leave the scope.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(Rc::clone(self.members.kernel()), self.slot, self.id)
    }

    /// Why a child that is over has no output.
    #[cold]
    fn error(&self, given: ChildOutput<T>) -> JoinError {
        let failure = match given {
            ChildOutput::Value(_) | ChildOutput::Nothing => Failure::Aborted,
            ChildOutput::Cancelled(reason) => Failure::Cancelled(reason),
            ChildOutput::Failure => return JoinError::failed(self.id),
            ChildOutput::Panic(text) => Failure::Panicked(Box::new(text.into_string())),
        };
        JoinError::new(self.id, failure)
    }
}

impl<T> Future for ScopedHandle<'_, T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.is_taken,
            "the handle of task {} was polled after it had been ready",
            self.id
        );
        let given = self.answer.take();
        if let ChildOutput::Nothing = given {
            self.is_awaited = true;
            // A child leaves nothing in its slot, so there is nothing to be put into this place.
            ready!(self.members.kernel().poll_join(self.slot, self.id, cx, &mut ()));
        }
        self.is_taken = true;
        Poll::Ready(match given {
            ChildOutput::Value(value) => Ok(value),
            given => Err(self.error(given)),
        })
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

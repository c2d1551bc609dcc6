//! The methods of a [`JoinSet`] that wait, and their futures.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::kernel::TaskId;
use crate::limits::{Limited, poll_at_once, poll_limited};
use crate::task::endings::Ended;
use crate::task::join_error::JoinError;
use crate::task::join_set::JoinSet;

/// Methods that wait.
impl<T: 'static> JoinSet<T> {
    /// Waits for the next task to finish, and returns its output; `None` if the set is empty. Tasks are returned in the
    /// exact order in which they finish.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes no task from the set, so no output is lost.
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext { set: self, place: Location::caller() }
    }

    /// Waits for the next task to finish, and returns its id and output. If it has no output, its id is in the error.
    ///
    /// # Cancel safety
    ///
    /// Like [`join_next`](JoinSet::join_next).
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> JoinNextWithId<'_, T> {
        JoinNextWithId(self.join_next())
    }

    /// Waits for all tasks, and returns their results in the order in which they were spawned.
    ///
    /// A task that panicked, or was cancelled or aborted, is an `Err` in its position; this method does not panic.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the set, which aborts the tasks that have not finished. All outputs are lost; the
    /// failures among them are reported like those of other tasks whose handles are dropped.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, task::JoinSet, yield_now};
    ///
    /// block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { yield_now().await; 1 });
    ///     set.spawn(async { panic!("a bug") });
    ///     let ended = set.join_all().await;
    ///     assert_eq!(*ended[0].as_ref().unwrap(), 1);
    ///     assert!(ended[1].as_ref().unwrap_err().is_panic());
    /// });
    /// ```
    #[track_caller]
    pub fn join_all(self) -> JoinSetAll<T> {
        JoinSetAll { set: self, place: Location::caller() }
    }

    /// Aborts all tasks, and waits until they have ended. They cannot clean up, and their outputs are dropped; the
    /// failures among them are reported.
    ///
    /// # Cancel safety
    ///
    /// The call itself aborts the tasks, whether or not the future is awaited. Dropping the future leaves the tasks
    /// that it has not yet waited for in the set.
    #[track_caller]
    pub fn shutdown(&mut self) -> Shutdown<'_, T> {
        self.abort_all();
        Shutdown { next: self.join_next(), is_begun: false }
    }

    /// Like `poll_next_ended`, and counts also that the set is empty, since it is the result of a wait of its own.
    pub(crate) fn poll_next_or_empty(
        &mut self,
        cx: &mut Context<'_>,
        place: &'static Location<'static>,
    ) -> Poll<Option<Ended<T>>> {
        if self.is_empty() {
            ready!(poll_at_once(cx));
        }
        self.poll_next_ended(cx, place)
    }
}

/// The future of [`JoinSet::join_next`].
#[must_use = "a future does nothing until it is awaited"]
pub struct JoinNext<'a, T: 'static> {
    set: &'a mut JoinSet<T>,
    place: &'static Location<'static>,
}

impl<T> JoinNext<'_, T> {
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended<T>>> {
        self.set.poll_next_or_empty(cx, self.place)
    }
}

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_ended(cx).map(|ended| ended.map(|ended| ended.output))
    }
}

impl<T> Drop for JoinNext<'_, T> {
    fn drop(&mut self) {
        self.set.stop_waiting();
    }
}

impl<T> fmt::Debug for JoinNext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinNext").field("set", &self.set).finish_non_exhaustive()
    }
}

/// The future of [`JoinSet::join_next_with_id`].
#[must_use = "a future does nothing until it is awaited"]
pub struct JoinNextWithId<'a, T: 'static>(JoinNext<'a, T>);

impl<T> Future for JoinNextWithId<'_, T> {
    type Output = Option<Result<(TaskId, T), JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_ended(cx).map(|ended| ended.map(Ended::with_id))
    }
}

impl<T> fmt::Debug for JoinNextWithId<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The future of [`JoinSet::join_all`].
#[must_use = "dropping it aborts the tasks"]
pub struct JoinSetAll<T: 'static> {
    set: JoinSet<T>,
    place: &'static Location<'static>,
}

impl<T> Future for JoinSetAll<T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_limited(&mut *self, cx)
    }
}

impl<T> Limited for &mut JoinSetAll<T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        ready!(self.set.poll_all_ended(cx, self.place));
        Poll::Ready(self.set.take_all())
    }
}

/// Outputs are moved, never pinned.
impl<T> Unpin for JoinSetAll<T> {}

impl<T> fmt::Debug for JoinSetAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSetAll").field("set", &self.set).finish_non_exhaustive()
    }
}

/// The future of [`JoinSet::shutdown`].
#[must_use = "the tasks are already aborted; await it to wait until they have ended"]
pub struct Shutdown<'a, T: 'static> {
    next: JoinNext<'a, T>,
    /// It has received or awaited the first end.
    is_begun: bool,
}

impl<T> Future for Shutdown<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_begun && self.next.set.is_empty() {
            ready!(poll_at_once(cx));
        }
        self.is_begun = true;
        let JoinNext { set, place } = &mut self.next;
        // Dropped unread: if a task has panicked, that is reported.
        while let Some(handle) = ready!(set.poll_next_handle(cx, place)) {
            drop(handle);
        }
        Poll::Ready(())
    }
}

impl<T> fmt::Debug for Shutdown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("set", &self.next.set).finish()
    }
}

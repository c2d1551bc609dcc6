//! The calls of a [`JoinSet`] that wait, and their futures.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::kernel::TaskId;
use crate::task::join_error::JoinError;
use crate::task::join_set::{Ended, JoinSet};

/// Waiting for its tasks.
impl<T: 'static> JoinSet<T> {
    /// Waits for the next task to end, and returns its output; `None` if no task is left. Tasks come in the
    /// exact order in which they end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no task out of the set: nothing is lost.
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext { set: self, place: Location::caller() }
    }

    /// Waits for the next task to end, and returns its output with the task's id. An error has that id too.
    ///
    /// # Cancel safety
    ///
    /// As for [`join_next`](JoinSet::join_next).
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> JoinNextWithId<'_, T> {
        JoinNextWithId(self.join_next())
    }

    /// Waits for all tasks, and returns how each has ended, in the order in which they were spawned.
    ///
    /// A task that panicked, or was cancelled or aborted, is an error in its place; nothing panics here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the set, which aborts the tasks that are left; outputs are lost.
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
        JoinSetAll { set: self, ended: Vec::new(), place: Location::caller() }
    }

    /// Aborts every task, without asking it before, and waits until they have ended. Outputs are dropped.
    ///
    /// # Cancel safety
    ///
    /// The tasks are aborted by this call, whether the future is awaited or not. Dropping it leaves those in
    /// the set that it did not wait for.
    #[track_caller]
    pub fn shutdown(&mut self) -> Shutdown<'_, T> {
        self.abort_all();
        Shutdown { next: self.join_next() }
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
        self.set.poll_next_ended(cx, self.place)
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
    ended: Vec<Ended<T>>,
    place: &'static Location<'static>,
}

impl<T> Future for JoinSetAll<T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let JoinSetAll { set, ended, place } = &mut *self;
        while let Some(next) = ready!(set.poll_next_ended(cx, place)) {
            ended.push(next);
        }
        ended.sort_unstable_by_key(|ended| ended.rank);
        Poll::Ready(std::mem::take(ended).into_iter().map(|ended| ended.output).collect())
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
#[must_use = "the tasks are aborted, but nobody waits until they have ended"]
pub struct Shutdown<'a, T: 'static> {
    next: JoinNext<'a, T>,
}

impl<T> Future for Shutdown<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(ended) = ready!(self.next.poll_ended(cx)) {
            drop(ended);
        }
        Poll::Ready(())
    }
}

impl<T> fmt::Debug for Shutdown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("set", &self.next.set).finish()
    }
}

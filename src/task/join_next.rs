//! The futures of a [`JoinSet`].

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::kernel::TaskId;
use crate::task::{JoinError, JoinSet};

/// A task that is over, taken out of the set.
pub(crate) struct Ended<T> {
    pub(super) id: TaskId,
    /// How many were spawned before it.
    pub(crate) rank: u64,
    pub(crate) output: Result<T, JoinError>,
}

impl<T> Ended<T> {
    pub(crate) fn with_id(self) -> Result<(TaskId, T), JoinError> {
        self.output.map(|output| (self.id, output))
    }
}

/// The future of [`JoinSet::join_next`].
#[must_use = "a future does nothing until it is awaited"]
pub struct JoinNext<'a, T: 'static> {
    pub(super) set: &'a mut JoinSet<T>,
    pub(super) place: &'static Location<'static>,
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
pub struct JoinNextWithId<'a, T: 'static>(pub(super) JoinNext<'a, T>);

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
    pub(super) set: JoinSet<T>,
    pub(super) ended: Vec<Ended<T>>,
    pub(super) place: &'static Location<'static>,
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
    pub(super) next: JoinNext<'a, T>,
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

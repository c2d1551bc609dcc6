//! Outputs in the order in which futures complete.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combine::group::{Batch, FutureGroup};
use crate::watch::drop_unread;

/// Returns the outputs of several futures one by one, in the order in which they complete.
///
/// With [handles](crate::JoinHandle) of tasks, that is the exact order in which the tasks finished. The tasks
/// run whether or not [`next`](AsCompleted::next) is awaited, and continue if this is dropped. Other futures
/// are polled in place, by the task that awaits `next`: they may borrow, but make progress only during that
/// await. Of several that are ready in the same turn, the first in argument order comes first, or, with more
/// than thirty futures, the first that was woken.
///
/// As with [`join_all`](crate::join_all), with more than thirty futures only those that were woken are
/// polled. For a group that grows, see [`JoinSet`](crate::task::JoinSet).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, as_completed, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let factorial = |number: u64| async move {
///         sleep(Duration::from_secs(number - 1)).await;
///         (number, (1..=number).product::<u64>())
///     };
///     let mut outputs = Vec::new();
///     let mut completed = as_completed([4, 3, 2].map(factorial));
///     while let Some(output) = completed.next().await {
///         outputs.push(output);
///     }
///     assert_eq!(outputs, [(2, 2), (3, 6), (4, 24)]);
/// });
/// ```
#[doc(alias = "FuturesUnordered")]
pub fn as_completed<I>(futures: I) -> AsCompleted<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    AsCompleted { group: FutureGroup::new(futures), completed: VecDeque::new() }
}

/// The outputs of several futures, in the order of completion; created by [`as_completed`].
#[must_use = "futures do nothing until they are awaited"]
pub struct AsCompleted<F: Future> {
    group: FutureGroup<F>,
    /// Outputs that [`next`](AsCompleted::next) has not returned yet.
    completed: VecDeque<F::Output>,
}

impl<F: Future> AsCompleted<F> {
    /// Waits for the next output. Returns `None` when every output has been returned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: an output that is already there is returned by the next call.
    ///
    /// # Panics
    ///
    /// If one of the futures panics, and if it is polled again after that.
    #[allow(clippy::should_implement_trait, reason = "it is what streams call it")]
    pub fn next(&mut self) -> NextCompleted<'_, F> {
        NextCompleted { outputs: self }
    }

    /// Returns the number of outputs that have not been returned yet.
    pub fn len(&self) -> usize {
        self.group.left() + self.completed.len()
    }

    /// Returns whether every output has been returned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn poll_next_output(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Some(output) = self.completed.pop_front() {
            return Poll::Ready(Some(output));
        }
        let mut batch = Batch::new();
        let poll = self.group.poll(cx, |_, output| {
            batch.push(output);
            ControlFlow::<()>::Continue(())
        });
        self.completed.extend(batch.in_order());
        if self.completed.is_empty() {
            let _ = ready!(poll);
        }
        Poll::Ready(self.completed.pop_front())
    }
}

/// The futures are pinned on the heap, and outputs are moved.
impl<F: Future> Unpin for AsCompleted<F> {}

impl<F: Future> Drop for AsCompleted<F> {
    fn drop(&mut self) {
        drop_unread(std::mem::take(&mut self.completed));
    }
}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The future of [`AsCompleted::next`].
#[must_use = "a future does nothing until it is awaited"]
pub struct NextCompleted<'a, F: Future> {
    outputs: &'a mut AsCompleted<F>,
}

impl<F: Future> Future for NextCompleted<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.outputs.poll_next_output(cx)
    }
}

impl<F: Future> fmt::Debug for NextCompleted<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextCompleted").field("outputs", &self.outputs).finish()
    }
}

//! Outputs in the order in which they come about.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combine::group::{Batch, FutureGroup};

/// Gives the outputs of several futures one by one, in the order in which they come about.
///
/// Give it [handles](crate::JoinHandle) of tasks, and they come in the exact order in which the tasks end;
/// the tasks run by themselves, also while nobody asks, and go on if this is dropped. Give it any other
/// futures, and they are polled in place, by whoever awaits [`next`](AsCompleted::next): they may borrow, but go on
/// only then. Of several that are ready in the same turn, the first that was given comes first.
///
/// As with [`join_all`](crate::join_all), only those that were woken are polled if there are many. See
/// [`JoinSet`](crate::task::JoinSet) for a group that grows.
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

/// Several futures, whose outputs come as they come about; made by [`as_completed`].
#[must_use = "futures do nothing until they are awaited"]
pub struct AsCompleted<F: Future> {
    group: FutureGroup<F>,
    /// Those that were not asked for yet.
    completed: VecDeque<F::Output>,
}

impl<F: Future> AsCompleted<F> {
    /// Waits for the next output; `None` when there was one of each future.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: an output that has come about is given by the next call.
    ///
    /// # Panics
    ///
    /// If one of the futures panics; and if it is polled again after that.
    #[allow(clippy::should_implement_trait, reason = "it is what streams call it")]
    pub fn next(&mut self) -> NextCompleted<'_, F> {
        NextCompleted { outputs: self }
    }

    /// Returns how many outputs are still to come.
    pub fn len(&self) -> usize {
        self.group.left() + self.completed.len()
    }

    /// Returns whether no output is to come any more.
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

/// The futures have boxes of their own, and outputs are moved.
impl<F: Future> Unpin for AsCompleted<F> {}

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

//! Waiting for any number of futures of one type.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combine::group::FutureGroup;
use crate::watch::drop_unread;

/// Waits for all futures concurrently, and returns their outputs in the order in which the futures were
/// given.
///
/// The futures are polled by the task that awaits this: nothing is spawned, so they may borrow. A future is
/// dropped as soon as it is ready. With more than thirty futures, only those that were woken are polled, so a
/// wake costs the same for a thousand futures as for one. Each future that keeps a waker then has its own,
/// and the task is identified by that waker instead of its key: a [deadlock report](crate::DeadlockReport)
/// about it says "possible".
///
/// A panic in one of them propagates to the caller, and the others are dropped. For children that are tasks,
/// see [`gather`](crate::gather).
///
/// # Cancel safety
///
/// Dropping the future drops all of them, and the outputs of those that were ready. If some of them are handles, a
/// panic that they have returned is [reported](crate::scheduler::Builder::on_report). A cancel request goes to
/// each of them that [catches](crate::task::catch_cancel) it; beside such a future, one that catches nothing
/// continues to its end.
///
/// # Panics
///
/// If one of the futures panics. If it is polled again after it has completed, or after one of them panicked.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, join_all, sleep, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let start = time::now();
///     let after = |seconds| async move { sleep(Duration::from_secs(seconds)).await; seconds };
///     assert_eq!(join_all([2, 1, 3].map(after)).await, [2, 1, 3]);
///     assert_eq!(time::now() - start, Duration::from_secs(3)); // not six
/// });
/// ```
#[doc(alias = "gather")]
pub fn join_all<I>(futures: I) -> JoinAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let group = FutureGroup::new(futures);
    let outputs = Outputs::new(group.left());
    JoinAll { group, outputs }
}

/// The future of [`join_all`].
#[must_use = "a future does nothing until it is awaited"]
pub struct JoinAll<F: Future> {
    group: FutureGroup<F>,
    outputs: Outputs<F::Output>,
}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let JoinAll { group, outputs } = &mut *self;
        let flow = ready!(group.poll(cx, |number, output| outputs.put(number, output)));
        let ControlFlow::Continue(()) = flow;
        Poll::Ready(outputs.take())
    }
}

/// The futures are pinned on the heap, and outputs are moved.
impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll").field("left", &self.group.left()).finish_non_exhaustive()
    }
}

/// Waits for all futures concurrently, and returns their values in the order in which the futures were given,
/// or the first error.
///
/// At the first error the others are dropped, without a cancel request. [`task::scope`](crate::task::scope())
/// cancels its children instead, and waits for their clean-ups.
///
/// Of two errors in the same turn, that of the future that was polled first is returned: the first in
/// argument order, or, with more than thirty futures, the first that was woken. Otherwise it is like
/// [`join_all`].
///
/// # Cancel safety
///
/// Dropping the future drops all of them, and the values of those that were ready. A cancel request goes to
/// them as with [`join_all`].
///
/// # Errors
///
/// The first error that one of the futures returns.
///
/// # Panics
///
/// If one of the futures panics. If it is polled again after it has completed, or after one of them panicked.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, try_join_all};
///
/// async fn parse(text: &str) -> Result<i32, std::num::ParseIntError> { text.parse() }
///
/// block_on(async {
///     assert_eq!(try_join_all(["1", "2"].map(parse)).await, Ok(vec![1, 2]));
///     assert!(try_join_all(["1", "two", "3"].map(parse)).await.is_err());
/// });
/// ```
pub fn try_join_all<I, T, E>(futures: I) -> TryJoinAll<<I::Item as IntoFuture>::IntoFuture, T, E>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    let group = FutureGroup::new(futures);
    let outputs = Outputs::new(group.left());
    TryJoinAll { group: Some(group), outputs, error: std::marker::PhantomData }
}

/// The future of [`try_join_all`].
#[must_use = "a future does nothing until it is awaited"]
pub struct TryJoinAll<F, T, E> {
    /// `None` after completion.
    group: Option<FutureGroup<F>>,
    outputs: Outputs<T>,
    error: std::marker::PhantomData<fn() -> E>,
}

impl<F, T, E> Future for TryJoinAll<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let TryJoinAll { group, outputs, .. } = &mut *self;
        let children = group.as_mut().expect("a `try_join_all` was polled after completion");
        let flow = ready!(children.poll(cx, |number, output| match output {
            Ok(value) => match outputs.put(number, value) {
                ControlFlow::Continue(()) => ControlFlow::Continue(()),
            },
            Err(error) => ControlFlow::Break(error),
        }));
        *group = None;
        Poll::Ready(match flow {
            ControlFlow::Continue(()) => Ok(outputs.take()),
            ControlFlow::Break(error) => {
                outputs.clear();
                Err(error)
            }
        })
    }
}

/// The futures are pinned on the heap, and values are moved.
impl<F, T, E> Unpin for TryJoinAll<F, T, E> {}

impl<F: Future, T, E> fmt::Debug for TryJoinAll<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.group.as_ref().map_or(0, FutureGroup::left);
        f.debug_struct("TryJoinAll").field("left", &left).finish_non_exhaustive()
    }
}

/// The outputs so far, in argument order.
struct Outputs<T> {
    /// `None` after they were taken.
    places: Option<Vec<Option<T>>>,
}

const POLLED_AGAIN: &str = "a `join_all` was polled after completion";

impl<T> Outputs<T> {
    fn new(count: usize) -> Self {
        let mut places = Vec::new();
        places.resize_with(count, || None);
        Outputs { places: Some(places) }
    }

    fn put(&mut self, number: usize, output: T) -> ControlFlow<std::convert::Infallible> {
        self.places.as_mut().expect(POLLED_AGAIN)[number] = Some(output);
        ControlFlow::Continue(())
    }

    /// Takes all outputs; every future must have completed.
    fn take(&mut self) -> Vec<T> {
        let places = self.places.take().expect(POLLED_AGAIN);
        let outputs = places.into_iter();
        outputs.map(|output| output.expect("each future was ready once")).collect()
    }

    /// Drops the outputs: nothing will read them.
    fn clear(&mut self) {
        if let Some(places) = self.places.take() {
            drop_unread(places);
        }
    }
}

impl<T> Drop for Outputs<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

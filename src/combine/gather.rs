//! Gathering: spawned tasks whose outputs are returned in argument order.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::kernel::current;
use crate::task::{JoinError, JoinSet};

/// Spawns a task for each future, waits until all have finished, and returns their outputs in the order in
/// which the futures were given, failures included.
///
/// The tasks are spawned by this call, in that order, and run whether or not the result is awaited. The
/// output of a task that panics, or is cancelled or aborted, is a [`JoinError`]; the other tasks are not
/// affected.
///
/// * [`first_error`](Gather::first_error) returns the first failure immediately; the other tasks continue.
/// * [`flatten`](Gather::flatten) is for tasks that return a `Result` themselves.
/// * [`try_join_all`](crate::try_join_all) drops the others at the first error;
///   [`task::scope`](crate::task::scope()) cancels them, and waits for their clean-ups;
///   [`join_all`](crate::join_all) spawns no tasks.
///
/// In asyncio's terms this is `gather(..., return_exceptions=True)`; with `first_error` it is `gather`
/// without `return_exceptions`. Unlike there, futures that are given twice are not merged, and the
/// cancellation of a child is only that child's failure.
///
/// # Cancel safety
///
/// Dropping the future aborts the tasks that have not finished. A cancel request goes to the waiting task,
/// not to the gathered ones; if nothing catches it, this future is dropped, and they are aborted without a
/// clean-up.
///
/// # Panics
///
/// Outside of a running scheduler. The future panics if it is polled again after it has completed.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, gather, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let factorial = |number: u64| async move {
///         sleep(Duration::from_secs(number)).await;
///         assert!(number < 20, "too large");
///         (1..=number).product::<u64>()
///     };
///     let outputs = gather([4, 21, 3].map(factorial)).await;
///     assert_eq!(*outputs[0].as_ref().unwrap(), 24);
///     assert!(outputs[1].as_ref().unwrap_err().is_panic());
///     assert_eq!(*outputs[2].as_ref().unwrap(), 6);
/// });
/// ```
#[track_caller]
pub fn gather<I, R>(futures: I) -> Gather<R>
where
    I: IntoIterator<Item: IntoFuture<Output = R, IntoFuture: 'static>>,
    R: 'static,
{
    let kernel = current()
        .expect("`gather` needs a running scheduler: call it inside `block_on`, or use `join_all`");
    let place = Location::caller();
    let mut set = JoinSet::of_kind("gather", place);
    for future in futures {
        set.spawn_in(kernel.clone(), future.into_future(), place);
    }
    let mut outputs = Vec::new();
    outputs.resize_with(set.len(), || None);
    Gather { set, outputs: Some(outputs), settle: |output| output }
}

/// The future of [`gather`].
#[must_use = "dropping it aborts the tasks"]
pub struct Gather<R: 'static, T = R, E = JoinError> {
    set: JoinSet<R>,
    /// `None` after they were returned.
    outputs: Option<Vec<Option<Result<T, E>>>>,
    /// Converts a task's output to the one that is returned.
    settle: fn(Result<R, JoinError>) -> Result<T, E>,
}

impl<R, T, E> Gather<R, T, E> {
    /// Returns all values, or the first failure as soon as it occurs. The tasks that have not finished by
    /// then continue, detached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready aborts the tasks that have not finished.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, gather, yield_now};
    ///
    /// block_on(async {
    ///     let values = gather([1, 2, 3].map(|number| async move { number * 10 })).first_error().await;
    ///     assert_eq!(values.unwrap(), [10, 20, 30]);
    ///
    ///     let failed = gather([1, 2, 3].map(|number| async move { assert_ne!(number, 2); }));
    ///     assert!(failed.first_error().await.unwrap_err().is_panic());
    /// });
    /// ```
    #[doc(alias = "return_exceptions")]
    pub fn first_error(self) -> FirstError<R, T, E> {
        FirstError { gather: self }
    }

    /// Waits for the next task to finish, stores its output in its place, and returns that place; `None` if
    /// no task is left.
    fn poll_one(&mut self, cx: &mut Context<'_>) -> Poll<Option<&mut Option<Result<T, E>>>> {
        let place = self.set.made_at();
        let Some(ended) = ready!(self.set.poll_next_ended(cx, place)) else {
            return Poll::Ready(None);
        };
        let outputs = self.outputs.as_mut().expect(POLLED_AGAIN);
        let number = usize::try_from(ended.rank).expect("as many outputs fit into memory");
        let output = &mut outputs[number];
        *output = Some((self.settle)(ended.output));
        Poll::Ready(Some(output))
    }

    fn take_outputs(&mut self) -> impl Iterator<Item = Result<T, E>> + use<R, T, E> {
        let outputs = self.outputs.take().expect(POLLED_AGAIN);
        outputs.into_iter().map(|output| output.expect("each task has ended once"))
    }
}

const POLLED_AGAIN: &str = "a `gather` was polled after completion";

impl<T, E: From<JoinError> + 'static> Gather<Result<T, E>> {
    /// Merges the two ways to fail: the error that a task returns, and the [`JoinError`] of a task that
    /// panicked, or was cancelled or aborted.
    ///
    /// # Example
    ///
    /// ```
    /// use std::error::Error;
    /// use turnwise::{block_on, gather};
    ///
    /// async fn parse(text: &'static str) -> Result<i32, Box<dyn Error>> { Ok(text.parse()?) }
    ///
    /// block_on(async {
    ///     let numbers = gather(["1", "2"].map(parse)).flatten().first_error().await;
    ///     assert_eq!(numbers.unwrap(), [1, 2]);
    ///     let numbers = gather(["1", "two"].map(parse)).flatten().first_error().await;
    ///     assert_eq!(numbers.unwrap_err().to_string(), "invalid digit found in string");
    /// });
    /// ```
    pub fn flatten(self) -> Gather<Result<T, E>, T, E> {
        let Gather { set, outputs, .. } = self;
        let settle = |output: Result<Result<T, E>, JoinError>| {
            output.unwrap_or_else(|error| Err(error.into()))
        };
        let outputs =
            outputs.map(|outputs| outputs.into_iter().map(|output| output.map(settle)).collect());
        Gather { set, outputs, settle }
    }
}

impl<R, T, E> Future for Gather<R, T, E> {
    type Output = Vec<Result<T, E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while ready!(self.poll_one(cx)).is_some() {}
        Poll::Ready(self.take_outputs().collect())
    }
}

/// Outputs are moved, never pinned.
impl<R, T, E> Unpin for Gather<R, T, E> {}

impl<R, T, E> fmt::Debug for Gather<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("left", &self.set.len()).finish_non_exhaustive()
    }
}

/// The future of [`Gather::first_error`].
#[must_use = "dropping it aborts the tasks"]
pub struct FirstError<R: 'static, T = R, E = JoinError> {
    gather: Gather<R, T, E>,
}

impl<R, T, E> Future for FirstError<R, T, E> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let gather = &mut self.gather;
        while let Some(output) = ready!(gather.poll_one(cx)) {
            if let Some(Err(error)) = output.take_if(|output| output.is_err()) {
                gather.set.detach_all();
                gather.outputs = None;
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(gather.take_outputs().collect())
    }
}

/// Outputs are moved, never pinned.
impl<R, T, E> Unpin for FirstError<R, T, E> {}

impl<R, T, E> fmt::Debug for FirstError<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.gather, f)
    }
}

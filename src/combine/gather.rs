//! Gathering: spawned tasks whose outputs are returned in argument order.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::cancel::{Role, TaskRegion};
use crate::kernel::{Kernel, Place, current, drop_quietly};
use crate::report::TaskLabel;
use crate::task::{JoinError, JoinSet};
use crate::watch::Failures;

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
///   [`task::scope`](crate::task::scope()) cancels them then, and waits for their clean-ups;
///   [`join_all`](crate::join_all) spawns no tasks.
///
/// In asyncio's terms this is `gather(..., return_exceptions=True)`; with `first_error` it is `gather`
/// without `return_exceptions`. Unlike there, futures that are given twice are not merged, and the
/// cancellation of a child is only that child's failure.
///
/// # Cancel safety
///
/// While it is awaited, a cancel request that reaches it is passed on to the tasks, as by a scope: they are
/// cancelled, and when they have ended, including their clean-ups, the request continues outward, and the
/// outputs are dropped. That holds for `first_error` too, where asyncio does not wait for the others. The
/// exception: if a [`catch_cancel`](crate::task::catch_cancel) in a concurrent branch takes the request and
/// drops its `Cancelled` without resuming it, the outputs are returned.
///
/// Dropping the future, as the loser of a `select!` or by an [`abort`](crate::JoinHandle::abort), aborts the
/// tasks that have not finished, without a request: a drop cannot wait for clean-ups, and tasks that outlived
/// it would be detached.
///
/// If outputs are dropped instead of returned, each panic among them is
/// [reported](crate::scheduler::Builder::on_report), like that of a task whose handle was dropped.
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
    let outputs = GatherOutputs::new(kernel, place, set.len());
    let region = TaskRegion::at(Role::Gather, place);
    let (is_error, convert) = (Result::is_err, |output| output);
    Gather { outputs: Some(outputs), set, region, is_error, convert }
}

/// The future of [`gather`].
#[must_use = "dropping it aborts the tasks"]
pub struct Gather<R: 'static, T = R, E = JoinError> {
    // Before the set: the outputs of the tasks that ended first are dropped first.
    /// `None` after they were returned.
    outputs: Option<GatherOutputs<R>>,
    set: JoinSet<R>,
    region: TaskRegion,
    /// Returns whether `convert` will return an error.
    is_error: fn(&Result<R, JoinError>) -> bool,
    /// Converts a task's output to the one that is returned. It is called only then: a panic that is not returned must
    /// be reported, and an `E` does not show it.
    convert: fn(Result<R, JoinError>) -> Result<T, E>,
}

impl<R, T, E> Gather<R, T, E> {
    /// Returns all values, or the first failure as soon as it occurs. The tasks that have not finished by
    /// then continue, detached; if another one panics, that is reported.
    ///
    /// # Cancel safety
    ///
    /// As for [`gather`]: a cancel request is passed on to all tasks, and waits for them; dropping the future
    /// before it is ready aborts those that have not finished.
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
        FirstError { gather: self, first: None }
    }

    /// Passes a request from outside on to the tasks, and polls them. Pending until `poll` is ready; if a request ended
    /// them, until something has dealt with that.
    fn poll_tasks(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<()>,
    ) -> Poll<()> {
        let frame = self.region.begin_poll();
        if let Some(reason) = self.region.new_request() {
            self.set.cancel_all(&reason);
        }
        let is_pending = poll(self, cx).is_pending() || self.region.must_wait();
        self.region.end_poll(frame, is_pending, cx);
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while ready!(self.poll_one(cx)).is_some() {}
        Poll::Ready(())
    }

    /// Waits for the next task to finish, stores its output in its place, and returns the number of that; `None`
    /// if no task is left.
    fn poll_one(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let place = self.set.made_at();
        let Some(ended) = ready!(self.set.poll_next_ended(cx, place)) else {
            return Poll::Ready(None);
        };
        let outputs = self.outputs.as_mut().expect(POLLED_AGAIN);
        let number = usize::try_from(ended.rank).expect("as many outputs fit into memory");
        outputs.list[number] = Some(ended.output);
        Poll::Ready(Some(number))
    }

    /// Returns whether the task with this number has ended with an error.
    fn has_failed(&self, number: usize) -> bool {
        let output = self.outputs.as_ref().and_then(|outputs| outputs.list[number].as_ref());
        output.is_some_and(self.is_error)
    }

    /// Returns the outputs.
    fn take_outputs<C: FromIterator<Result<T, E>>>(&mut self) -> C {
        let mut outputs = self.outputs.take().expect(POLLED_AGAIN);
        (0..outputs.list.len()).map(|number| (self.convert)(outputs.take(number))).collect()
    }

    /// Returns the error of the task with this number. The other tasks continue; nothing will read their outputs.
    fn take_error(&mut self, number: usize) -> E {
        let mut outputs = self.outputs.take().expect(POLLED_AGAIN);
        let output = outputs.take(number);
        drop(outputs);
        self.set.detach_all();
        (self.convert)(output).err().expect("it is an error, converted or not")
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
        let Gather { outputs, set, region, .. } = self;
        let is_error = |output: &Result<Result<T, E>, JoinError>| !matches!(output, Ok(Ok(_)));
        let convert = |output: Result<Result<T, E>, JoinError>| output?;
        Gather { outputs, set, region, is_error, convert }
    }
}

impl<R, T, E> Future for Gather<R, T, E> {
    type Output = Vec<Result<T, E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.poll_tasks(cx, Self::poll_all));
        Poll::Ready(self.take_outputs())
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
    /// The number of the task that failed first. Its error is returned immediately, unless a request from outside
    /// waits for all tasks.
    first: Option<usize>,
}

impl<R, T, E> FirstError<R, T, E> {
    fn poll_ended(
        gather: &mut Gather<R, T, E>,
        first: &mut Option<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while first.is_none() || gather.region.is_asked() {
            let Some(number) = ready!(gather.poll_one(cx)) else { break };
            if first.is_none() && gather.has_failed(number) {
                *first = Some(number);
            }
        }
        Poll::Ready(())
    }
}

impl<R, T, E> Future for FirstError<R, T, E> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let FirstError { gather, first } = &mut *self;
        ready!(gather.poll_tasks(cx, |gather, cx| FirstError::poll_ended(gather, first, cx)));
        Poll::Ready(match first.take() {
            Some(number) => Err(gather.take_error(number)),
            None => gather.take_outputs(),
        })
    }
}

/// Outputs are moved, never pinned.
impl<R, T, E> Unpin for FirstError<R, T, E> {}

impl<R, T, E> fmt::Debug for FirstError<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.gather, f)
    }
}

/// The outputs of the tasks, until they are returned. If this is dropped before that, the panics in it are reported:
/// the tasks have handed them over, so nothing else does that.
struct GatherOutputs<R> {
    kernel: Rc<Kernel>,
    spawned_at: Place,
    /// In the order of the futures. `None` until the task has ended, and after its output was taken out.
    list: Vec<Option<Result<R, JoinError>>>,
}

impl<R> GatherOutputs<R> {
    fn new(kernel: Rc<Kernel>, spawned_at: Place, len: usize) -> Self {
        let mut list = Vec::new();
        list.resize_with(len, || None);
        GatherOutputs { kernel, spawned_at, list }
    }

    fn take(&mut self, number: usize) -> Result<R, JoinError> {
        self.list[number].take().expect("each task has ended once")
    }

    fn report(&self, error: &JoinError) {
        if error.is_panic()
            && let Some(failures) = self.kernel.part::<Failures>()
        {
            let task =
                TaskLabel { id: error.id(), name: None, is_root: false, is_elsewhere: false };
            let message = error.message().map(Arc::from);
            failures.unread_panic(&self.kernel, (task, self.spawned_at), message);
        }
    }
}

impl<R> Drop for GatherOutputs<R> {
    fn drop(&mut self) {
        for output in std::mem::take(&mut self.list).into_iter().flatten() {
            if let Err(error) = &output {
                self.report(error);
            }
            drop_quietly(output);
        }
    }
}

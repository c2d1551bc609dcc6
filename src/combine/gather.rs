//! Gathering: tasks whose outputs are returned in the order in which they were given.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::cancel::{Role, TaskRegion};
use crate::combine::gathered::{GatheredTasks, GivenTasks};
use crate::combine::task_output::TaskOutput;
use crate::combine::task_result::{Gatherable, TaskResult, flatten, has_failed};
use crate::kernel::{Place, current};
use crate::limits::poll_at_once;
use crate::task::{FromJoinError, JoinError, JoinHandle, JoinSet};

/// Spawns a task for each future, waits until all have finished, and returns their outputs in the order in
/// which the futures were given, failures included.
///
/// The tasks are spawned by this call, in that order, and run whether or not the result is awaited. The
/// output of a task that panics, or is cancelled or aborted, is a [`JoinError`]; the other tasks are not
/// affected.
///
/// * [`first_error`](Gather::first_error) is for tasks that return a `Result`: it returns the first error, or panic,
///   as soon as it occurs; the other tasks continue. [`first_failure`](Gather::first_failure) is for all outputs.
/// * [`flatten`](Gather::flatten) merges the error of a task that returns a `Result` with its [`JoinError`].
/// * [`gather_handles`] gathers tasks that are already spawned.
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
/// # Handles
///
/// The handle of a task is a future, too, but the compiler refuses it here: the task that this would spawn around it is
/// not the one to cancel or abort. [`gather_handles`] is for handles.
///
/// ```compile_fail,E0283
/// use turnwise::{block_on, gather, spawn};
///
/// block_on(async { gather([spawn(async { 1 })]).await });
/// ```
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
pub fn gather<I, R, How>(futures: I) -> Gather<R>
where
    I: IntoIterator<Item: Gatherable<How> + IntoFuture<Output = R, IntoFuture: 'static>>,
    R: 'static,
{
    let kernel = current()
        .expect("`gather` needs a running scheduler: call it inside `block_on`, or use `join_all`");
    let place = Location::caller();
    let mut set = JoinSet::of_kind("gather", place);
    for future in futures {
        set.spawn_in(kernel.clone(), future.into_future(), place);
    }
    Gather::of(GatheredTasks::Spawned { kernel, set }, place)
}

/// Gathers tasks that are already spawned: waits until all have finished, and returns their outputs in the order in
/// which the handles were given, failures included.
///
/// The tasks are now those of the [`Gather`], as if [`gather`] had spawned them. A cancel request that reaches it is
/// passed on to them, and it waits for their clean-ups; dropping it aborts those that have not finished. Its other
/// methods are the same, too. The tasks may be those of several schedulers of this thread.
///
/// The tasks of more than thirty handles are waited for through wakers, as by [`join_all`](crate::join_all): if none of
/// them can ever end, that is reported as a possible deadlock, not as a certain one.
///
/// To leave the tasks alone if the wait ends early, use [`wait`](crate::wait), or
/// [`join_all`](crate::join_all) of the handles.
///
/// # Cancel safety
///
/// As for [`gather`].
///
/// # Panics
///
/// The future panics if it is polled again after it has completed.
///
/// # Example
///
/// ```
/// use std::{future::pending, time::Duration};
/// use turnwise::{Scheduler, gather_handles, sleep, spawn, task};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let after = |seconds| async move { sleep(Duration::from_secs(seconds)).await; seconds };
///     let first = task::Builder::new().name("first").spawn(after(2));
///     let outputs = gather_handles([first, spawn(after(1))]).await;
///     assert_eq!(outputs.into_iter().collect::<Result<Vec<_>, _>>()?, [2, 1]);
///
///     let endless = spawn(pending::<()>());
///     let abort = endless.abort_handle();
///     drop(gather_handles([endless]));
///     turnwise::yield_now().await;
///     assert!(abort.is_finished());
///     Ok::<(), turnwise::JoinError>(())
/// })?;
/// # Ok::<(), turnwise::JoinError>(())
/// ```
#[track_caller]
#[doc(alias = "gather")]
pub fn gather_handles<R: 'static>(handles: impl IntoIterator<Item = JoinHandle<R>>) -> Gather<R> {
    Gather::of(GatheredTasks::Given(GivenTasks::new(handles)), Location::caller())
}

/// The future of [`gather`] and [`gather_handles`].
#[must_use = "dropping it aborts the tasks"]
pub struct Gather<R: 'static, T = R, E = JoinError> {
    // Before the tasks: the outputs of those that ended first are dropped first.
    /// In the order in which the tasks were given; `None` where one has not ended. `None` after they were returned.
    outputs: Option<Vec<Option<TaskOutput<R>>>>,
    tasks: GatheredTasks<R>,
    region: TaskRegion,
    /// Converts a task's output to the one that is returned. It is called only then: a panic that is not returned must
    /// be reported, and an `E` does not show it.
    convert: fn(Result<R, JoinError>) -> Result<T, E>,
}

impl<R> Gather<R> {
    fn of(tasks: GatheredTasks<R>, place: Place) -> Self {
        let mut outputs = Vec::new();
        outputs.resize_with(tasks.len(), || None);
        let region = TaskRegion::at(Role::Gather, place);
        Gather { outputs: Some(outputs), tasks, region, convert: |output| output }
    }

    /// Returns all outputs, or the first failure as soon as it occurs: that of a task that panicked, or was cancelled
    /// or aborted. The tasks that have not finished by then continue, detached; if another one panics, that is
    /// reported.
    ///
    /// A task that returns an `Err` has not failed in this sense; for such tasks there is
    /// [`first_error`](Gather::first_error).
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
    ///     let values = gather([1, 2, 3].map(|number| async move { number * 10 })).first_failure().await;
    ///     assert_eq!(values.unwrap(), [10, 20, 30]);
    ///
    ///     let failed = gather([1, 2, 3].map(|number| async move { assert_ne!(number, 2); }));
    ///     assert!(failed.first_failure().await.unwrap_err().is_panic());
    /// });
    /// ```
    #[doc(alias = "return_exceptions")]
    pub fn first_failure(self) -> FirstError<R> {
        FirstError { gather: self, is_error: Result::is_err, first: None }
    }
}

impl<R, T, E> Gather<R, T, E> {
    /// Returns the values of all tasks, or the first error as soon as it occurs: one that a task returns, or the
    /// [`JoinError`] of a task that panicked, or was cancelled or aborted. The tasks that have not finished by then
    /// continue, detached; if another one panics, that is reported.
    ///
    /// For tasks that do not return a `Result`, or whose errors cannot be made from a `JoinError`, there is
    /// [`first_failure`](Gather::first_failure).
    ///
    /// # Cancel safety
    ///
    /// As for [`first_failure`](Gather::first_failure).
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
    ///     let numbers = gather(["1", "2"].map(parse)).first_error().await;
    ///     assert_eq!(numbers.unwrap(), [1, 2]);
    ///     let numbers = gather(["1", "two"].map(parse)).first_error().await;
    ///     assert_eq!(numbers.unwrap_err().to_string(), "invalid digit found in string");
    /// });
    /// ```
    #[doc(alias = "return_exceptions")]
    pub fn first_error<V, X: FromJoinError>(self) -> FirstError<R, V, X>
    where
        R: TaskResult<Value = V, Error = X>,
    {
        FirstError { gather: self.flatten(), is_error: has_failed, first: None }
    }

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
    ///     let numbers = gather(["1", "two"].map(parse)).flatten().await;
    ///     assert_eq!(*numbers[0].as_ref().unwrap(), 1);
    ///     assert_eq!(numbers[1].as_ref().unwrap_err().to_string(), "invalid digit found in string");
    /// });
    /// ```
    pub fn flatten<V, X: FromJoinError>(self) -> Gather<R, V, X>
    where
        R: TaskResult<Value = V, Error = X>,
    {
        let Gather { outputs, tasks, region, .. } = self;
        Gather { outputs, tasks, region, convert: flatten }
    }

    /// Passes a request from outside on to the tasks, and polls them. Pending until `poll` is ready; if a request ended
    /// them, until something has dealt with that.
    fn poll_tasks(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<()>,
    ) -> Poll<()> {
        if self.outputs.as_ref().is_some_and(Vec::is_empty) {
            ready!(poll_at_once(cx));
        }
        let frame = self.region.begin_poll();
        if let Some(reason) = self.region.new_request() {
            self.tasks.cancel_all(&reason);
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
        let Some((number, output)) = ready!(self.tasks.poll_next(cx)) else {
            return Poll::Ready(None);
        };
        let outputs = self.outputs.as_mut().expect(POLLED_AGAIN);
        outputs[number] = Some(output);
        Poll::Ready(Some(number))
    }

    /// Returns the output of the task with this number, if it has ended.
    fn output(&self, number: usize) -> Option<&Result<R, JoinError>> {
        self.outputs.as_ref()?[number].as_ref()?.output()
    }

    /// Returns the outputs.
    fn take_outputs<C: FromIterator<Result<T, E>>>(&mut self) -> C {
        let outputs = self.outputs.take().expect(POLLED_AGAIN).into_iter();
        let ended = outputs.map(|output| output.expect("each task has ended once"));
        ended.map(|output| (self.convert)(output.into_output())).collect()
    }

    /// Returns the error of the task with this number. The other tasks continue; nothing will read their outputs.
    fn take_error(&mut self, number: usize) -> E {
        let mut outputs = self.outputs.take().expect(POLLED_AGAIN);
        let output = outputs[number].take().expect("it has ended with an error");
        drop(outputs);
        self.tasks.detach_all();
        (self.convert)(output.into_output()).err().expect("it is an error, converted or not")
    }
}

const POLLED_AGAIN: &str = "a `gather` was polled after completion";

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
        f.debug_struct("Gather").field("left", &self.tasks.len()).finish_non_exhaustive()
    }
}

/// The future of [`Gather::first_error`] and [`Gather::first_failure`].
#[must_use = "dropping it aborts the tasks"]
pub struct FirstError<R: 'static, T = R, E = JoinError> {
    gather: Gather<R, T, E>,
    /// Returns whether this output is converted to an error.
    is_error: fn(&Result<R, JoinError>) -> bool,
    /// The number of the task that failed first. Its error is returned immediately, unless a request from outside
    /// waits for all tasks.
    first: Option<usize>,
}

impl<R, T, E> Future for FirstError<R, T, E> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let FirstError { gather, is_error, first } = &mut *self;
        ready!(gather.poll_tasks(cx, |gather, cx| {
            while first.is_none() || gather.region.is_asked() {
                let Some(number) = ready!(gather.poll_one(cx)) else { break };
                if first.is_none() && gather.output(number).is_some_and(*is_error) {
                    *first = Some(number);
                }
            }
            Poll::Ready(())
        }));
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

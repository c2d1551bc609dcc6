//! Waiting for tasks until enough of them have finished.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::combine::group::FutureGroup;
use crate::combine::task_output::{Given, TaskOutput};
use crate::combine::task_result::{TaskResult, has_failed};
use crate::kernel::TaskId;
use crate::task::{JoinError, JoinHandle};
use crate::time::{Sleep, sleep};

/// Waits until all tasks have finished or, if so configured, until the first has finished, the first has
/// failed, or a timeout has expired. Returns the outputs of the finished tasks, and the handles of the
/// others, which continue. Without any handle it is ready immediately.
///
/// # Cancel safety
///
/// Dropping the future drops the handles, which detaches the tasks, and the outputs that it has received;
/// failures among these are reported like those of other tasks whose handles are dropped. A cancel request goes to
/// the waiting task, not to the tasks that it waits for. The timeout does not cancel them either.
///
/// # Panics
///
/// If it is polled again after it has completed.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, combine::Done, sleep, spawn, wait};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let after = |seconds| async move { sleep(Duration::from_secs(seconds)).await; seconds };
///     let handles = [3, 1, 2].map(|seconds| spawn(after(seconds)));
///
///     let Done { done, pending } = wait(handles).first_completed().await;
///     assert_eq!(done.len(), 1);
///     assert_eq!(*done[0].1.as_ref().unwrap(), 1);
///
///     let Done { done, pending } = wait(pending).timeout(Duration::from_millis(1500)).await;
///     assert_eq!(*done[0].1.as_ref().unwrap(), 2);
///     for handle in pending {
///         assert_eq!(handle.await.unwrap(), 3);
///     }
/// });
/// ```
pub fn wait<T: 'static>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> Wait<T> {
    let handles = handles.into_iter().map(|handle| Identified(Given(handle)));
    Wait {
        group: FutureGroup::new(handles),
        done: Some(Vec::new()),
        until: WaitMode::All,
        timeout: None,
    }
}

/// The future of [`wait`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Wait<T: 'static> {
    group: FutureGroup<Identified<T>>,
    /// `None` after they were returned.
    done: Option<Vec<(TaskId, TaskOutput<T>)>>,
    until: WaitMode<T>,
    timeout: Option<Sleep>,
}

/// A handle whose output includes the id of its task.
struct Identified<T: 'static>(Given<T>);

impl<T: 'static> Future for Identified<T> {
    type Output = (TaskId, TaskOutput<T>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.0.0.id();
        Pin::new(&mut self.0).poll(cx).map(|output| (id, output))
    }
}

enum WaitMode<T> {
    All,
    Completed,
    /// A task that has failed, in the sense of the function.
    Failed(fn(&Result<T, JoinError>) -> bool),
    /// An output for which the test is true.
    Fits(Box<Test<T>>),
}

type Test<T> = dyn FnMut(&Result<T, JoinError>) -> bool;

/// The result of a [`wait`]: finished tasks and pending ones.
#[derive(Debug)]
#[must_use = "it holds the handles of the tasks that have not finished"]
pub struct Done<T> {
    /// The finished tasks, in the order in which they finished: the id, and the output or the reason why
    /// there is none.
    pub done: Vec<(TaskId, Result<T, JoinError>)>,
    /// The handles of the others, in the order in which they were given.
    pub pending: Vec<JoinHandle<T>>,
}

impl<T> Wait<T> {
    /// Waits until all tasks have finished. This is the default.
    #[doc(alias = "ALL_COMPLETED")]
    pub fn all(mut self) -> Self {
        self.until = WaitMode::All;
        self
    }

    /// Waits only until the first task has finished. All tasks that have finished by then are in
    /// [`Done::done`].
    #[doc(alias = "FIRST_COMPLETED")]
    pub fn first_completed(mut self) -> Self {
        self.until = WaitMode::Completed;
        self
    }

    /// Waits only until the first task has panicked, or was cancelled or aborted. If none fails, waits for
    /// all.
    ///
    /// A task that returns an `Err` has not failed in this sense; for such tasks there is
    /// [`first_error`](Wait::first_error).
    #[doc(alias = "FIRST_EXCEPTION")]
    pub fn first_failure(mut self) -> Self {
        self.until = WaitMode::Failed(Result::is_err);
        self
    }

    /// Waits only until the first task has returned an `Err`, has panicked, or was cancelled or aborted. If none
    /// fails, waits for all.
    ///
    /// This is for tasks that return a `Result`; for others there is [`first_failure`](Wait::first_failure).
    ///
    /// # Example
    ///
    /// ```
    /// use std::{future::pending, io};
    /// use turnwise::{block_on, spawn, wait};
    ///
    /// block_on(async {
    ///     let fails = spawn(async { Err::<(), _>(io::Error::other("the cable is broken")) });
    ///     let waits = spawn(pending());
    ///     let ended = wait([fails, waits]).first_error().await;
    ///     assert_eq!((ended.done.len(), ended.pending.len()), (1, 1));
    /// });
    /// ```
    #[doc(alias = "FIRST_EXCEPTION")]
    pub fn first_error(mut self) -> Self
    where
        T: TaskResult,
    {
        self.until = WaitMode::Failed(has_failed);
        self
    }

    /// Waits only until there is an output for which `fits` returns `true`. If there is none, waits for all.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, spawn, wait};
    ///
    /// block_on(async {
    ///     let handles = [spawn(async { 3 }), spawn(async { 8 }), spawn(pending())];
    ///     let ended = wait(handles).until(|output| matches!(output, Ok(5..))).await;
    ///     assert_eq!((ended.done.len(), ended.pending.len()), (2, 1));
    /// });
    /// ```
    pub fn until(mut self, fits: impl FnMut(&Result<T, JoinError>) -> bool + 'static) -> Self {
        self.until = WaitMode::Fits(Box::new(fits));
        self
    }

    /// Waits no longer than this, counted from this call. A task that finishes in the turn in which the
    /// timeout expires counts as done.
    ///
    /// # Panics
    ///
    /// The future panics if it is first polled outside of a running scheduler.
    #[track_caller]
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.timeout = Some(sleep(duration));
        self
    }
}

impl<T> Future for Wait<T> {
    type Output = Done<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { group, done, until, timeout } = &mut *self;
        let all = done.as_mut().expect("a `wait` was polled after completion");
        let ended = ready!(group.poll_together(cx));
        let mut is_over = group.left() == 0;
        for (_, (id, output)) in ended {
            is_over |= output.output().is_some_and(|output| until.is_met(output));
            all.push((id, output));
        }
        if !is_over && let Some(timeout) = timeout {
            is_over = Pin::new(timeout).poll(cx).is_ready();
        }
        if !is_over {
            return Poll::Pending;
        }
        *timeout = None;
        let pending = group.take_remaining().into_iter().map(|handle| handle.0.0).collect();
        let done = done.take().unwrap_or_default().into_iter();
        let done = done.map(|(id, output)| (id, output.into_output())).collect();
        Poll::Ready(Done { done, pending })
    }
}

impl<T> WaitMode<T> {
    fn is_met(&mut self, output: &Result<T, JoinError>) -> bool {
        match self {
            WaitMode::All => false,
            WaitMode::Completed => true,
            WaitMode::Failed(has_failed) => has_failed(output),
            WaitMode::Fits(fits) => fits(output),
        }
    }
}

/// Handles and outputs are moved, never pinned.
impl<T> Unpin for Wait<T> {}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wait = f.debug_struct("Wait");
        wait.field("left", &self.group.left()).field("timeout", &self.timeout);
        wait.finish_non_exhaustive()
    }
}

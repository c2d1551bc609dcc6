//! The future of `try_spawn`: records an `Err`, so that it is reported if it is never read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::kernel::{Failure, Target, TaskKey, find};
use crate::watch::record_error;

pin_project! {
    /// A task's future, whose `Err` counts as a failure.
    pub(crate) struct Fallible<F> {
        #[pin]
        future: F,
    }
}

impl<F> Fallible<F> {
    pub(crate) fn new(future: F) -> Self {
        Fallible { future }
    }
}

impl<F, T, E> Future for Fallible<F>
where
    F: Future<Output = Result<T, E>>,
    T: 'static,
    E: fmt::Debug + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let poll = self.project().future.poll(cx);
        if let Poll::Ready(Err(_)) = poll
            && let Some(task) = TaskKey::current()
            && let Some(kernel) = find(task.scheduler)
        {
            // The error is formatted only if it is never read. Its type is known only here: the task is type-erased.
            record_error(&kernel, task, explain::<T, E>);
        }
        poll
    }
}

/// Takes the error out of a finished task, and formats it.
fn explain<T: 'static, E: fmt::Debug + 'static>(task: Pin<&mut dyn Target>) -> String {
    let mut output: Option<Result<Result<T, E>, Failure>> = None;
    task.take(&mut output);
    match output {
        Some(Ok(Err(error))) => format!("{error:?}"),
        _ => unreachable!("the task has ended with an error"),
    }
}

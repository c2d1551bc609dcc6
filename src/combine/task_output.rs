//! The output of a task that a `gather` has received, until it returns it.

use std::future::Ready;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::kernel::{Kernel, Place, Target, Task, drop_quietly};
use crate::report::TaskLabel;
use crate::task::{JoinError, JoinHandle};
use crate::watch::Unread;

/// The output of a task. If this is dropped before it is returned, a failure in it is reported: the task has handed it
/// over, so nothing else does that.
pub(super) struct TaskOutput<R: 'static> {
    /// `None` once it is returned.
    output: Option<Result<R, JoinError>>,
    /// If it is a failure that must be reported.
    unread: Option<Box<Unread>>,
}

impl<R: 'static> TaskOutput<R> {
    /// Creates that of a task without a name that was spawned here.
    pub(super) fn of_spawned(
        kernel: &Rc<Kernel>,
        place: Place,
        output: Result<R, JoinError>,
    ) -> Self {
        let panicked = output.as_ref().err().filter(|error| error.has_panicked());
        let unread = panicked
            .map(|error| Box::new(Unread::panic(kernel, TaskLabel::new(error.id(), None), place)));
        TaskOutput { output: Some(output), unread }
    }

    pub(super) fn output(&self) -> Option<&Result<R, JoinError>> {
        self.output.as_ref()
    }

    /// Returns the output, so that nothing is reported.
    pub(super) fn into_output(mut self) -> Result<R, JoinError> {
        self.unread = None;
        self.output.take().expect("an output is returned once")
    }
}

impl<R: 'static> Drop for TaskOutput<R> {
    fn drop(&mut self) {
        let Some(output) = self.output.take() else { return };
        match (self.unread.take(), output) {
            // Unless the function of an `until` has looked at it.
            (Some(unread), Err(error)) if !error.was_read() => {
                unread.report_panic(error.message());
                drop_quietly(error);
            }
            (Some(unread), Ok(error)) => {
                // The same as what the task left in its slot, so that the same function explains it.
                let mut left = pin!(Task::<Ready<R>>::Done { output: Ok(error) });
                unread.report_error(left.as_mut());
                left.clear();
            }
            (_, output) => drop_quietly(output),
        }
    }
}

/// A task that was spawned elsewhere, whose handle a `gather` has. Its output is a [`TaskOutput`].
pub(super) struct Given<R: 'static>(pub(super) JoinHandle<R>);

impl<R: 'static> Future for Given<R> {
    type Output = TaskOutput<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskOutput<R>> {
        let unread = self.0.unread().map(Box::new); // Before the task is gone.
        let output = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(TaskOutput { output: Some(output), unread })
    }
}

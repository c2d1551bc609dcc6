//! The tasks of a `gather`: those that it has spawned, or those whose handles it was given.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::cancel::Reason;
use crate::combine::group::FutureGroup;
use crate::combine::task_output::{Given, TaskOutput};
use crate::kernel::Kernel;
use crate::task::{JoinHandle, JoinSet};

/// Tasks that are aborted when this is dropped, numbered in the order in which they were given.
pub(super) enum GatheredTasks<R: 'static> {
    Spawned { kernel: Rc<Kernel>, set: JoinSet<R> },
    Given(GivenTasks<R>),
}

/// Tasks that were spawned elsewhere. They are joined by their handles, as others are, since nothing can be put around
/// their futures any more.
pub(super) struct GivenTasks<R: 'static> {
    group: FutureGroup<Given<R>>,
    /// Those that have ended and were not returned yet, in the order in which they have ended.
    ended: VecDeque<(usize, TaskOutput<R>)>,
}

impl<R: 'static> GatheredTasks<R> {
    /// Returns how many have not ended, or were not returned yet.
    pub(super) fn len(&self) -> usize {
        match self {
            GatheredTasks::Spawned { set, .. } => set.len(),
            GatheredTasks::Given(tasks) => tasks.group.left() + tasks.ended.len(),
        }
    }

    /// Waits for the next task to end; `None` if there is none.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(usize, TaskOutput<R>)>> {
        match self {
            GatheredTasks::Spawned { kernel, set } => {
                let place = set.made_at();
                let ended = ready!(set.poll_next_ended(cx, place));
                Poll::Ready(ended.map(|ended| {
                    let number =
                        usize::try_from(ended.rank).expect("as many outputs fit into memory");
                    (number, TaskOutput::of_spawned(kernel, place, ended.output))
                }))
            }
            GatheredTasks::Given(tasks) => tasks.poll_next(cx),
        }
    }

    /// Requests cancellation of all tasks that have not ended.
    pub(super) fn cancel_all(&mut self, reason: &Reason) {
        match self {
            GatheredTasks::Spawned { set, .. } => set.cancel_all(reason),
            GatheredTasks::Given(tasks) => {
                tasks.group.for_each_left(|task| task.0.cancel_for(reason));
            }
        }
    }

    /// Detaches all tasks: they continue on their own.
    pub(super) fn detach_all(&mut self) {
        match self {
            GatheredTasks::Spawned { set, .. } => set.detach_all(),
            GatheredTasks::Given(tasks) => {
                tasks.ended.clear();
                drop(tasks.group.take_remaining());
            }
        }
    }
}

impl<R: 'static> GivenTasks<R> {
    pub(super) fn new(handles: impl IntoIterator<Item = JoinHandle<R>>) -> Self {
        let group = FutureGroup::new(handles.into_iter().map(Given));
        GivenTasks { group, ended: VecDeque::new() }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, TaskOutput<R>)>> {
        if self.ended.is_empty() && self.group.left() > 0 {
            self.ended.extend(ready!(self.group.poll_together(cx)));
            if self.ended.is_empty() {
                return Poll::Pending;
            }
        }
        Poll::Ready(self.ended.pop_front())
    }
}

impl<R: 'static> Drop for GivenTasks<R> {
    fn drop(&mut self) {
        let left = self.group.take_remaining();
        left.iter().for_each(|task| task.0.abort());
        self.ended.clear();
    }
}

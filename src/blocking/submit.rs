//! Submitting to a full queue: waiting for a slot.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::blocking::error::JobRefusal;
use crate::blocking::handle::BlockingHandle;
use crate::blocking::job::PoolJob;
use crate::blocking::queue::EnterOutcome;
use crate::blocking::threads::Threads;
use crate::blocking::work::Work;
use crate::limits::{Limited, poll_limited};

/// The future of [`ThreadPool::submit_async`](crate::ThreadPool::submit_async).
#[must_use = "a future does nothing until it is awaited"]
pub struct Submitting<'a, F, T> {
    threads: &'a Arc<Threads>,
    place: &'static Location<'static>,
    stage: SubmitStage<F, T>,
}

enum SubmitStage<F, T> {
    Created(F),
    /// The job with this number waits for a slot.
    Waiting(u64, BlockingHandle<T>),
    Done,
}

impl<'a, F, T> Submitting<'a, F, T> {
    pub(super) fn new(
        threads: &'a Arc<Threads>,
        place: &'static Location<'static>,
        job: F,
    ) -> Self {
        Submitting { threads, place, stage: SubmitStage::Created(job) }
    }

    /// The wait of a job that is queued for a slot already.
    pub(super) fn in_line(
        threads: &'a Arc<Threads>,
        number: u64,
        handle: BlockingHandle<T>,
    ) -> Self {
        let place = handle.place();
        Submitting { threads, place, stage: SubmitStage::Waiting(number, handle) }
    }
}

/// Nothing in it is pinned: the closure is moved into its job.
impl<F, T> Unpin for Submitting<'_, F, T> {}

impl<F, T> Future for Submitting<'_, F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = BlockingHandle<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BlockingHandle<T>> {
        poll_limited(&mut *self, cx)
    }
}

impl<F, T> Limited for &mut Submitting<'_, F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = BlockingHandle<T>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<BlockingHandle<T>> {
        let (number, handle) = match mem::replace(&mut self.stage, SubmitStage::Done) {
            SubmitStage::Created(closure) => {
                let job = PoolJob::new(self.threads, (None, self.place), closure);
                let handle = BlockingHandle::new(Arc::clone(&job));
                match self.threads.enter(Arc::clone(&job) as Arc<dyn Work>, true) {
                    EnterOutcome::HasSlot(_) => return Poll::Ready(handle),
                    EnterOutcome::Closed | EnterOutcome::Full => {
                        job.refuse(JobRefusal::Closed);
                        return Poll::Ready(handle);
                    }
                    EnterOutcome::Waits => (job.number(), handle),
                }
            }
            SubmitStage::Waiting(number, handle) => (number, handle),
            SubmitStage::Done => panic!("`ThreadPool::submit_async` was polled after completion"),
        };
        // Checked again after the registration: a slot may have been granted in between.
        if self.threads.is_waiting(number) && handle.wake_me(cx) && self.threads.is_waiting(number)
        {
            self.stage = SubmitStage::Waiting(number, handle);
            return Poll::Pending;
        }
        handle.forget_me();
        Poll::Ready(handle)
    }
}

impl<F, T> Drop for Submitting<'_, F, T> {
    fn drop(&mut self) {
        if let SubmitStage::Waiting(_, handle) = &self.stage {
            handle.abort();
        }
    }
}

impl<F, T> fmt::Debug for Submitting<'_, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitting").field("place", &self.place).finish_non_exhaustive()
    }
}

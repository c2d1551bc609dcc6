//! The handle of a job: awaited, waited for, or left with a callback.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::blocking::error::BlockingError;
use crate::blocking::job::{PoolJob, call};
use crate::blocking::work::JobOutput;
use crate::cancel::mask;
use crate::kernel::current;
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::task::{JoinHandle, spawn};
use crate::wait_here::wait_here;

/// The handle of a blocking job: await it, on any executor and any thread, for what the job returns.
///
/// Dropping it detaches the job, which goes on by itself: its result is dropped on its thread, and nobody is woken.
///
/// # Cancel safety
///
/// A handle that is polled by reference and given up can be awaited again later. Whatever becomes of the wait,
/// the job goes on.
///
/// # Panics
///
/// If it is polled again after it was ready.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn_blocking};
///
/// block_on(async {
///     assert_eq!(spawn_blocking(|| 6 * 7).await?, 42);
///
///     let failed = spawn_blocking(|| { if true { panic!("a bug") } });
///     assert!(failed.await.unwrap_err().is_panic());
///     Ok::<(), turnwise::blocking::BlockingError>(())
/// })?;
/// # Ok::<(), turnwise::blocking::BlockingError>(())
/// ```
#[doc(alias = "Future")]
#[must_use = "dropping it detaches the job; its result and its panic are lost"]
pub struct BlockingHandle<T> {
    job: Arc<dyn JobOutput<T>>,
}

impl<T: Send + 'static> BlockingHandle<T> {
    pub(super) fn new<F>(job: Arc<PoolJob<F, T>>) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
    {
        BlockingHandle { job }
    }
}

impl<T> BlockingHandle<T> {
    /// Blocks this thread until the job is over, and returns what it returned.
    ///
    /// In a task this blocks the scheduler and all its tasks: await the handle there. If the job needs one of those
    /// tasks to go on, both wait for ever, and nobody can say so.
    ///
    /// # Errors
    ///
    /// [`BlockingError`] if the job panicked, or was never begun.
    ///
    /// # Example
    ///
    /// ```
    /// let pool = turnwise::ThreadPool::new(1);
    /// assert_eq!(pool.submit(|| 2 + 3).wait()?, 5);
    /// # Ok::<(), turnwise::blocking::BlockingError>(())
    /// ```
    #[doc(alias = "result")]
    #[doc(alias = "join")]
    pub fn wait(mut self) -> Result<T, BlockingError> {
        struct Waiting<'a, T>(&'a mut BlockingHandle<T>);
        impl<T> Future for Waiting<'_, T> {
            type Output = Result<T, BlockingError>;
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll_now(cx)
            }
        }
        // Not the poll of the handle itself: what a budget counts is what is awaited.
        wait_here(Waiting(&mut self))
    }

    /// Calls this with the result: on the thread of the scheduler that runs here, or, if none does, on that of the job.
    ///
    /// *With a scheduler* the callback is a task of it, on a later turn, even if the job is over already. So it is dropped
    /// uncalled if that scheduler is dropped before the job is over, as that of a free [`block_on`](crate::block_on) is;
    /// a [`shutdown`](crate::Scheduler::shutdown) waits for it, within its grace.
    /// [`on_done_local`](BlockingHandle::on_done_local) has more to say about that, and takes what is not `Send`.
    ///
    /// *Without one* it is called as the end of the job; or here and now, if the job is over. Of a job that is never
    /// begun, whoever says so makes the call. A panic of the callback is printed, and hurts nobody else.
    ///
    /// # Panics
    ///
    /// If the handle was polled to its end before: with a scheduler in the task, and else here.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use turnwise::{Scheduler, spawn_blocking};
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let tell = move |result: Result<i32, _>| sender.send((result.unwrap(), thread::current().id())).unwrap();
    /// let here = thread::current().id();
    ///
    /// spawn_blocking(|| 2 + 3).on_done(tell.clone());
    /// assert!(receiver.recv()? != (5, here));
    ///
    /// let scheduler = Scheduler::new();
    /// scheduler.spawn(async { spawn_blocking(|| 2 + 3).on_done(tell) });
    /// scheduler.run()?;
    /// assert!(receiver.recv()? == (5, here));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    #[doc(alias = "add_done_callback")]
    pub fn on_done(self, callback: impl FnOnce(Result<T, BlockingError>) + Send + 'static)
    where
        T: 'static,
    {
        if current().is_some() {
            drop(self.on_done_local(callback));
        } else if let Some((callback, outcome)) = self.job.then(Box::new(callback)) {
            call(callback, outcome);
        }
    }

    /// Calls this with the result, on this thread: as a task of the scheduler that runs here, on a later turn, even
    /// if the job is over already.
    ///
    /// The callback need not be `Send`. Callbacks are called in the order in which the jobs end; those of jobs that have
    /// ended by the next turn, in the order in which they were registered. A request to end, as by a shutdown, waits until
    /// the callback was called, as in a [`mask`]. Else it is a task like any other: the returned handle can be
    /// awaited, aborted, or dropped; [`Scheduler::run`](crate::Scheduler::run) waits for it; and
    /// a free [`block_on`](crate::block_on), which does not, drops it.
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler, where [`on_done`](BlockingHandle::on_done) works. In its task, if the handle was
    /// polled to its end before.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use turnwise::{Scheduler, spawn_blocking};
    ///
    /// let got = Rc::new(Cell::new(0));
    /// let scheduler = Scheduler::new();
    /// let seen = Rc::clone(&got); // stays on this thread
    /// scheduler.spawn(async move {
    ///     let called = spawn_blocking(|| 2 + 3).on_done_local(move |result| seen.set(result.unwrap()));
    ///     called.await
    /// });
    /// scheduler.run()?;
    /// assert_eq!(got.get(), 5);
    /// # Ok::<(), turnwise::RunError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "add_done_callback")]
    pub fn on_done_local(
        self,
        callback: impl FnOnce(Result<T, BlockingError>) + 'static,
    ) -> JoinHandle<()>
    where
        T: 'static,
    {
        assert!(
            current().is_some(),
            "`on_done_local` calls back on the thread of a running scheduler, and there is none: use `on_done`"
        );
        spawn(async move { callback(mask(self).await) })
    }

    /// Drops the job if it has not begun: whoever waits for it gets an error, and its place in the queue is free.
    /// Returns whether that was in time; a closure that runs cannot be ended.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (go, wait) = mpsc::channel::<()>();
    /// let pool = turnwise::ThreadPool::new(1);
    /// let first = pool.submit(move || wait.recv());
    /// let second = pool.submit(|| ());
    /// assert!(second.abort());
    /// assert!(second.wait().unwrap_err().is_cancelled());
    /// go.send(()).unwrap();
    /// assert!(first.wait().is_ok());
    /// ```
    #[doc(alias = "cancel")]
    pub fn abort(&self) -> bool {
        self.job.abort()
    }

    /// Returns whether the job is over, however it ended: then waiting for it does not wait.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.job.record().is_over()
    }

    /// Returns the name of the job, if it has one.
    pub fn name(&self) -> Option<Arc<str>> {
        self.job.record().name().cloned()
    }

    /// Returns where the job was handed over.
    pub fn place(&self) -> &'static Location<'static> {
        self.job.record().place()
    }
}

impl<T> Future for BlockingHandle<T> {
    type Output = Result<T, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_limited(&mut *self, cx)
    }
}

impl<T> Limited for &mut BlockingHandle<T> {
    type Output = Result<T, BlockingError>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        // The record is asked, and not the desk: who has the result must find the job over in every report.
        if !self.is_finished() && self.wake_me(cx) {
            return Poll::Pending;
        }
        Poll::Ready(self.job.take().expect("a job that is over has left what it ended with"))
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.job.record().describe())
    }
}

impl<T> BlockingHandle<T> {
    /// Leaves word whom to wake; `false` if the job is over.
    pub(super) fn wake_me(&self, cx: &Context<'_>) -> bool {
        self.job.record().wake_me(cx)
    }

    /// Wakes nobody any more.
    pub(super) fn forget_me(&self) {
        self.job.record().forget_me();
    }
}

impl<T> Drop for BlockingHandle<T> {
    fn drop(&mut self) {
        self.forget_me();
    }
}

impl<T> fmt::Debug for BlockingHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("BlockingHandle");
        handle.field("name", &self.name()).field("place", &self.place());
        handle.field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

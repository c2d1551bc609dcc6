//! The handle of a job: await it, block on it, or register a callback.

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

/// A handle to a blocking job. Awaiting it, on any executor and any thread, returns the job's result.
///
/// Dropping it detaches the job, which continues on its own: its result is dropped on its thread, and nothing is woken.
/// If the job has panicked, or panics later, that is [reported](crate::scheduler::Builder::on_report) by the scheduler
/// that counts the job, or on stderr if there is none.
///
/// # Cancel safety
///
/// A wait on `&mut handle` can be dropped, and the handle awaited again later. The job continues either way.
///
/// # Panics
///
/// If it is polled again after it has completed.
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
#[must_use = "dropping it detaches the job: its result is lost"]
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
    /// Blocks this thread until the job has ended, and returns its result.
    ///
    /// In a task this blocks the scheduler and all its tasks: await the handle there instead. If the job needs one of
    /// those tasks to make progress, both wait forever, and no deadlock is reported.
    ///
    /// # Errors
    ///
    /// [`BlockingError`] if the job panicked or was never started.
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
        // Bypasses the handle's own poll: a budget limits only results that are awaited.
        wait_here(Waiting(&mut self))
    }

    /// Calls `callback` with the result: on this thread if a scheduler is running here, otherwise on the job's thread.
    ///
    /// *With a scheduler*, the callback is a task of that scheduler, on a later turn, even if the job has ended
    /// already. It is dropped uncalled if the scheduler is dropped before the job has ended, as that of a free
    /// [`block_on`](crate::block_on) is; a [`shutdown`](crate::Scheduler::shutdown) waits for it, within its grace
    /// period. See [`on_done_local`](BlockingHandle::on_done_local), which also accepts a callback that is not `Send`.
    ///
    /// *Without a scheduler*, it is called at the end of the job, or here, immediately, if the job has ended already.
    /// If the job is refused, it is called on the thread that refuses it. A panic of the callback is printed and
    /// otherwise ignored.
    ///
    /// # Panics
    ///
    /// If the handle was polled to completion before: with a scheduler in the callback's task, otherwise here.
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
    /// spawn_blocking(|| 2 + 2).on_done(tell.clone());
    /// assert_eq!(receiver.recv()?.0, 4); // on the job's thread, or here if the job had ended already
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

    /// Calls `callback` with the result on this thread: in a task of the scheduler that is running here, on a later
    /// turn, even if the job has ended already.
    ///
    /// The callback need not be `Send`. Callbacks are called in the order in which the jobs end; those of jobs that
    /// have ended by the next turn, in the order in which they were registered. A cancel request, as by a shutdown, is
    /// held back until the callback has been called, as in a [`mask`]. Otherwise it is an ordinary task: the returned
    /// handle can be awaited, aborted or dropped; [`Scheduler::run`](crate::Scheduler::run) waits for it; and a free
    /// [`block_on`](crate::block_on), which does not wait, drops it.
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler; use [`on_done`](BlockingHandle::on_done) there. In its task, if the handle was
    /// polled to completion before.
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
            "`on_done_local` needs a running scheduler on this thread: call it inside `block_on`, or use `on_done`"
        );
        let masked = mask(self);
        spawn(async move { callback(masked.await) })
    }

    /// Drops the job if it has not started: its handle returns an error, and its slot in the queue becomes free.
    /// Returns whether that was in time; a running closure cannot be stopped.
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

    /// Returns whether the job has ended, in whatever way: then the handle is ready.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.job.record().is_over()
    }

    /// Returns the name of the job, if it has one.
    pub fn name(&self) -> Option<Arc<str>> {
        self.job.record().name().cloned()
    }

    /// Returns where the job was submitted.
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
        // Checks the record, not the result's cell: once a caller has the result, every report must show the job as
        // ended.
        if !self.is_finished() && self.wake_me(cx) {
            return Poll::Pending;
        }
        Poll::Ready(self.job.take().expect("a finished job has left its result"))
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.job.record().describe())
    }
}

impl<T> BlockingHandle<T> {
    /// Registers what to wake; `false` if the job has ended.
    pub(super) fn wake_me(&self, cx: &Context<'_>) -> bool {
        self.job.record().wake_me(cx)
    }

    /// Unregisters it.
    pub(super) fn forget_me(&self) {
        self.job.record().forget_me();
    }
}

impl<T> Drop for BlockingHandle<T> {
    fn drop(&mut self) {
        self.forget_me();
        self.job.let_go();
    }
}

impl<T> fmt::Debug for BlockingHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("BlockingHandle");
        handle.field("name", &self.name()).field("place", &self.place());
        handle.field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

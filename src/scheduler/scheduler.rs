//! `Scheduler`, the public type: runs its tasks until all have ended, or until a root future is ready.

use std::fmt;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;

use crate::kernel::{Kernel, Place, Root, RootFuture, Run, Stop, run_place};
use crate::report::Report;
use crate::scheduler::builder::Builder;
use crate::scheduler::error::{NestedRun, RunError};
use crate::scheduler::parts::Layers;
use crate::watch::{emit_details, is_detailed};

/// Owns tasks and gives them turns, on the thread that it was created on.
///
/// A task is a future with an id, and a turn is one poll of one task. The scheduler gives each ready task its turn,
/// first in, first out, or in another [order](crate::Policy). A task that is not ready stays off the ready queue until
/// its waker puts it back. Futures need not be `Send`, and the future of a [`block_on`](Scheduler::block_on) need not
/// be `'static`.
///
/// The scheduler makes every choice, so it can show every choice: single turns ([`step`](Scheduler::step)), all tasks
/// and what they wait for ([`snapshot`](Scheduler::snapshot)), every change of state ([`Observer`](crate::Observer)).
/// Its clock may be [virtual](crate::scheduler::Builder::virtual_time). And if it is certain that the remaining tasks
/// can never run again, [`run`](Scheduler::run) returns a [`DeadlockReport`](crate::DeadlockReport) instead of waiting
/// forever.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, yield_now};
///
/// let scheduler = Scheduler::new();
/// for name in ["foo", "bar"] {
///     scheduler.spawn(async move {
///         for _ in 0..2 {
///             println!("I'm {name}");
///             yield_now().await;
///         }
///     });
/// }
/// scheduler.run()?; // foo, bar, foo, bar
/// # Ok::<(), turnwise::RunError>(())
/// ```
///
/// # It is not `Send`
///
/// ```compile_fail,E0277
/// let scheduler = turnwise::Scheduler::new();
/// std::thread::spawn(move || scheduler.run()); // a `Remote` is `Send`, a scheduler is not
/// ```
///
/// # Dropping it
///
/// Unfinished tasks are dropped in the order in which they were spawned, as if aborted. Tasks that their destructors
/// spawn are dropped too; a destructor that panics does not stop the others. Handles of finished tasks keep their
/// outputs. Unfinished blocking jobs are not waited for: they continue on their own threads, and their outputs are
/// dropped there. [`Scheduler::shutdown`] waits for them, up to a time limit.
#[doc(alias = "EventLoop")]
#[doc(alias = "Runtime")]
#[doc(alias = "LocalSet")]
#[doc(alias = "get_event_loop")]
pub struct Scheduler {
    pub(super) kernel: Rc<Kernel>,
    pub(super) layers: Rc<Layers>,
}

impl Scheduler {
    /// Creates a scheduler with a real clock and FIFO order.
    #[doc(alias = "new_event_loop")]
    pub fn new() -> Self {
        Builder::new().build()
    }

    /// Returns a [`Builder`], to configure a scheduler.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs until every task has ended.
    ///
    /// Waits for timers and for other threads as long as necessary. If it waits only for wakers held elsewhere, it looks
    /// again from time to time whether they still exist: after 10 ms, and then after pauses that double each time.
    ///
    /// # Errors
    ///
    /// [`RunError::Deadlock`] if it is certain that the remaining tasks can never run again; [`RunError::Nested`] if a
    /// scheduler is already running on this thread; [`RunError::Failed`] if a failure went unread and the
    /// [policy](crate::scheduler::FailurePolicy) is to shut down.
    #[track_caller]
    #[doc(alias = "mainloop")]
    #[doc(alias = "run_forever")]
    pub fn run(&self) -> Result<(), RunError> {
        self.run_outermost(Location::caller(), None)
    }

    /// Runs until `future` is ready, and returns its output.
    ///
    /// The future becomes a task like any other, with the name "main" and the next free id, and takes its turns in
    /// order; but it stays in the caller's frame, so it may borrow from there. The other tasks take turns too. Those
    /// that have not ended when the future is ready continue in the next run.
    ///
    /// # Panics
    ///
    /// If the future panics, or with the text of the [`RunError`] where [`try_block_on`](Scheduler::try_block_on)
    /// returns one.
    ///
    /// # Example
    ///
    /// ```
    /// let mut borrowed = String::from("tick");
    /// let scheduler = turnwise::Scheduler::new();
    /// let length = scheduler.block_on(async {
    ///     borrowed.push_str(" tock");
    ///     borrowed.len()
    /// });
    /// assert_eq!((length, borrowed.as_str()), (9, "tick tock"));
    /// ```
    #[track_caller]
    #[doc(alias = "run_until_complete")]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// Like [`block_on`](Scheduler::block_on), but returns a [`RunError`] instead of panicking with its text.
    ///
    /// # Errors
    ///
    /// [`RunError::Deadlock`] if it is certain that no task of the scheduler can ever run again, the future included;
    /// [`RunError::Nested`] if a scheduler is already running on this thread. In both cases the future is dropped, and
    /// all other tasks stay as they were. While any other task may run, if only to sleep again, there is no error, even
    /// if the future waits for a cycle of tasks: that is reported as [possible](crate::scheduler::Builder::on_stall).
    /// [`RunError::Failed`] if a failure went unread and the [policy](crate::scheduler::FailurePolicy) is to shut down.
    ///
    /// # Panics
    ///
    /// If the future panics.
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, RunError> {
        let future = pin!(Some(future));
        let mut root = RootFuture::new(future);
        self.run_outermost(Location::caller(), Some(&mut root))?;
        Ok(root.output.expect("the main loop ends when the root is done"))
    }
}

impl Scheduler {
    /// Runs until every task has ended or, if there is a root, until that is ready.
    fn run_outermost(&self, place: Place, root: Option<&mut dyn Root>) -> Result<(), RunError> {
        let _paused = run_place().is_none().then(|| self.pause_hook());
        match Run::outermost(&self.kernel, place, root) {
            Err(Stop::Nested { outer }) => {
                return Err(RunError::Nested(NestedRun { outer, inner: place }));
            }
            Err(Stop::Stuck) => {
                let report = self.layers.verdict.take().expect("the verdict has a report");
                emit_details();
                return Err(RunError::Deadlock(report));
            }
            Ok(()) if is_detailed() => {
                self.layers.record_run_end(&self.kernel, None);
                emit_details();
            }
            Ok(()) => {}
        }
        match self.take_fatal() {
            None => Ok(()),
            Some(failure) => {
                // Inside a run, so that destructors spawn on this scheduler, and cannot give turns to what they spawn.
                let run = Run::begin(&self.kernel, place);
                self.kernel.end_all_tasks(false);
                run.end();
                Err(RunError::Failed(failure))
            }
        }
    }

    /// Takes the failure that has shut down a run, if there is one.
    pub(super) fn take_fatal(&self) -> Option<Box<Report>> {
        let failure = self.layers.has_failures()?.take_fatal()?;
        self.kernel.stop.set(false);
        Some(failure)
    }

    /// Starts a run: the `on_wake` hook is not called until the returned guard is dropped.
    #[inline]
    pub(super) fn pause_hook(&self) -> HookPause<'_> {
        self.layers.stall.set(None);
        if self.kernel.is_traced() {
            drop(self.kernel.mailbox.sleeper());
        }
        HookPause { scheduler: self }
    }

    /// Returns the kernel, which handles share.
    pub(crate) fn kernel(&self) -> Rc<Kernel> {
        Rc::clone(&self.kernel)
    }
}

/// While this exists, the scheduler is running, or about to run.
pub(super) struct HookPause<'s> {
    scheduler: &'s Scheduler,
}

impl Drop for HookPause<'_> {
    #[inline]
    fn drop(&mut self) {
        let Scheduler { kernel, layers } = self.scheduler;
        if kernel.is_traced()
            && let Some(watch) = layers.has_watch()
        {
            watch.arm_hook(kernel);
        }
    }
}

impl Builder {
    /// Builds the scheduler, on the current thread.
    pub fn build(self) -> Scheduler {
        let (layers, kernel) = self.open();
        Scheduler { kernel, layers }
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Scheduler::new()
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("id", &self.kernel.id).finish_non_exhaustive()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.kernel.close();
        self.layers.close(&self.kernel);
    }
}

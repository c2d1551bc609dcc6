//! `Scheduler`: what users hold. It runs its tasks to their ends, or until a root future is ready.

use std::fmt;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;

use crate::kernel::{Kernel, Place, Root, RootFuture, Run, Stop, run_place};
use crate::report::Report;
use crate::scheduler::builder::Builder;
use crate::scheduler::error::{NestedRun, RunError};
use crate::scheduler::parts::Layers;

/// Owns tasks and gives them turns, on the thread that it was made on.
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
/// # It stays on its thread
///
/// ```compile_fail,E0277
/// let scheduler = turnwise::Scheduler::new();
/// std::thread::spawn(move || scheduler.run()); // a `Remote` can cross, a scheduler cannot
/// ```
///
/// # Dropping it
///
/// Tasks that are not over are dropped in the order in which they were spawned, as if aborted. What their
/// destructors spawn is dropped too; a destructor that panics does not stop the others. Handles of
/// finished tasks keep their outputs. Blocking jobs that are not over go on, on their own threads, and are not
/// waited for; what they return is dropped there. [`Scheduler::shutdown`] waits for them, for a limited time.
#[doc(alias = "EventLoop")]
#[doc(alias = "Runtime")]
#[doc(alias = "LocalSet")]
#[doc(alias = "get_event_loop")]
pub struct Scheduler {
    pub(super) kernel: Rc<Kernel>,
    pub(super) layers: Rc<Layers>,
}

impl Scheduler {
    /// Makes a scheduler with a real clock that serves its tasks first in, first out.
    #[doc(alias = "new_event_loop")]
    pub fn new() -> Self {
        Builder::new().build()
    }

    /// Returns a builder, for everything that is not the default.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs until every task is over: the slides' `mainloop`.
    ///
    /// Waits for timers and for other threads as long as need be.
    ///
    /// # Errors
    ///
    /// [`RunError::Deadlock`] if it is certain that the tasks that are left can never run again;
    /// [`RunError::Nested`] if a scheduler runs on this thread already; [`RunError::Failed`] if a failure went
    /// unread and the [policy](crate::scheduler::FailurePolicy) is to shut down then.
    #[track_caller]
    #[doc(alias = "mainloop")]
    #[doc(alias = "run_forever")]
    pub fn run(&self) -> Result<(), RunError> {
        self.run_outermost(Location::caller(), None)
    }

    /// Runs until this future is ready, and returns its output.
    ///
    /// The future becomes a task like any other, with the name "main" and the next free id, and has its
    /// turns when they come; but it stays in the caller's frame, so it may borrow what it likes. The other
    /// tasks have turns too, and those that are not over yet are there again at the next run.
    ///
    /// # Panics
    ///
    /// If the future panics; with the text of the [`RunError`] where
    /// [`try_block_on`](Scheduler::try_block_on) returns one.
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

    /// Does what [`block_on`](Scheduler::block_on) does, and returns an error where that panics.
    ///
    /// # Errors
    ///
    /// [`RunError::Deadlock`] if it is certain that the future can never go on, though other tasks may be
    /// waiting as well; [`RunError::Nested`] if a scheduler runs on this thread already. The future is
    /// dropped then; all other tasks are as they were. [`RunError::Failed`] if a failure went unread and the
    /// [policy](crate::scheduler::FailurePolicy) is to shut down then.
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
    /// Runs until every task is over, or until the root is done, if there is one.
    fn run_outermost(&self, place: Place, root: Option<&mut dyn Root>) -> Result<(), RunError> {
        let _paused = run_place().is_none().then(|| self.pause_hook());
        match Run::outermost(&self.kernel, place, root) {
            Err(Stop::Nested { outer }) => {
                return Err(RunError::Nested(NestedRun { outer, inner: place }));
            }
            Err(Stop::Stuck) => {
                let report = self.layers.verdict.take();
                return Err(RunError::Deadlock(report.expect("the verdict has a report")));
            }
            Ok(()) => {}
        }
        match self.take_fatal() {
            None => Ok(()),
            Some(failure) => {
                // In a run: what destructors spawn is spawned here, and none of them may give turns meanwhile.
                let run = Run::begin(&self.kernel, place);
                self.kernel.end_all_tasks(false);
                run.end();
                Err(RunError::Failed(failure))
            }
        }
    }

    /// The failure for which a run has shut down, if it has.
    pub(super) fn take_fatal(&self) -> Option<Box<Report>> {
        let failure = self.layers.has_failures()?.take_fatal()?;
        self.kernel.stop.set(false);
        Some(failure)
    }

    /// A run begins: the hook of `on_wake` is not called until what this returns is dropped.
    #[inline]
    pub(super) fn pause_hook(&self) -> HookPause<'_> {
        self.layers.stalled.set(None);
        if self.kernel.is_traced() {
            drop(self.kernel.mailbox.sleeper());
        }
        HookPause { scheduler: self }
    }

    /// What a handle shares with the scheduler.
    pub(crate) fn kernel(&self) -> Rc<Kernel> {
        Rc::clone(&self.kernel)
    }
}

/// While it exists the scheduler runs, or is about to.
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
    /// Makes the scheduler, on this thread.
    pub fn build(self) -> Scheduler {
        let (layers, observers, reporter) = self.into_layers();
        let kernel = layers.open(observers, reporter);
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
        self.layers.close();
    }
}

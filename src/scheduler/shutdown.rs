//! The end of all tasks: everyone is asked to end and gets time to clean up, and what is left then is dropped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::blocking::JobGrace;
use crate::cancel::cancel;
use crate::kernel::{Ending, Flags, Kernel, Place, Run, TaskId, find, run_place};
use crate::report::id_of;
use crate::report::{BlockingJob, Observer, TaskLabel, TaskState, Transition, WaitsFor};
use crate::scheduler::error::{NestedRun, RunError};
use crate::scheduler::layers::shutdown_reason;
use crate::scheduler::scheduler::Scheduler;
use crate::scheduler::snapshot;
use crate::time::{NEVER, Nanos, Time, TimerKey, When, later, nanos};
use crate::watch::origin;

/// What became of the tasks that were alive when a scheduler was shut down; and of those that they spawned then.
///
/// Made by [`Scheduler::shutdown`](crate::Scheduler::shutdown). `Display` prints it for people: a line of sums,
/// then one for each task, and what those that did not end were waiting for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Those that returned, or panicked, in the order in which they ended.
    pub finished: Vec<EndedTask>,
    /// Those that nothing kept: they were dropped when they were asked to end, or when their clean-up passed the
    /// request on; or somebody aborted them meanwhile. In the order in which they ended.
    pub cancelled: Vec<EndedTask>,
    /// Those that had not ended when the time was over, or could never have run again. They were dropped, in
    /// the order in which they were spawned.
    pub aborted: Vec<EndedTask>,
    /// Blocking jobs that are not over: nobody can end one that runs. They go on, on threads of their own.
    pub still_blocking: Vec<BlockingJob>,
    /// How long it took, by the scheduler's clock.
    pub took: Duration,
}

/// A task in a [`ShutdownReport`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndedTask {
    /// Number and name.
    pub label: TaskLabel,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// How it ended.
    pub ending: Ending,
    /// How long after the beginning of the shutdown it ended, by the scheduler's clock.
    pub took: Duration,
    /// What it was waiting for, if it was aborted.
    pub waits: Vec<WaitsFor>,
}

impl ShutdownReport {
    /// Returns whether everything has ended by itself: nothing was aborted, and nothing still runs.
    pub fn is_clean(&self) -> bool {
        self.aborted.is_empty() && self.still_blocking.is_empty()
    }
}

impl Scheduler {
    /// Ends all tasks: asks each to end, as [`cancel`](crate::JoinHandle::cancel) does, with the reason
    /// "shutdown"; gives turns until all have ended or the time is over; and drops what is left. Says what
    /// became of each.
    ///
    /// The time counts by the scheduler's clock. With a grace of zero each task still has the turn in which it
    /// is told; with [`Duration::MAX`] there is no limit. A task that is spawned meanwhile is cancelled before
    /// its first turn, so that this comes to an end: a clean-up does itself what is to be done. When nothing is
    /// left that could ever run again the rest is dropped at once. Blocking jobs cannot be asked: they are waited
    /// for as well, for as long as the grace is in real time, whatever the clock, and then left to themselves.
    ///
    /// The children of a scope are asked by their scope. A [`mask`](crate::task::mask) and a clean-up are waited for,
    /// but no longer than the grace. Outputs of tasks that are over already stay with their handles. The scheduler
    /// can be used again afterwards; a second call finds nothing to do.
    ///
    /// # Errors
    ///
    /// [`RunError::Nested`] inside a task: it cannot wait for its own end.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use turnwise::{Scheduler, sleep, task::catch_cancel};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// scheduler.spawn(pending::<()>());
    /// scheduler.spawn(async {
    ///     if let Err(_cancelled) = catch_cancel(pending::<()>()).await {
    ///         sleep(Duration::from_secs(2)).await; // says goodbye
    ///     }
    /// });
    /// scheduler.spawn(async {
    ///     let _cancelled = catch_cancel(pending::<()>()).await;
    ///     pending::<()>().await; // and never comes to an end
    /// });
    /// scheduler.run_until_stalled();
    ///
    /// let report = scheduler.shutdown(Duration::from_secs(5))?;
    /// assert_eq!((report.finished.len(), report.cancelled.len(), report.aborted.len()), (1, 1, 1));
    /// assert_eq!(report.finished[0].took, Duration::from_secs(2));
    /// assert_eq!(report.took, Duration::from_secs(5));
    /// # Ok::<(), turnwise::RunError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "shutdown_timeout")]
    pub fn shutdown(&self, grace: Duration) -> Result<ShutdownReport, RunError> {
        let _jobs_too = JobGrace::begin(&self.kernel, grace);
        self.shut_down(Location::caller(), grace)
    }

    /// Ends the tasks that a `block_on` left behind. The scheduler has just run on this thread, so it can run again.
    #[track_caller]
    pub(crate) fn clean_up(&self) {
        if self.kernel.board.borrow().taskmap.alive() > 0 {
            let ended = self.shut_down(Location::caller(), Duration::MAX);
            debug_assert!(ended.is_ok(), "it was run from here");
        }
    }

    fn shut_down(&self, place: Place, grace: Duration) -> Result<ShutdownReport, RunError> {
        if let Some(outer) = run_place() {
            return Err(RunError::Nested(NestedRun { outer, inner: place }));
        }
        let Scheduler { kernel, layers } = self;
        let _paused = self.pause_hook();
        let mut run = Run::begin(kernel, place);
        drop(self.take_fatal()); // It was reported, and this is what comes of it.
        let time = layers.time(kernel);
        let began = time.clock.now();
        let log = ShutdownLogGuard::open(self, began);
        // The children of a scope are told by their scope.
        let reason = shutdown_reason();
        for key in kernel.alive(|slot| !slot.flags.has(Flags::ROUTED)) {
            if let Some(id) = id_of(kernel, key) {
                cancel(kernel, key.slot, id, &reason);
            }
        }
        let grace = GraceAlarm::begin(kernel, time, later(began, nanos(grace)));
        // Not before each task has had the turn in which it is told.
        let turns = kernel.board.borrow().turns + kernel.board.borrow().ready.iter().count() as u64;
        kernel.look_again.set(turns);
        // If the rest can never run again, there is nothing to wait for.
        let _ended = run.mainloop();
        layers.verdict.take();
        drop(grace);
        let mut report = self.report(&log);
        drop(log);
        kernel.end_all_tasks(false);
        run.end();
        report.took = Duration::from_nanos(time.clock.now() - began);
        Ok(report)
    }

    /// Makes the report of what has ended, and of what is going to be dropped now.
    fn report(&self, log: &ShutdownLogGuard<'_>) -> ShutdownReport {
        let Scheduler { kernel, layers } = self;
        let took = Duration::from_nanos(layers.time(kernel).clock.now() - log.log.began);
        let snapshot = snapshot::snapshot(layers, kernel);
        let alive = snapshot.tasks.into_iter();
        let aborted =
            alive.filter(|task| task.state != TaskState::Finished).map(|task| EndedTask {
                label: task.label,
                spawned_at: task.spawned_at,
                ending: Ending::Aborted,
                took,
                waits: task.waits,
            });
        let ended = log.log.notes.take().ended.into_iter();
        let (cancelled, finished) =
            ended.partition(|task| !matches!(task.ending, Ending::Returned | Ending::Panicked));
        let aborted = aborted.collect();
        let (still_blocking, took) = (snapshot.blocking, Duration::ZERO);
        ShutdownReport { finished, cancelled, aborted, still_blocking, took }
    }
}

// ----- which tasks have ended, and when -----

/// What is noted during a shutdown: an observer like any other.
struct ShutdownLog {
    time: Rc<Time>,
    /// When every task was asked to end.
    began: Nanos,
    notes: RefCell<EndedTasks>,
}

#[derive(Default)]
struct EndedTasks {
    /// Those that have not ended.
    alive: BTreeMap<TaskId, (TaskLabel, Place)>,
    /// Those that have, in that order.
    ended: Vec<EndedTask>,
}

impl Observer for ShutdownLog {
    fn transition(&self, transition: &Transition) {
        let notes = &mut *self.notes.borrow_mut();
        match transition {
            Transition::Spawned { task, name, place } => {
                let label = TaskLabel { id: *task, name: name.clone(), is_root: false };
                notes.alive.insert(*task, (label, place));
            }
            Transition::Exited { task, ending } => {
                let Some((label, spawned_at)) = notes.alive.remove(task) else { return };
                let took = Duration::from_nanos(self.time.clock.now() - self.began);
                let (ending, waits) = (*ending, Vec::new());
                notes.ended.push(EndedTask { label, spawned_at, ending, took, waits });
            }
            _ => {}
        }
    }
}

/// While it exists the log is kept, and new tasks are cancelled.
struct ShutdownLogGuard<'s> {
    scheduler: &'s Scheduler,
    log: Rc<ShutdownLog>,
}

impl<'s> ShutdownLogGuard<'s> {
    fn open(scheduler: &'s Scheduler, began: Nanos) -> Self {
        let Scheduler { kernel, layers } = scheduler;
        let alive = kernel.alive(|_| true).into_iter();
        let alive = alive.filter_map(|key| Some((id_of(kernel, key)?, origin(kernel, key)?)));
        let notes = EndedTasks { alive: alive.collect(), ended: Vec::new() };
        let time = Rc::clone(layers.time(kernel));
        let log = Rc::new(ShutdownLog { time, began, notes: RefCell::new(notes) });
        layers.watch().add(kernel, Rc::clone(&log) as Rc<dyn Observer>);
        layers.is_shutting_down.set(true);
        layers.failures().is_shutting_down.set(true);
        ShutdownLogGuard { scheduler, log }
    }
}

impl Drop for ShutdownLogGuard<'_> {
    fn drop(&mut self) {
        let Scheduler { kernel, layers } = self.scheduler;
        layers.is_shutting_down.set(false);
        layers.failures().is_shutting_down.set(false);
        let log = Rc::clone(&self.log) as Rc<dyn Observer>;
        layers.watch().remove(kernel, &log);
    }
}

// ----- until when -----

/// The timer that ends the run when the grace is over.
struct GraceAlarm<'k> {
    kernel: &'k Kernel,
    time: &'k Time,
    timer: Option<TimerKey>,
}

impl<'k> GraceAlarm<'k> {
    fn begin(kernel: &'k Kernel, time: &'k Time, until: Nanos) -> Self {
        kernel.stop.set(false);
        let timer = (until != NEVER).then(|| {
            let timer = time.create_timer(When::At(until), Location::caller());
            let waker = Waker::from(Arc::new(StopRun(kernel.id)));
            let poll = time.poll_timer(timer, &Context::from_waker(&waker));
            debug_assert!(poll.is_pending(), "a timer fires when it is looked at, and not before");
            timer
        });
        GraceAlarm { kernel, time, timer }
    }
}

impl Drop for GraceAlarm<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.time.cancel_timer(timer);
        }
        self.kernel.stop.set(false);
    }
}

/// The waker of that timer. It has a scheduler's number, since a waker may go anywhere; this one does not.
struct StopRun(NonZeroU32);

impl Wake for StopRun {
    fn wake(self: Arc<Self>) {
        if let Some(kernel) = find(self.0) {
            kernel.stop_run();
        }
    }
}

// ----- printing it -----

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("finished", &self.finished),
            ("cancelled", &self.cancelled),
            ("aborted", &self.aborted),
        ];
        write!(f, "shutdown after {:?}: ", self.took)?;
        for (word, list) in lists {
            write!(f, "{} {word}, ", list.len())?;
        }
        write!(f, "{} still blocking", self.still_blocking.len())?;
        let all =
            || lists.into_iter().flat_map(|(word, list)| list.iter().map(move |task| (word, task)));
        let width =
            all().map(|(_, task)| task.label.to_string().chars().count()).max().unwrap_or(0);
        for (word, EndedTask { label, spawned_at, took, ending, waits }) in all() {
            let label = label.to_string();
            let word = if *ending == Ending::Panicked { "panicked" } else { word };
            write!(f, "\n  {word:9}  {label:width$}  after {took:?}, spawned at {spawned_at}")?;
            for wait in waits {
                write!(f, "\n  {:9}  {:width$}  waited for {wait}", "", "")?;
            }
        }
        for job in &self.still_blocking {
            write!(f, "\n  {:9}  {job}", "blocking")?;
        }
        Ok(())
    }
}

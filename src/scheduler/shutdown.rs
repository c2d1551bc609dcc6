//! Shutdown: every task is cancelled and gets time to clean up, and the tasks that are left then are dropped.

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
use crate::kernel::{Ending, Place, Run, TaskId, find, run_place};
use crate::report::{
    BlockingJob, DETAILS, Detail, Observer, PendingRequest, TASKS, TaskLabel, TaskState,
    Transition, WaitsFor, and_more, id_of, widest,
};
use crate::scheduler::error::{NestedRun, RunError};
use crate::scheduler::newcomers::{ask, shutdown_reason};
use crate::scheduler::scheduler::Scheduler;
use crate::scheduler::snapshot;
use crate::time::{NEVER, Nanos, Time, TimerKey, When, between, later, nanos};
use crate::watch::{Installed, detail, emit_details, origin};

/// What happened to the tasks that were alive when a scheduler was shut down, and to those spawned during the shutdown.
///
/// Returned by [`Scheduler::shutdown`](crate::Scheduler::shutdown). `Display` prints it for people: a line of totals,
/// then a line for each of up to a hundred tasks of each kind, and what the aborted ones were waiting for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that returned or panicked, in the order in which they ended.
    pub finished: Vec<EndedTask>,
    /// Tasks that were dropped within the grace period: nothing caught the cancel request, or their clean-up passed it
    /// on, or other code aborted them. In the order in which they ended.
    pub cancelled: Vec<EndedTask>,
    /// Tasks that had not ended when the grace period expired, or could never have run again. They were dropped, in the
    /// order in which they were spawned.
    pub aborted: Vec<EndedTask>,
    /// Unfinished blocking jobs. A running job cannot be stopped; they continue on their own threads.
    pub still_blocking: Vec<BlockingJob>,
    /// How long the shutdown took, by the scheduler's clock.
    pub took: Duration,
}

/// A task in a [`ShutdownReport`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndedTask {
    /// Its id and name.
    pub label: TaskLabel,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// How it ended.
    pub ending: Ending,
    /// How long after the start of the shutdown it ended, by the scheduler's clock.
    pub took: Duration,
    /// What it was waiting for, if it was aborted.
    pub waits: Vec<WaitsFor>,
    /// What held the cancel requests on it, if it was aborted.
    pub requests: Vec<PendingRequest>,
}

impl ShutdownReport {
    /// Returns whether everything ended in time: no task was aborted, and no blocking job is still running.
    pub fn is_clean(&self) -> bool {
        self.aborted.is_empty() && self.still_blocking.is_empty()
    }
}

impl Scheduler {
    /// Ends all tasks: cancels each of them, as [`cancel`](crate::JoinHandle::cancel) does, with the reason "shutdown";
    /// gives turns until all have ended or the grace period expires; and drops the rest. Returns what happened to each.
    ///
    /// The grace period counts by the scheduler's clock. With a grace of zero, each task still takes the turn in which
    /// the request is delivered; with [`Duration::MAX`] there is no limit. If none of the remaining tasks can ever run
    /// again, they are dropped immediately. Blocking jobs cannot be cancelled: they are waited for too, for up to
    /// `grace` in real time even under a virtual clock, and are then left running.
    ///
    /// A task that is spawned during the shutdown is cancelled when the task that spawned it has ended. So a clean-up
    /// may use [`spawn`](crate::spawn), [`gather`](crate::gather), [`shield`](crate::task::shield) and
    /// [`scope`](crate::task::scope()). What these tasks spawn in turn also lasts as long as the task whose clean-up it
    /// is. A task that is spawned outside of all turns, as by a [`Remote`](crate::task::Remote), is cancelled before
    /// its first turn.
    ///
    /// The children of a scope are cancelled by their scope. A [`mask`](crate::task::mask) and a clean-up are waited
    /// for, but no longer than the grace period. Handles of finished tasks keep their outputs. The scheduler can be
    /// used again afterwards; a second call finds nothing to do.
    ///
    /// # Errors
    ///
    /// [`RunError::Nested`] if called inside a task: a task cannot wait for its own end.
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
    ///         sleep(Duration::from_secs(2)).await; // the clean-up
    ///     }
    /// });
    /// scheduler.spawn(async {
    ///     let _cancelled = catch_cancel(pending::<()>()).await;
    ///     sleep(Duration::from_secs(3600)).await; // too slow
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
            debug_assert!(ended.is_ok(), "the scheduler has just run on this thread");
        }
    }

    fn shut_down(&self, place: Place, grace: Duration) -> Result<ShutdownReport, RunError> {
        if let Some(outer) = run_place() {
            return Err(RunError::Nested(NestedRun { outer, inner: place }));
        }
        let Scheduler { kernel, layers } = self;
        let _paused = self.pause_hook();
        let mut run = Run::begin(kernel, place);
        drop(self.take_fatal()); // Already reported, and this is the shutdown that it requires.
        let time = layers.time(kernel);
        let began = time.clock.now();
        let log = ShutdownLogGuard::open(self, began);
        let reason = shutdown_reason();
        for key in kernel.alive(|_| true) {
            if let Some(id) = id_of(kernel, key) {
                ask(kernel, key.slot, id, &reason);
            }
        }
        let grace = GraceAlarm::begin(self, later(began, nanos(grace)));
        // Not before each task has taken the turn in which its request is delivered.
        let turns = kernel.board.borrow().turns + kernel.board.borrow().ready.iter().count() as u64;
        time.put_off_looks(kernel, turns);
        // An error means that the rest can never run again, so there is nothing to wait for.
        let _ended = run.mainloop();
        layers.verdict.take();
        drop(grace);
        let mut report = self.report(&log);
        drop(log);
        kernel.end_all_tasks(false);
        detail(kernel.id, || Detail::ShutdownEnded);
        run.end();
        emit_details();
        report.took = between(began, time.clock.now());
        Ok(report)
    }

    /// Creates the report of the tasks that have ended, and of those that are about to be dropped.
    fn report(&self, log: &ShutdownLogGuard<'_>) -> ShutdownReport {
        let Scheduler { kernel, layers } = self;
        let took = between(log.log.began, layers.time(kernel).clock.now());
        let snapshot = snapshot::snapshot(layers, kernel);
        let alive = snapshot.tasks.into_iter();
        let aborted =
            alive.filter(|task| task.state != TaskState::Finished).map(|task| EndedTask {
                label: task.label,
                spawned_at: task.spawned_at,
                ending: Ending::Aborted,
                took,
                waits: task.waits,
                requests: task.requests,
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

/// An observer that records which tasks end during a shutdown.
struct ShutdownLog {
    time: Rc<Time>,
    /// When the tasks were cancelled.
    began: Nanos,
    notes: RefCell<EndedTasks>,
}

#[derive(Default)]
struct EndedTasks {
    /// Tasks that have not ended.
    alive: BTreeMap<TaskId, (TaskLabel, Place)>,
    /// Tasks that have ended, in that order.
    ended: Vec<EndedTask>,
}

impl Observer for ShutdownLog {
    fn transition(&self, transition: &Transition) {
        let notes = &mut *self.notes.borrow_mut();
        match transition {
            Transition::Spawned { task, name, place } => {
                let label = TaskLabel::new(*task, name.clone());
                notes.alive.insert(*task, (label, place));
            }
            Transition::Exited { task, ending } => {
                let Some((label, spawned_at)) = notes.alive.remove(task) else { return };
                let took = between(self.began, self.time.clock.now());
                let (ending, waits, requests) = (*ending, Vec::new(), Vec::new());
                notes.ended.push(EndedTask { label, spawned_at, ending, took, waits, requests });
            }
            _ => {}
        }
    }
}

/// While this exists, ended tasks are recorded, and new tasks are cancelled when their ancestors have ended.
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
        let observer = Rc::clone(&log) as Rc<dyn Observer>;
        layers.watch().add(kernel, Installed { observer, is_detailed: false });
        layers.is_shutting_down.set(true);
        detail(kernel.id, || Detail::ShutdownBegan);
        layers.failures().is_shutting_down.set(true);
        ShutdownLogGuard { scheduler, log }
    }
}

impl Drop for ShutdownLogGuard<'_> {
    fn drop(&mut self) {
        let Scheduler { kernel, layers } = self.scheduler;
        layers.is_shutting_down.set(false);
        layers.newcomers().clear();
        layers.failures().is_shutting_down.set(false);
        let log = Rc::clone(&self.log) as Rc<dyn Observer>;
        layers.watch().remove(kernel, &log);
    }
}

// ----- the grace period -----

/// The timer that ends the run when the grace period expires.
struct GraceAlarm<'s> {
    scheduler: &'s Scheduler,
    timer: Option<TimerKey>,
}

impl<'s> GraceAlarm<'s> {
    fn begin(scheduler: &'s Scheduler, until: Nanos) -> Self {
        let Scheduler { kernel, layers } = scheduler;
        let time = layers.time(kernel);
        kernel.stop.set(false);
        let timer = (until != NEVER).then(|| {
            let timer = time.create_timer(When::At(until), Location::caller());
            let waker = Waker::from(Arc::new(StopRun(kernel.id)));
            let poll = time.poll_timer(timer, &Context::from_waker(&waker));
            debug_assert!(poll.is_pending(), "a timer fires when it is checked, not before");
            timer
        });
        layers.has_grace_alarm.set(timer.is_some());
        GraceAlarm { scheduler, timer }
    }
}

impl Drop for GraceAlarm<'_> {
    fn drop(&mut self) {
        let Scheduler { kernel, layers } = self.scheduler;
        if let Some(timer) = self.timer {
            layers.time(kernel).cancel_timer(timer);
        }
        layers.has_grace_alarm.set(false);
        kernel.stop.set(false);
    }
}

/// The waker of that timer. It holds the number of a scheduler, since a waker must be `Send`; this one stays on its
/// thread.
struct StopRun(NonZeroU32);

impl Wake for StopRun {
    fn wake(self: Arc<Self>) {
        if let Some(kernel) = find(self.0) {
            kernel.stop_run();
        }
    }
}

// ----- printing -----

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
        let printed = lists.iter().flat_map(|(_, list)| list.iter().take(TASKS));
        let width = widest(printed.map(|task| &task.label));
        for (word, list) in lists {
            for task in list.iter().take(TASKS) {
                task.print(f, word, width)?;
            }
            if let Some(more) = and_more(list.len(), TASKS) {
                write!(f, "\n  {word:9}  {more}")?;
            }
        }
        for job in self.still_blocking.iter().take(TASKS) {
            write!(f, "\n  {:9}  {job}", "blocking")?;
        }
        let more = and_more(self.still_blocking.len(), TASKS);
        more.map_or(Ok(()), |more| write!(f, "\n  {:9}  {more}", "blocking"))
    }
}

impl EndedTask {
    /// Prints it as part of a report: how it ended, in a word, its label, and a line for each wait and request.
    fn print(&self, f: &mut fmt::Formatter<'_>, word: &str, width: usize) -> fmt::Result {
        let EndedTask { label, spawned_at, took, ending, waits, requests } = self;
        let label = label.to_string();
        let word = if *ending == Ending::Panicked { "panicked" } else { word };
        write!(f, "\n  {word:9}  {label:width$}  after {took:?}, spawned at {spawned_at}")?;
        let waited = waits.iter().take(DETAILS).map(|wait| format!("waited for {wait}"));
        let mut lines: Vec<String> = waited.collect();
        lines.extend(and_more(waits.len(), DETAILS).map(|more| format!("{more} waits")));
        lines.extend(requests.iter().take(DETAILS).map(ToString::to_string));
        lines.extend(and_more(requests.len(), DETAILS).map(|more| format!("{more} requests")));
        lines.iter().try_for_each(|line| write!(f, "\n  {:9}  {:width$}  {line}", "", ""))
    }
}

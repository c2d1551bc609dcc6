//! The end of all tasks: everyone is asked to end and gets time to clean up, and what is left then is dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::blocking::{BlockingJob, Patient};
use crate::cancel::Reason;
use crate::kernel::Ending;
use crate::kernel::Marks;
use crate::kernel::Run;
use crate::kernel::thread;
use crate::kernel::{Board, Kernel, Scheduler};
use crate::kernel::{Key, TaskId};
use crate::report::Transition;
use crate::report::{Place, TaskLabel, TaskState, WaitsFor};
use crate::scheduler::error::{NestedRun, RunError};
use crate::scheduler::snapshot;
use crate::time::{NEVER, Nanos, later, nanos};
use crate::time::{TimerKey, When};

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
        let _patient = Patient::begin(&self.kernel, grace);
        self.kernel.shut_down(Location::caller(), grace)
    }

    /// Ends what the future of a `block_on` has left. It has been run from here, so it can be again.
    #[track_caller]
    pub(crate) fn clean_up(&self) {
        if self.kernel.board.borrow().taskmap.alive() > 0 {
            let ended = self.kernel.shut_down(Location::caller(), Duration::MAX);
            debug_assert!(ended.is_ok(), "it was run from here");
        }
    }
}

impl Kernel {
    fn shut_down(&self, place: Place, grace: Duration) -> Result<ShutdownReport, RunError> {
        if let Some(outer) = thread::run_place() {
            return Err(RunError::Nested(NestedRun { outer, inner: place }));
        }
        let mut run = Run::begin(self, place);
        self.failure.take(); // It was reported, and this is what comes of it.
        let began = self.clock.now();
        let _ledger = LedgerKept::open(self, began);
        // The children of a scope are told by their scope.
        for key in self.alive(|_, slot| !slot.marks.has(Marks::HOSTED)) {
            self.turn_away(key);
        }
        let grace = Grace::begin(self, later(began, nanos(grace)));
        // Not before everyone has had the turn in which he is told.
        let turns = self.board.borrow().turns + self.board.borrow().ready.len() as u64;
        self.look_again.set(turns);
        // If the rest can never run again, there is nothing to wait for.
        let _ended = run.mainloop();
        drop(grace);
        let mut report = self.close_ledger(began);
        self.end_everyone(None);
        self.give_back(run.bell);
        report.took = Duration::from_nanos(self.clock.now() - began);
        Ok(report)
    }

    /// Makes the report of what has ended, and of what is going to be dropped now.
    fn close_ledger(&self, began: Nanos) -> ShutdownReport {
        let took = Duration::from_nanos(self.clock.now() - began);
        let alive = snapshot::snapshot(self).tasks.into_iter();
        let aborted =
            alive.filter(|task| task.state != TaskState::Finished).map(|task| EndedTask {
                label: task.label,
                spawned_at: task.spawned_at,
                ending: Ending::Aborted,
                took,
                waits: task.waits,
            });
        let ended = self.ledger.take().unwrap_or_default().ended.into_iter();
        let (cancelled, finished) =
            ended.partition(|task| !matches!(task.ending, Ending::Returned | Ending::Panicked));
        let aborted = aborted.collect();
        let (still_blocking, took) = (self.blocking_jobs(), Duration::ZERO);
        ShutdownReport { finished, cancelled, aborted, still_blocking, took }
    }

    /// Returns whether no task is left that this run could ever give a turn.
    ///
    /// Without a task of the scheduler's own nobody polls a scope: the children that there still are were lost
    /// with theirs, or that lives on another scheduler. Neither a timer of theirs nor a waker abroad is a
    /// reason to wait then, if all are to end anyway.
    pub(crate) fn is_nobody_left(&self) -> bool {
        let board = self.board.borrow();
        let is_shutting_down = self.ledger.borrow().is_some();
        board.taskmap.alive() == 0
            || (is_shutting_down && board.hosting.has_scopes() && board.has_only_guests())
    }

    /// Asks a task to end, also one that is spawned during a shutdown.
    pub(crate) fn turn_away(&self, key: Key) {
        if let Some(id) = self.id_of(key) {
            self.cancel(key.slot, id, &reason());
        }
    }
}

impl Board {
    /// Returns whether all tasks that are not over are children of scopes.
    fn has_only_guests(&self) -> bool {
        let mut tenants = self.taskmap.tenants();
        tenants.all(|(_, slot)| !slot.is_alive() || slot.marks.has(Marks::HOSTED))
    }
}

fn reason() -> Reason {
    Reason::Said(Arc::from("shutdown"))
}

// ----- who has ended, and when -----

/// What is noted during a shutdown.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// When everyone was asked to end.
    began: Nanos,
    /// Those that have not ended.
    alive: BTreeMap<TaskId, (TaskLabel, Place)>,
    /// Those that have, in that order.
    ended: Vec<EndedTask>,
}

impl Ledger {
    pub(crate) fn note(&mut self, transition: &Transition, now: Nanos) {
        match transition {
            Transition::Spawned { task, name, place } => {
                let label = TaskLabel { id: *task, name: name.clone(), is_root: false };
                self.alive.insert(*task, (label, place));
            }
            Transition::Exited { task, ending } => {
                let Some((label, spawned_at)) = self.alive.remove(task) else { return };
                let took = Duration::from_nanos(now - self.began);
                let (ending, waits) = (*ending, Vec::new());
                self.ended.push(EndedTask { label, spawned_at, ending, took, waits });
            }
            _ => {}
        }
    }
}

/// While it exists the ledger is kept, and new tasks are turned away.
struct LedgerKept<'k>(&'k Kernel);

impl<'k> LedgerKept<'k> {
    fn open(kernel: &'k Kernel, began: Nanos) -> Self {
        let alive = kernel.alive(|_, _| true).into_iter();
        let alive = alive.filter_map(|key| Some((kernel.id_of(key)?, kernel.who_is(key)?)));
        let alive = alive.collect();
        let ledger = Ledger { began, alive, ended: Vec::new() };
        kernel.ledger.replace(Some(Box::new(ledger)));
        kernel.look_who_watches();
        LedgerKept(kernel)
    }
}

impl Drop for LedgerKept<'_> {
    fn drop(&mut self) {
        self.0.ledger.take();
        self.0.look_who_watches();
    }
}

// ----- until when -----

/// The timer that ends the run when the time is over.
struct Grace<'k> {
    kernel: &'k Kernel,
    timer: Option<TimerKey>,
}

impl<'k> Grace<'k> {
    fn begin(kernel: &'k Kernel, until: Nanos) -> Self {
        kernel.time_is_over.set(false);
        let timer = (until != NEVER).then(|| {
            let timer = kernel.create_timer(When::At(until), Location::caller());
            let whistle = Waker::from(Arc::new(Whistle(kernel.id)));
            let poll = kernel.poll_timer(timer, &Context::from_waker(&whistle));
            debug_assert!(poll.is_pending(), "a timer fires when it is looked at, and not before");
            timer
        });
        Grace { kernel, timer }
    }
}

impl Drop for Grace<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.kernel.cancel_timer(timer);
        }
        self.kernel.time_is_over.set(false);
    }
}

/// The waker of that timer. It is a scheduler's number, since a waker may go anywhere; this one does not.
struct Whistle(NonZeroU32);

impl Wake for Whistle {
    fn wake(self: Arc<Self>) {
        if let Some(kernel) = thread::find(self.0) {
            kernel.time_is_over.set(true);
            kernel.look_again.set(0);
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

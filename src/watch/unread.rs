//! Failures that are never read: a panic in a task, or the `Err` of a fallible task, whose handle was dropped; the
//! failures of a scope that does not return them.
//!
//! Once it is certain that nothing will read it (the handle was dropped before or after the end), the failure is
//! reported once: to the observers, and to [`Builder::on_report`](crate::scheduler::Builder::on_report) or on stderr.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::{
    Boxed, Flags, Kernel, Key, Place, SlotState, Target, TaskKey, drop_quietly, run_quietly,
};
use crate::report::{FailurePolicy, HandedOver, Report, TaskLabel, label, text_of};
use crate::watch::observers::Watch;

/// What `on_report` installed.
pub(crate) type Reporter = Box<dyn FnMut(&Report)>;

/// Takes the error out of a finished task, and returns its text.
pub(crate) type Explain = fn(Pin<&mut dyn Target>) -> String;

/// Handles failures that are never read.
pub(crate) struct Failures {
    policy: FailurePolicy,
    /// Taken out while it runs.
    reporter: RefCell<Option<Reporter>>,
    /// By slot: how to print the error of a task that has [`Flags::CALL_UNREAD`].
    explain: RefCell<Vec<Option<Explain>>>,
    /// The failure for which the scheduler shuts down, until a run returns it.
    fatal: RefCell<Option<Box<Report>>>,
    /// A shutdown is already in progress, so a failure does not start one.
    pub(crate) is_shutting_down: Cell<bool>,
}

impl Failures {
    pub(crate) fn new(policy: FailurePolicy, reporter: Option<Reporter>) -> Self {
        Failures {
            policy,
            reporter: RefCell::new(reporter),
            explain: RefCell::default(),
            fatal: RefCell::default(),
            is_shutting_down: Cell::new(false),
        }
    }

    pub(crate) fn policy(&self) -> FailurePolicy {
        self.policy
    }

    /// Takes the failure for which the scheduler shuts down, if there is one.
    pub(crate) fn take_fatal(&self) -> Option<Box<Report>> {
        self.fatal.take()
    }

    pub(crate) fn has_fatal(&self) -> bool {
        self.fatal.borrow().is_some()
    }

    /// Drops the reporter, which is user code, at the end of the scheduler.
    pub(crate) fn close(&self) {
        drop_quietly(self.reporter.take());
    }

    /// Reports the failure of a finished task whose output is about to be dropped unread, if it has failed.
    pub(crate) fn unread(&self, kernel: &Kernel, slot: u32, left: &mut Boxed) {
        let id = kernel.board.borrow().taskmap.at(slot).id();
        let Some(key) = id.map(|id| id.key(slot)) else { return };
        let Some(origin) = origin(kernel, key) else { return };
        if let Some(explain) = self.explain(kernel, key) {
            self.unread_error(kernel, origin, || explain(left.as_mut()));
        } else if let Some(payload) = left.as_ref().panic()
            && !payload.is::<HandedOver>()
        {
            self.unread_panic(kernel, origin, text_of(payload).map(Arc::from));
        }
    }

    /// Returns how to print the error of a task that has ended with one that must be reported.
    fn explain(&self, kernel: &Kernel, key: Key) -> Option<Explain> {
        let is_error = {
            let board = kernel.board.borrow();
            board.taskmap.get(key).is_some_and(|task| task.flags.has(Flags::CALL_UNREAD))
        };
        is_error.then(|| self.explain.borrow().get(key.slot as usize).copied().flatten())?
    }

    /// Reports a panic that nothing will read.
    pub(crate) fn unread_panic(
        &self,
        kernel: &Kernel,
        (task, spawned_at): (TaskLabel, Place),
        message: Option<Arc<str>>,
    ) {
        self.report_failure(kernel, Report::UnreadPanic { task, spawned_at, message });
    }

    /// Reports an error that nothing will read; `explain` prints it.
    pub(crate) fn unread_error(
        &self,
        kernel: &Kernel,
        (task, spawned_at): (TaskLabel, Place),
        explain: impl FnOnce() -> String,
    ) {
        if self.policy == FailurePolicy::Ignore {
            return;
        }
        let error = explained(explain);
        self.report_failure(kernel, Report::UnreadError { task, spawned_at, error });
    }

    /// Reports a failure, unless failures are ignored, and starts the shutdown for it if that is the policy.
    pub(super) fn report_failure(&self, kernel: &Kernel, report: Report) {
        if self.policy == FailurePolicy::Ignore {
            return;
        }
        self.report(kernel, &report);
        // While all tasks are being dropped, there is nothing left to shut down.
        let is_ending = self.is_shutting_down.get() || kernel.is_ending.get();
        if self.policy == FailurePolicy::Shutdown && !is_ending {
            self.fatal.borrow_mut().get_or_insert_with(|| Box::new(report));
            kernel.stop_run();
        }
    }

    /// Reports to the observers and to `on_report` or, if that is not installed, on stderr. Called with nothing
    /// borrowed.
    fn report(&self, kernel: &Kernel, report: &Report) {
        if kernel.is_traced()
            && let Some(watch) = kernel.part::<Watch>()
        {
            watch.each(kernel, |observer| observer.reported(report));
        }
        // Taken out, since it is user code. Anything reported while it runs goes to stderr.
        let Some(mut reporter) = self.reporter.take() else { return print(report) };
        match catch_unwind(AssertUnwindSafe(|| reporter(report))) {
            Ok(()) => drop(self.reporter.replace(Some(reporter))),
            Err(payload) => {
                drop_quietly(payload);
                drop_quietly(reporter);
                print(report);
            }
        }
    }
}

/// What a report needs about a failure that was taken out of its task, for the case that nothing reads it after all.
pub(crate) struct Unread {
    kernel: Rc<Kernel>,
    origin: (TaskLabel, Place),
    /// `None` for a panic.
    explain: Option<Explain>,
}

impl Unread {
    /// Returns that of a task that has ended with a failure; `None` if it has not.
    pub(crate) fn of(kernel: &Rc<Kernel>, key: Key) -> Option<Self> {
        let has_panicked = {
            let board = kernel.board.borrow();
            let task = board.taskmap.get(key).filter(|task| task.state == SlotState::Done)?;
            task.target.as_ref().is_some_and(|left| left.as_ref().panic().is_some())
        };
        let explain = kernel.part::<Failures>()?.explain(kernel, key);
        if !has_panicked && explain.is_none() {
            return None;
        }
        Some(Unread { kernel: Rc::clone(kernel), origin: origin(kernel, key)?, explain })
    }

    /// Returns that of a task that has panicked.
    pub(crate) fn panic(kernel: &Rc<Kernel>, task: TaskLabel, spawned_at: Place) -> Self {
        Unread { kernel: Rc::clone(kernel), origin: (task, spawned_at), explain: None }
    }

    /// Reports the panic.
    pub(crate) fn report_panic(self, message: Option<Arc<str>>) {
        if let Some(failures) = self.kernel.part::<Failures>() {
            failures.unread_panic(&self.kernel, self.origin, message);
        }
    }

    /// Reports the error that the task left here.
    pub(crate) fn report_error(self, left: Pin<&mut dyn Target>) {
        if let (Some(failures), Some(explain)) = (self.kernel.part::<Failures>(), self.explain) {
            failures.unread_error(&self.kernel, self.origin, || explain(left));
        }
    }
}

/// Records that a task is about to end with an error, and how to print that if it is never read.
#[cold]
pub(crate) fn record_error(kernel: &Kernel, task: TaskKey, print: Explain) {
    let Some(failures) = kernel.part::<Failures>() else { return };
    kernel.set_flag(task.key, Flags::CALL_UNREAD, true);
    let mut explain = failures.explain.borrow_mut();
    let slot = task.key.slot as usize;
    if slot >= explain.len() {
        explain.resize(slot + 1, None);
    }
    explain[slot] = Some(print);
}

/// Reports an event, for the layers above.
#[cold]
pub(crate) fn report(kernel: &Kernel, report: &Report) {
    if let Some(failures) = kernel.part::<Failures>() {
        failures.report(kernel, report);
    }
}

/// Returns the label and the spawn place of a task.
pub(crate) fn origin(kernel: &Kernel, key: Key) -> Option<(TaskLabel, Place)> {
    let board = kernel.board.borrow();
    Some((label(&board, key)?, board.taskmap.get(key)?.spawned_at))
}

/// Returns the text of an error, if that can be had: both `Debug` and the destructor of the error may panic.
pub(crate) fn explained(explain: impl FnOnce() -> String) -> Arc<str> {
    match catch_unwind(AssertUnwindSafe(explain)) {
        Ok(error) => Arc::from(error),
        Err(payload) => {
            drop_quietly(payload);
            Arc::from("(its `Debug` impl panicked)")
        }
    }
}

/// Prints a line on stderr. If that fails, nothing can be done.
pub(super) fn print(report: &Report) {
    run_quietly(|| eprintln!("turnwise: {report}"));
}

//! A panic inside the error that a handle has returned: user code reads it, or it is reported.
//!
//! A handle that is polled hands its panic over. Mostly the caller gets it; but a combinator may hold it until its
//! other futures are ready, and be dropped first. It cannot look for panics in outputs of any type, so a combinator
//! marks what it drops unread: it drops that inside [`drop_unread`].

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kernel::{Kernel, Letter, Mailbox, current, drop_quietly, find};
use crate::report::{FailurePolicy, Report, text_of};
use crate::watch::unread::{Failures, print};

/// The payload of a panic, and how to report it.
pub(crate) struct CaughtPanic {
    /// `None` once it is taken out. The mutex is never contended; it makes the payload, which need not be `Sync`,
    /// shareable.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    /// User code has called a method of the error.
    is_read: AtomicBool,
    report_to: ReportTarget,
    /// `None` once it is made.
    report: Option<Report>,
}

impl CaughtPanic {
    /// `describe` creates the report from the message of the panic.
    pub(crate) fn new(
        payload: Box<dyn Any + Send>,
        report_to: ReportTarget,
        describe: impl FnOnce(Option<Arc<str>>) -> Report,
    ) -> Box<Self> {
        let message = text_of(&*payload).map(Arc::from);
        Box::new(CaughtPanic {
            payload: Mutex::new(Some(payload)),
            is_read: AtomicBool::new(false),
            report_to,
            report: Some(describe(message)),
        })
    }

    /// Records that user code has read it.
    pub(crate) fn read(&self) {
        // Relaxed: the thread that drops the error has received it from the threads that have read it.
        self.is_read.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_read(&self) -> bool {
        self.is_read.load(Ordering::Relaxed)
    }

    /// Returns the message, if the payload is a string.
    pub(crate) fn message(&self) -> Option<Arc<str>> {
        text_of(&**self.lock().as_ref()?).map(Arc::from)
    }

    /// Takes the payload out, from an error that is consumed by that.
    pub(crate) fn take_payload(&self) -> Box<dyn Any + Send> {
        self.lock().take().expect("the payload is taken out once")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CaughtPanic {
    fn drop(&mut self) {
        let payload = self.lock().take();
        let is_unread = IS_UNREAD.get() && !self.was_read();
        if is_unread
            && payload.is_some()
            && let Some(report) = self.report.take()
        {
            self.report_to.send(report);
        }
        drop_quietly(payload); // Several may be dropped together, and two destructors that panic would abort.
    }
}

thread_local! {
    /// What is being dropped on this thread was returned to nothing that reads it.
    static IS_UNREAD: Cell<bool> = const { Cell::new(false) };
}

/// Drops outputs that futures have returned, and that are passed on to nothing: the panics in them are reported.
pub(crate) fn drop_unread<T>(outputs: T) {
    let _before = IsUnread::set(true);
    drop(outputs);
}

struct IsUnread(bool);

impl IsUnread {
    fn set(is_unread: bool) -> Self {
        IsUnread(IS_UNREAD.replace(is_unread))
    }
}

impl Drop for IsUnread {
    fn drop(&mut self) {
        IS_UNREAD.set(self.0);
    }
}

/// Where a failure is reported, from any thread.
#[derive(Clone)]
pub(crate) enum ReportTarget {
    /// By the scheduler with this mailbox; on stderr, if it is gone.
    Scheduler(Arc<Mailbox>),
    /// There is no scheduler.
    Stderr,
    /// The policy of the scheduler is to ignore failures.
    Nowhere,
}

impl ReportTarget {
    /// The scheduler that is running on this thread, if there is one.
    pub(crate) fn here() -> Self {
        current().map_or(ReportTarget::Stderr, |kernel| ReportTarget::of(&kernel))
    }

    pub(crate) fn of(kernel: &Kernel) -> Self {
        let failures = kernel.part::<Failures>();
        match failures.map(|failures| failures.policy()) {
            None | Some(FailurePolicy::Ignore) => ReportTarget::Nowhere,
            Some(_) => ReportTarget::Scheduler(Arc::clone(&kernel.mailbox)),
        }
    }

    /// Reports a failure: immediately on the thread of the scheduler, otherwise when that next reads its mailbox.
    pub(crate) fn send(&self, report: Report) {
        let _before = IsUnread::set(false); // Reports call user code, and what it drops is its own.
        let letter = UnsentReport(Some(report));
        match self {
            ReportTarget::Nowhere => letter.discard(),
            ReportTarget::Stderr => drop(letter),
            ReportTarget::Scheduler(mailbox) => {
                let scheduler = mailbox.scheduler;
                if let Some(kernel) = find(scheduler) {
                    return letter.deliver(&kernel);
                }
                let call = move || {
                    if let Some(kernel) = find(scheduler) {
                        letter.deliver(&kernel);
                    }
                };
                // Refused or never read, it is dropped.
                drop(mailbox.post(Letter::Call(Box::new(call))));
            }
        }
    }
}

impl fmt::Debug for ReportTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportTarget::Scheduler(mailbox) => write!(f, "Scheduler({})", mailbox.scheduler),
            ReportTarget::Stderr => f.write_str("Stderr"),
            ReportTarget::Nowhere => f.write_str("Nowhere"),
        }
    }
}

/// Goes to stderr if it is dropped undelivered.
struct UnsentReport(Option<Report>);

impl UnsentReport {
    fn deliver(mut self, kernel: &Kernel) {
        if let Some(failures) = kernel.part::<Failures>()
            && let Some(report) = self.0.take()
        {
            failures.report_failure(kernel, report);
        }
    }

    fn discard(mut self) {
        self.0 = None;
    }
}

impl Drop for UnsentReport {
    fn drop(&mut self) {
        if let Some(report) = &self.0 {
            print(report);
        }
    }
}

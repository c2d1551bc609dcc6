//! The `on_wake` hook: notifies a foreign loop that there is something to do.
//!
//! While the scheduler is not running, the hook is in the mailbox, like the waker of a sleeping thread: a letter takes
//! it out and calls it. A wake on the scheduler's own thread does the same. So it is called at most once between two
//! runs.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::kernel::{Kernel, drop_quietly};

/// What `on_wake` installed, if anything.
#[derive(Default)]
pub(crate) struct WakeHook(RefCell<Option<Waker>>);

impl WakeHook {
    pub(crate) fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Replaces the hook. The old one is user code, to be dropped with nothing borrowed.
    pub(crate) fn replace(&self, hook: Option<Waker>) -> Option<Waker> {
        self.0.replace(hook)
    }

    /// Arms the hook for the next wake, or calls it immediately if there is something to do already. Returns `false` if
    /// it panicked: then it has been removed.
    #[must_use]
    pub(crate) fn arm(&self, kernel: &Kernel) -> bool {
        let Some(hook) = self.0.borrow().clone() else { return true };
        let is_idle = kernel.board.borrow().ready.is_empty();
        if is_idle && kernel.mailbox.wake_me(hook.clone()) {
            return true;
        }
        self.guard(|| hook.wake())
    }

    /// Calls the hook, unless it was already called since the last run. Returns `false` if it panicked.
    #[must_use]
    pub(crate) fn call(&self, kernel: &Kernel) -> bool {
        match kernel.mailbox.sleeper() {
            Some(sleeper) => self.guard(|| sleeper.wake()),
            None => true,
        }
    }

    /// Runs code of the hook. A panic in it must break neither the end of a run nor the code that wakes.
    fn guard(&self, call: impl FnOnce()) -> bool {
        let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else { return true };
        let hook = self.0.take();
        drop_quietly(payload);
        drop_quietly(hook);
        false
    }
}

/// Creates a waker from a closure. It catches the closure's panics, since they would unwind into the code that wakes,
/// on any thread.
pub(crate) fn hook_waker(call: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(HookFn { call: Mutex::new(Some(Arc::new(call))) }))
}

struct HookFn<F> {
    /// `None` after a panic.
    call: Mutex<Option<Arc<F>>>,
}

impl<F: Fn() + Send + Sync + 'static> Wake for HookFn<F> {
    fn wake(self: Arc<Self>) {
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(call) = call else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(move || call())) {
            let gone = self.call.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop_quietly(payload);
            drop_quietly(gone);
        }
    }
}

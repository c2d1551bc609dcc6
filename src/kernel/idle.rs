//! Collecting mail; and, when nothing is ready, sleeping, or finding that nothing can ever run again.
//!
//! [`NoHooks`] is what the executor does on its own. A scheduler with timers, blocking jobs and a clock uses the top
//! layer's `scheduler/idle.rs` instead.

use std::any::{Any, TypeId};
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use crate::kernel::id::Key;
use crate::kernel::mailbox::Letter;
use crate::kernel::scheduler::{By, Hooks, Idle, Kernel};
use crate::kernel::task::run_quietly;

impl Kernel {
    /// Schedules the tasks that other threads have woken, and makes the calls that they have requested.
    pub(crate) fn collect_mail(&self) {
        if !self.mailbox.may_have_mail() {
            return;
        }
        let mut letters = mem::take(&mut self.board.borrow_mut().read_letters);
        self.mailbox.collect(&mut letters);
        self.board.borrow_mut().letters += letters.len() as u64;
        for letter in letters.drain(..) {
            match letter {
                Letter::Wake(key) => self.deliver_wake(key),
                // A panic in it must not keep the letters behind it from being read.
                Letter::Call(call) => run_quietly(call),
                Letter::Last => {}
            }
        }
        self.board.borrow_mut().read_letters = letters; // Kept for its capacity.
    }

    /// Schedules a task that was woken from another thread.
    fn deliver_wake(&self, key: Key) {
        let needs_slow_path = {
            let board = &mut *self.board.borrow_mut();
            if let Some(slot) = board.taskmap.get_mut(key)
                && !slot.bell.is_none()
            {
                // First silence the bell, then schedule: a ring in between posts a new letter.
                board.bells.kept(slot.bell).silence();
            }
            board.schedule(key)
        };
        if needs_slow_path {
            self.after_schedule(key, By::Mail);
        }
    }

    /// Returns whether a task is ready or a letter has arrived.
    pub(crate) fn has_work(&self) -> bool {
        !self.mailbox.is_empty() || !self.board.borrow().ready.is_empty()
    }
}

/// No layers: the executor on its own. It sleeps in `std::thread::park`.
#[allow(dead_code, reason = "the crate has layers; `tests/kernel_alone.rs` has none")]
pub(crate) struct NoHooks;

impl Hooks for NoHooks {
    fn look_around(&self, kernel: &Kernel, _root: Option<Key>) {
        kernel.look_again.set(u64::MAX); // Wakes come only from tasks and by mail.
    }

    fn idle(&self, kernel: &Kernel, root: Option<Key>, may_wait: bool) -> Idle {
        let is_done = root.is_none() && kernel.board.borrow().taskmap.alive() == 0;
        if is_done || !may_wait {
            return Idle::Over;
        }
        // The order of these checks makes the verdict certain. A thread that rings posts its letter before it drops its
        // waker, so once no waker is left, every letter has arrived.
        let held = kernel.board.borrow_mut().reclaim_bells();
        if kernel.has_work() {
            return Idle::Go;
        }
        if held == 0 {
            return Idle::Stuck;
        }
        let unparker = Waker::from(Arc::new(Unparker(thread::current())));
        if kernel.mailbox.wake_me(unparker) {
            thread::park();
            drop(kernel.mailbox.sleeper());
        }
        Idle::Go
    }

    fn part(&self, _kernel: &Kernel, _kind: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}

/// Unparks a thread.
pub(crate) struct Unparker(pub(crate) Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

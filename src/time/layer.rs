//! The kernel's side of a `Sleep`: making a timer, waiting for it, dropping it.

use std::panic::Location;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::kernel::Kernel;
use crate::kernel::TaskKey;
use crate::kernel::thread;
use crate::report::Waiter;
use crate::report::WaitsFor;
use crate::time::clock::Nanos;
use crate::time::timers::{TimerKey, When};

impl Kernel {
    #[allow(clippy::inline_always, reason = "part of every sleep, and of the end of a shutdown")]
    #[inline(always)]
    pub(crate) fn create_timer(&self, when: When, place: &'static Location<'static>) -> TimerKey {
        self.board.borrow_mut().timers.create(when, place)
    }

    /// Looks whether a timer has fired, and then forgets it; if not, remembers to wake who asks.
    #[allow(clippy::inline_always, reason = "part of every sleep, and of the end of a shutdown")]
    #[inline(always)]
    pub(crate) fn poll_timer(&self, timer: TimerKey, cx: &Context<'_>) -> Poll<()> {
        let own = thread::owner_of(cx.waker()).filter(|task| task.scheduler == self.id);
        {
            let timers = &mut self.board.borrow_mut().timers;
            if timers.forget_if_fired(timer) {
                return Poll::Ready(());
            }
            if own.is_some_and(|task| timers.arm(timer, task.key)) {
                return Poll::Pending;
            }
        }
        self.poll_timer_with_stranger(timer, cx, own)
    }

    /// Remembers a waker that is not a task's own, or forgets the one before. Cloning and dropping it may run
    /// any code, so nothing is borrowed then.
    #[cold]
    fn poll_timer_with_stranger(
        &self,
        timer: TimerKey,
        cx: &Context<'_>,
        own: Option<TaskKey>,
    ) -> Poll<()> {
        let waiter = if own.is_none() { Some(Waiter::of(cx)) } else { None };
        let old = {
            let timers = &mut self.board.borrow_mut().timers;
            if timers.forget_if_fired(timer) {
                return Poll::Ready(());
            }
            match waiter {
                Some(waiter) => timers.arm_for_stranger(timer, waiter),
                None => timers.dismiss_stranger(timer),
            }
        };
        if let Some(task) = own {
            self.board.borrow_mut().timers.arm(timer, task.key);
        }
        drop(old);
        assert!(!self.is_closed.get(), "a sleep was polled after its scheduler had been dropped");
        Poll::Pending
    }

    /// The wait for a timer that is due.
    pub(crate) fn sleep_wait(&self, timer: TimerKey) -> WaitsFor {
        let place = self.board.borrow().timers.place(timer);
        WaitsFor::Sleep { left: Some(Duration::ZERO), place }
    }

    #[allow(clippy::inline_always, reason = "part of every sleep, and of the end of a shutdown")]
    #[inline(always)]
    pub(crate) fn cancel_timer(&self, timer: TimerKey) {
        let waiter = self.board.borrow_mut().timers.cancel(timer);
        drop(waiter);
    }

    pub(crate) fn instant_now(&self) -> Instant {
        self.clock.instant(self.clock.now())
    }

    pub(crate) fn nanos_of(&self, instant: Instant) -> Nanos {
        self.clock.at(instant)
    }

    pub(crate) fn timer_deadline(&self, timer: TimerKey) -> Option<Instant> {
        let deadline = self.board.borrow().timers.deadline(timer)?;
        Some(self.clock.instant(deadline))
    }
}

//! The kernel's side of a `Sleep`: making a timer, waiting for it, dropping it.

use std::panic::Location;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::kernel::clock::Nanos;
use crate::kernel::scheduler::Kernel;
use crate::kernel::timers::{TimerKey, When};
use crate::kernel::waiting::Waiter;

impl Kernel {
    pub(crate) fn create_timer(&self, when: When, place: &'static Location<'static>) -> TimerKey {
        self.board.borrow_mut().timers.create(when, place)
    }

    /// Looks whether a timer has fired, and then forgets it; if not, remembers to wake who asks.
    pub(crate) fn poll_timer(&self, timer: TimerKey, cx: &Context<'_>) -> Poll<()> {
        // Cloning a foreign waker may run any code, so nothing is borrowed yet.
        let waiter = Waiter::of(cx);
        let old = {
            let mut board = self.board.borrow_mut();
            if board.timers.forget_if_fired(timer) {
                return Poll::Ready(());
            }
            board.timers.arm(timer, waiter)
        };
        drop(old);
        assert!(!self.is_closed.get(), "a sleep was polled after its scheduler had been dropped");
        Poll::Pending
    }

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

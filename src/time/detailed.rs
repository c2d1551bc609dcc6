//! Timers while turns are traced, and details are recorded.

use std::task::{Context, Poll};

use crate::kernel::{By, Kernel, run_quietly};
use crate::report::Transition;
use crate::time::details;
use crate::time::layer::Time;
use crate::time::timers::{Sleeper, TimerKey};
use crate::watch::{emit, is_detailed};

impl Time {
    /// The same for the timers that are due, while turns are traced.
    #[cold]
    pub(super) fn fire_traced(&self, kernel: &Kernel) -> bool {
        let mut fired = false;
        loop {
            if is_detailed() {
                details::fires(self.scheduler, &self.timers.borrow());
            }
            let Some(sleeper) = self.timers.borrow_mut().fire() else { return fired };
            fired = true;
            emit(kernel, || Transition::TimerFired);
            match sleeper {
                Sleeper::Task(key) => kernel.schedule(key, By::Timer),
                Sleeper::Foreign(waiter) => run_quietly(|| waiter.wake()),
            }
        }
    }

    #[cold]
    pub(super) fn poll_timer_detailed(&self, timer: TimerKey, cx: &Context<'_>) -> Poll<()> {
        if let Some(own) = self.own_task(cx) {
            details::arms(self.scheduler, &self.clock, &self.timers.borrow(), timer, Some(own));
        }
        self.poll_timer_now(timer, cx)
    }

    #[cold]
    pub(super) fn cancel_timer_detailed(&self, timer: TimerKey) {
        details::cancels(self.scheduler, &self.timers.borrow(), timer);
        self.cancel_timer_now(timer);
    }
}

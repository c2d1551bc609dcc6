//! The time layer, as it plugs into the executor: the clock and the timers of one scheduler.
//!
//! Reading a real clock costs as much as two turns. So creating a sleep sets `CALL_AFTER`, and after the turn all
//! sleeps that were created in it share one reading; `time::now` gives its reading to those created before it. A virtual
//! clock costs nothing to read, and is read immediately. Due timers fire when the scheduler [looks
//! around](crate::kernel::Hooks::look_around), as often as `looks.rs` says, and when nothing is ready.

use std::cell::{OnceCell, RefCell};
use std::mem::ManuallyDrop;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::kernel::{
    By, Flags, Kernel, Place, TaskKey, Waiter, current, current_scheduler, find, owner_of,
    run_quietly, set_turn_flag,
};
use crate::machine::Instant;
use crate::report::WaitsFor;
use crate::time::clock::Clock;
use crate::time::details;
use crate::time::holds::Holds;
use crate::time::looks::{Looks, MOST_TURNS};
use crate::time::nanos::{NEVER, Nanos, between, later, nanos};
use crate::time::timers::{Arming, Sleeper, TimerKey, TimerOrder, TimerWait, Timers, When};
use crate::watch::is_detailed;

/// The clock and the timers of a scheduler.
pub(crate) struct Time {
    pub(crate) scheduler: NonZeroU32,
    pub(crate) clock: Clock,
    /// How late a thread that sleeps may wake up: deadlines are rounded up to multiples of it.
    pub(crate) slack: Duration,
    looks: Looks,
    pub(super) timers: RefCell<Timers>,
    /// What makes a virtual clock stand still; created when first needed.
    pub(super) holds: OnceCell<Arc<Holds>>,
}

// ----- for the scheduler -----

impl Time {
    pub(crate) fn new(scheduler: NonZeroU32, clock: Clock, slack: Duration) -> Self {
        let (timers, holds) = (RefCell::default(), OnceCell::new());
        Time { scheduler, clock, slack, looks: Looks::new(), timers, holds }
    }

    /// Sets the deadlines of the sleeps that were created since the clock was last read for that. They share one
    /// reading, after their creation, so none is ever early.
    #[inline]
    pub(crate) fn settle(&self) {
        let mut timers = self.timers.borrow_mut();
        if timers.has_fresh() {
            self.settle_at(&mut timers, self.clock.now());
        }
    }

    #[inline]
    fn settle_at(&self, timers: &mut Timers, now: Nanos) {
        if is_detailed() {
            return details::settle(self.scheduler, &self.clock, timers, now);
        }
        timers.settle(now);
    }

    /// Reads the clock, unless no timer is waited for.
    #[inline]
    pub(crate) fn read_if_awaited(&self) -> Option<Nanos> {
        let is_awaited = {
            let timers = self.timers.borrow();
            timers.armed() > 0 || timers.has_fresh()
        };
        is_awaited.then(|| self.clock.now())
    }

    /// Returns how many turns may be given until the next look. This look comes after `turns`, with this reading of the
    /// clock.
    #[inline]
    pub(crate) fn turns_until_look(&self, turns: u64, now: Option<Nanos>) -> u64 {
        if self.clock.is_virtual() { MOST_TURNS } else { self.looks.next(turns, now) }
    }

    /// Makes the next look come at the end of the current pass if the next timer requires it.
    #[inline]
    pub(crate) fn plan_look(&self, kernel: &Kernel) {
        if self.next_wakeup().is_some_and(|deadline| self.needs_look(deadline)) {
            self.look_soon(kernel);
        }
    }

    /// Returns whether a timer that is waited for requires a look at the end of the current pass: if it was due when
    /// the clock was last read, or if the length of turns should be measured from now on.
    #[inline]
    fn needs_look(&self, deadline: Nanos) -> bool {
        deadline <= self.clock.latest() || !(self.looks.is_measuring() || self.clock.is_virtual())
    }

    /// Makes the next look come at the end of the current pass.
    pub(crate) fn look_soon(&self, kernel: &Kernel) {
        kernel.look_again.set(kernel.look_again.get().min(self.looks.earliest()));
    }

    /// Makes the next look come at the end of the pass in which this many turns will have been given in total, and none
    /// before that.
    pub(crate) fn put_off_looks(&self, kernel: &Kernel, turns: u64) {
        self.looks.not_before(turns);
        kernel.look_again.set(turns);
    }

    /// Leaves out of the measurement the time that the thread has just slept.
    pub(crate) fn skip_sleep(&self, turns: u64) {
        if self.looks.is_measuring() {
            self.looks.measure_from(turns, self.clock.now());
        }
    }

    /// Wakes every task whose deadline had come by `now`, the latest reading of the clock; `true` if there was one.
    pub(crate) fn fire_due(&self, kernel: &Kernel, now: Nanos) -> bool {
        let mut timers = self.timers.borrow_mut();
        if timers.has_fresh() {
            self.settle_at(&mut timers, now); // Created by a destructor or a callback after the last turn.
        }
        timers.collect_due(now);
        if !timers.has_due() {
            return false;
        }
        if kernel.is_traced() {
            drop(timers);
            return self.fire_traced(kernel);
        }
        let mut fired = false;
        while let Some(sleeper) = timers.fire() {
            fired = true;
            match sleeper {
                Sleeper::Task(key) => {
                    let needs_slow_path = kernel.board.borrow_mut().schedule(key);
                    if !needs_slow_path {
                        continue; // No user code runs, so the timers stay borrowed.
                    }
                    drop(timers);
                    kernel.after_schedule(key, By::Timer);
                }
                Sleeper::Foreign(waiter) => {
                    drop(timers);
                    run_quietly(|| waiter.wake());
                }
            }
            timers = self.timers.borrow_mut();
        }
        fired
    }

    /// Returns the next deadline, or an earlier one whose timer was cancelled; `None` if no timer is armed.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        self.timers.borrow().next_wakeup()
    }

    /// Returns exactly the next deadline, including those of sleeps that were just created.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        self.settle();
        self.timers.borrow_mut().next_deadline()
    }

    /// Returns the holds on the clock, if there ever was one.
    pub(crate) fn has_holds(&self) -> Option<&Arc<Holds>> {
        self.holds.get()
    }

    /// Returns how many timers are waited for.
    pub(crate) fn armed(&self) -> usize {
        self.timers.borrow().armed()
    }

    /// Moves a virtual clock forward. Timers that become due fire at the next look.
    #[track_caller]
    pub(crate) fn advance(&self, by: Duration) {
        assert!(
            self.clock.is_virtual(),
            "only a virtual clock can be advanced: build the scheduler with `virtual_time()`"
        );
        self.settle(); // Sleeps that were created before the jump count from before it.
        self.clock.jump(later(self.clock.now(), nanos(by)));
    }

    /// Calls `each` for every timer that is waited for, with its order, the time that is left (`None` if the deadline
    /// never comes), the task, and the place.
    pub(crate) fn waits(
        &self,
        mut each: impl FnMut(TimerOrder, Option<Duration>, Option<TaskKey>, Place),
    ) {
        let now = self.clock.now();
        self.settle_at(&mut self.timers.borrow_mut(), now);
        for TimerWait { deadline, sleeper, place, order } in self.timers.borrow().waits() {
            let left = (deadline != NEVER).then(|| between(now, deadline));
            each(order, left, sleeper.task(self.scheduler), place);
        }
    }
}

// ----- for a sleep -----

impl Time {
    #[allow(clippy::inline_always, reason = "measured: see `kernel/mainloop.rs`")]
    #[inline(always)]
    pub(crate) fn create_timer(&self, when: When, place: Place) -> TimerKey {
        let when = match when {
            When::After(length) if self.clock.is_virtual() => {
                When::At(later(self.clock.latest(), length))
            }
            When::After(_) => {
                set_turn_flag(Flags::CALL_AFTER);
                when
            }
            When::At(_) => when,
        };
        self.timers.borrow_mut().create(when, place)
    }

    /// Returns ready, and removes the timer, if it has fired. Otherwise registers the polling task to be woken.
    #[inline]
    pub(crate) fn poll_timer(&self, timer: TimerKey, cx: &Context<'_>) -> Poll<()> {
        if is_detailed() {
            return self.poll_timer_detailed(timer, cx);
        }
        self.poll_timer_now(timer, cx)
    }

    /// The task of this scheduler that polls, if the waker is its own.
    #[inline]
    pub(super) fn own_task(&self, cx: &Context<'_>) -> Option<TaskKey> {
        owner_of(cx.waker()).filter(|task| task.scheduler == self.scheduler)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its two callers are the common path and the rare one")]
    pub(super) fn poll_timer_now(&self, timer: TimerKey, cx: &Context<'_>) -> Poll<()> {
        let own = self.own_task(cx);
        let arming = {
            let mut timers = self.timers.borrow_mut();
            if timers.forget_if_fired(timer) {
                return Poll::Ready(());
            }
            if timers.has_fresh() {
                set_turn_flag(Flags::CALL_AFTER); // It may have been created in a turn that this one is nested in.
            }
            own.map_or(Arming::Refused, |task| timers.arm(timer, task.key))
        };
        match arming {
            Arming::Waits => Poll::Pending,
            Arming::Enters(deadline) => {
                if self.needs_look(deadline) {
                    self.plan_look_slow_path();
                }
                Poll::Pending
            }
            Arming::Refused => self.poll_timer_slow_path(timer, cx, own),
        }
    }

    /// Plans a look for a timer. The scheduler need not be the one that runs: its turn may be further up the stack.
    #[cold]
    fn plan_look_slow_path(&self) {
        if let Some(kernel) = find(self.scheduler) {
            self.plan_look(&kernel);
        }
    }

    /// Registers a foreign waker, or removes the previous one. Cloning or dropping one may run any code, so nothing is
    /// borrowed at that point.
    #[cold]
    fn poll_timer_slow_path(
        &self,
        timer: TimerKey,
        cx: &Context<'_>,
        own: Option<TaskKey>,
    ) -> Poll<()> {
        let waiter = if own.is_none() { Some(Waiter::of(cx)) } else { None };
        let old = {
            let mut timers = self.timers.borrow_mut();
            if timers.forget_if_fired(timer) {
                return Poll::Ready(());
            }
            if is_detailed() {
                let task = own.or(waiter.as_ref().and_then(Waiter::task));
                details::arms(self.scheduler, &self.clock, &timers, timer, task);
            }
            match waiter {
                Some(waiter) => timers.arm_foreign(timer, waiter),
                None => timers.dismiss_foreign(timer),
            }
        };
        if let Some(task) = own {
            self.timers.borrow_mut().arm(timer, task.key);
        }
        drop(old);
        let kernel = find(self.scheduler);
        self.plan_look(&kernel.expect("a sleep was polled after its scheduler was dropped"));
        Poll::Pending
    }

    /// Describes the wait for a timer that is due.
    pub(crate) fn sleep_wait(&self, timer: TimerKey) -> WaitsFor {
        let place = self.timers.borrow().place(timer);
        WaitsFor::Sleep { left: Some(Duration::ZERO), place }
    }

    #[inline]
    pub(crate) fn cancel_timer(&self, timer: TimerKey) {
        if is_detailed() {
            return self.cancel_timer_detailed(timer);
        }
        self.cancel_timer_now(timer);
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its two callers are the common path and the rare one")]
    pub(super) fn cancel_timer_now(&self, timer: TimerKey) {
        if self.timers.borrow_mut().cancel(timer) {
            self.drop_foreign(timer);
        }
    }

    /// Drops a foreign waker with nothing borrowed: the drop may run any code.
    #[cold]
    fn drop_foreign(&self, timer: TimerKey) {
        let waiter = self.timers.borrow_mut().take_foreign(timer);
        drop(waiter);
    }

    /// Returns the time of the clock. It is also the reading for the sleeps that were created in this turn so far, so
    /// that deadlines which are computed from it compare with theirs as on a virtual clock.
    pub(crate) fn instant_now(&self) -> Instant {
        let now = self.clock.now();
        self.settle_at(&mut self.timers.borrow_mut(), now);
        self.clock.instant(now)
    }

    pub(crate) fn nanos_of(&self, instant: Instant) -> Nanos {
        self.clock.at(instant)
    }

    pub(crate) fn timer_deadline(&self, timer: TimerKey) -> Option<Instant> {
        let deadline = self.timers.borrow().deadline(timer)?;
        Some(self.clock.instant(deadline))
    }
}

// ----- the running scheduler's -----

thread_local! {
    /// The one that was looked up last, because each sleep looks it up. Has no destructor, so that it can be used while
    /// other thread-locals are being destroyed; cleared when its scheduler is dropped.
    static LATEST: RefCell<ManuallyDrop<Option<Rc<Time>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Returns the clock and the timers of the scheduler that is running on this thread.
#[inline]
pub(crate) fn current_time() -> Option<Rc<Time>> {
    let scheduler = current_scheduler()?;
    let latest = LATEST.with(|latest| {
        latest.borrow().as_ref().filter(|time| time.scheduler == scheduler).cloned()
    });
    latest.or_else(look_up)
}

#[cold]
fn look_up() -> Option<Rc<Time>> {
    let time = current()?.part::<Time>()?;
    let before = LATEST.with(|latest| latest.borrow_mut().replace(Rc::clone(&time)));
    drop(before);
    Some(time)
}

/// Clears `LATEST` if it holds the timers of this scheduler, which is being dropped.
pub(crate) fn forget(scheduler: NonZeroU32) {
    let gone =
        LATEST.with(|latest| latest.borrow_mut().take_if(|time| time.scheduler == scheduler));
    drop(gone);
}

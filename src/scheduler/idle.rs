//! When nothing is ready: due timers, the virtual clock, and sleep.

use std::sync::Arc;
use std::time::Duration;

use crate::kernel::{Flags, Idle, Kernel, Key};
use crate::report::Transition;
use crate::scheduler::park::{Park, ThreadParker};
use crate::scheduler::parts::Layers;
use crate::time::{Holds, MOST_TURNS, Nanos, between, later, nanos};
use crate::watch::emit;

/// Checks timers and I/O although tasks are ready, so that busy tasks cannot starve them.
pub(super) fn look_around(layers: &Layers, kernel: &Kernel, root: Option<Key>) {
    fire_timers(layers, kernel);
    layers.look_behind_root(kernel, root);
    layers.with_park(|park| {
        if park.may_wake() {
            park.park(Some(Duration::ZERO));
        }
    });
    if layers.has_failures().is_some_and(|failures| failures.has_fatal()) {
        // Ends the run. A run that cannot return the failure, such as a step, leaves it to the next one, which then
        // ends too.
        kernel.end_all_tasks(true);
        kernel.stop_run();
    }
}

/// Nothing is ready: waits until a task is, or finds that none ever will be.
pub(super) fn decide(layers: &Layers, kernel: &Kernel, root: Option<Key>, may_wait: bool) -> Idle {
    if fire_timers(layers, kernel) {
        return Idle::Go;
    }
    let keep_going = layers.has_jobs().is_some_and(|jobs| jobs.keep_run_going());
    let is_done = root.is_none() && layers.has_no_task_left(kernel) && !keep_going;
    if is_done || !may_wait {
        return Idle::Over;
    }
    if layers.only_grace_is_left() && layers.is_certain(kernel) {
        return Idle::Over; // Nothing can run before the grace period expires.
    }
    if layers.look_behind_root(kernel, root) {
        return Idle::Go; // What was notified may have woken a task.
    }
    if layers.settings.virtual_time {
        return if jump(layers, kernel) { Idle::Go } else { layers.stall(kernel, root) };
    }
    match layers.has_time().and_then(|time| time.next_wakeup()) {
        Some(deadline) => {
            layers.sleep(kernel, deadline, root);
            Idle::Go
        }
        None => layers.stall(kernel, root),
    }
}

/// Wakes every task whose deadline has passed, and plans the next look. Returns `true` if there was such a task.
pub(super) fn fire_timers(layers: &Layers, kernel: &Kernel) -> bool {
    let time = layers.has_time();
    let now = time.and_then(|time| time.read_if_awaited());
    let turns = kernel.board.borrow().turns;
    // Before they fire: an observer that runs then may end the run, which takes a look.
    if !kernel.stop.get() {
        let until_next = time.map_or(MOST_TURNS, |time| time.turns_until_look(turns, now));
        kernel.look_again.set(turns + until_next);
    }
    time.zip(now).is_some_and(|(time, now)| time.fire_due(kernel, now))
}

/// Moves a virtual clock to the next deadline, unless it stands still. Returns whether a task may be ready now.
pub(super) fn jump(layers: &Layers, kernel: &Kernel) -> bool {
    let Some(time) = layers.has_time() else { return false };
    // Blocking jobs take real time, and so does what a hold is for.
    if layers.has_jobs().is_some() || time.has_holds().is_some() {
        if layers.jobs_awaited() + layers.holds_awaited() > 0 {
            return false;
        }
        if kernel.has_work() {
            return true; // The letter of the last one has come since the mail was collected.
        }
    }
    let Some(deadline) = time.next_deadline() else { return false };
    time.clock.jump(deadline);
    emit(kernel, || Transition::ClockJumped { to: time.clock.instant(deadline) });
    time.fire_due(kernel, time.clock.latest());
    true
}

impl Layers {
    /// Returns whether no task is left that this run could ever give a turn.
    ///
    /// Scopes are polled by tasks. If only children of scopes are left, their scopes were leaked together with the
    /// tasks that polled them, or are polled on another scheduler. During a shutdown, neither a timer of these children
    /// nor a waker held elsewhere is then a reason to wait.
    fn has_no_task_left(&self, kernel: &Kernel) -> bool {
        let board = kernel.board.borrow();
        let has_scopes = || self.has_hosts().is_some_and(|hosts| hosts.has_scopes());
        let is_child = |flags: Flags| flags.has(Flags::ROUTED);
        board.taskmap.alive() == 0
            || (self.is_shutting_down.get()
                && has_scopes()
                && board.taskmap.tasks().all(|(_, slot)| !slot.is_alive() || is_child(slot.flags)))
    }

    /// Returns the number of blocking jobs that the clock and the verdict wait for.
    pub(super) fn jobs_awaited(&self) -> usize {
        self.has_jobs().map_or(0, |jobs| jobs.awaited())
    }

    /// Returns the holds on the clock, if there ever was one.
    pub(super) fn has_holds(&self) -> Option<&Arc<Holds>> {
        self.has_time()?.has_holds()
    }

    /// Returns the number of holds that make a virtual clock stand still: all, unless the grace period of a shutdown has
    /// expired in real time.
    pub(super) fn holds_awaited(&self) -> usize {
        let holds = self.has_holds().map_or(0, |holds| holds.count());
        let grace = || self.has_jobs().and_then(|jobs| jobs.grace_left());
        if holds > 0 && grace() == Some(Duration::ZERO) { 0 } else { holds }
    }

    /// Returns whether a virtual clock would jump to a deadline if nothing held it.
    pub(super) fn is_clock_held(&self) -> bool {
        let is_expected = || self.has_time().is_some_and(|time| time.next_deadline().is_some());
        self.holds_awaited() > 0 && is_expected()
    }

    /// Returns whether a shutdown waits for no timer but the one that ends its grace period.
    fn only_grace_is_left(&self) -> bool {
        self.has_grace_alarm.get() && self.has_time().is_some_and(|time| time.armed() <= 1)
    }

    /// Sleeps until a deadline, rounded up so that deadlines close together share one wake-up; or until the next look
    /// behind the root.
    fn sleep(&self, kernel: &Kernel, deadline: Nanos, root: Option<Key>) {
        let slack = nanos(self.settings.timer_slack).max(1);
        let rest = deadline.rem_euclid(slack);
        let rounded = if rest == 0 { deadline } else { later(deadline, slack - rest) };
        let left = between(self.time(kernel).clock.latest(), rounded);
        let look = self.until_look_behind(kernel, root);
        self.emit_parked(kernel, Some(left));
        self.park_thread(kernel, Some(look.map_or(left, |look| look.min(left))));
        emit(kernel, || Transition::Unparked);
    }

    /// Notifies the observers that the thread goes to sleep.
    pub(super) fn emit_parked(&self, kernel: &Kernel, timeout: Option<Duration>) {
        emit(kernel, || {
            let clock = &self.time(kernel).clock;
            let until = timeout.map(|left| later(clock.latest(), nanos(left)));
            Transition::Parked { until: until.map(|until| clock.instant(until)) }
        });
    }

    /// Puts the thread to sleep, unless there is something to do after all.
    pub(super) fn park_thread(&self, kernel: &Kernel, timeout: Option<Duration>) {
        if self.park.borrow().is_none() {
            self.park.replace(Some(Box::new(ThreadParker::new())));
        }
        self.with_park(|park| {
            let unparker = park.unparker();
            // The observers may have woken a task, and a letter may have come.
            if kernel.board.borrow().ready.is_empty() && kernel.mailbox.wake_me(unparker) {
                self.parks.set(self.parks.get() + 1);
                park.park(timeout);
                drop(kernel.mailbox.sleeper());
                if let Some(time) = self.has_time() {
                    time.skip_sleep(kernel.board.borrow().turns);
                }
            }
        });
    }

    /// Calls the parker, which is taken out of its cell for the call: it is user code.
    pub(super) fn with_park<R>(&self, call: impl FnOnce(&mut dyn Park) -> R) -> Option<R> {
        let mut park = self.park.borrow_mut().take()?;
        let result = call(&mut *park);
        self.park.replace(Some(park));
        Some(result)
    }
}

//! When nothing is ready: due timers, the virtual clock, sleep, and the verdict that nothing can ever run again.

use std::time::Duration;

use crate::kernel::{Flags, Idle, Kernel};
use crate::report::Transition;
use crate::scheduler::park::{Park, ThreadParker};
use crate::scheduler::parts::Layers;
use crate::scheduler::snapshot;
use crate::time::{MOST_TURNS, Nanos, Time, between, later, nanos};
use crate::watch::emit;

/// Checks timers and I/O although tasks are ready, so that busy tasks cannot starve them.
pub(super) fn look_around(layers: &Layers, kernel: &Kernel) {
    fire_timers(layers, kernel);
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
pub(super) fn decide(layers: &Layers, kernel: &Kernel, has_root: bool, may_wait: bool) -> Idle {
    if fire_timers(layers, kernel) {
        return Idle::Go;
    }
    let keep_going = layers.has_jobs().is_some_and(|jobs| jobs.keep_run_going());
    let is_done = !has_root && layers.has_no_task_left(kernel) && !keep_going;
    if is_done || !may_wait {
        return Idle::Over;
    }
    if layers.only_grace_is_left() && layers.is_certain(kernel) {
        return Idle::Over; // Nothing can run before the grace period expires.
    }
    if layers.settings.virtual_time {
        // The clock stands still while blocking jobs run: they take real time.
        let jobs = layers.jobs_awaited();
        if jobs == 0 && layers.has_jobs().is_some() && kernel.has_work() {
            return Idle::Go; // The letter of the last job has come since the mail was collected.
        }
        return if jobs == 0 && jump(layers, kernel) { Idle::Go } else { layers.stall(kernel) };
    }
    match layers.has_time().and_then(|time| time.next_wakeup()) {
        Some(deadline) => {
            layers.park_until(kernel, deadline);
            Idle::Go
        }
        None => layers.stall(kernel),
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

/// Moves a virtual clock to the next deadline; returns `false` if there is none.
pub(super) fn jump(layers: &Layers, kernel: &Kernel) -> bool {
    let Some(time) = layers.has_time() else { return false };
    let Some(deadline) = time.next_deadline() else { return false };
    time.clock.jump(deadline);
    emit(kernel, || Transition::ClockJumped { to: time.clock.instant(deadline) });
    time.fire_due(kernel, time.clock.latest());
    true
}

impl Layers {
    /// Starts to measure turns if a timer is waited for. Whether turns are long is known after the next one.
    #[cold]
    pub(super) fn measure_turns(&self, kernel: &Kernel, time: &Time) {
        let turns = kernel.board.borrow().turns;
        if time.start_measuring(turns) {
            self.look_after(kernel, turns + 1);
        }
    }

    /// Makes the next look come at the end of the pass in which this many turns will have been given in total, or
    /// earlier. Without effect during a shutdown, which has planned its first look.
    pub(super) fn look_after(&self, kernel: &Kernel, turns: u64) {
        if !self.is_shutting_down.get() {
            kernel.look_again.set(turns.min(kernel.look_again.get()));
        }
    }

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

    /// Returns whether a shutdown waits for no timer but the one that ends its grace period.
    fn only_grace_is_left(&self) -> bool {
        self.has_grace_alarm.get() && self.has_time().is_some_and(|time| time.armed() <= 1)
    }

    /// Nothing is ready, and no timer counts. Returns whether it is certain that no wake can come from outside.
    ///
    /// The order of the checks is the proof. A thread that wakes a task posts its letter *before* it drops its waker.
    /// So once the number of wakers is zero (and no new one can appear then), every letter has arrived, and the check
    /// of the mailbox finds it. In the opposite order, a letter posted in between would be missed and the verdict would
    /// be false. The same holds for remotes and blocking jobs.
    fn is_certain(&self, kernel: &Kernel) -> bool {
        let is_armed = self.with_park(|park| park.may_wake()).unwrap_or(false);
        let jobs = self.jobs_awaited();
        let awaited = kernel.board.borrow_mut().reclaim_bells() + self.remotes();
        !is_armed && awaited + jobs == 0 && !kernel.has_work()
    }

    /// Nothing is ready and no timer is set: either nothing will ever run again, or a wake must come from outside.
    fn stall(&self, kernel: &Kernel) -> Idle {
        let is_certain = self.is_certain(kernel);
        if kernel.has_work() {
            return Idle::Go;
        }
        if is_certain {
            let report = Box::new(snapshot::deadlock(self, kernel, true));
            if kernel.has_work() {
                return Idle::Go; // The report runs user code, which has woken a task.
            }
            self.verdict.replace(Some(report));
            return Idle::Stuck;
        }
        let turns = kernel.board.borrow().turns;
        if self.jobs_awaited() == 0 && self.stalled.replace(Some(turns)) != Some(turns) {
            self.emit_stalled(kernel);
            return Idle::Go; // An observer may have woken a task.
        }
        let mut alarm = self.stall_alarm.take();
        let left = alarm.as_mut().and_then(|alarm| alarm.time_left(turns));
        match &mut alarm {
            Some(alarm) if left.is_some_and(|left| left.is_zero()) => {
                (alarm.callback)(&snapshot::deadlock(self, kernel, false));
            }
            _ => {
                let grace = self.has_jobs().and_then(|jobs| jobs.grace_left());
                self.sleep(kernel, left.into_iter().chain(grace).min());
            }
        }
        self.stall_alarm.replace(alarm);
        Idle::Go
    }

    /// Notifies the observers that nothing can run unless a wake comes from outside.
    fn emit_stalled(&self, kernel: &Kernel) {
        if let Some(watch) = self.has_watch().filter(|watch| watch.has_observers()) {
            let report = snapshot::deadlock(self, kernel, false);
            watch.each(kernel, |observer| observer.stalled(&report));
        }
    }

    /// Sleeps until a deadline, rounded up so that deadlines close together share one wake-up.
    fn park_until(&self, kernel: &Kernel, deadline: Nanos) {
        let slack = nanos(self.settings.timer_slack).max(1);
        let rest = deadline.rem_euclid(slack);
        let rounded = if rest == 0 { deadline } else { later(deadline, slack - rest) };
        self.sleep(kernel, Some(between(self.time(kernel).clock.latest(), rounded)));
    }

    /// Puts the thread to sleep, unless there is something to do after all.
    fn sleep(&self, kernel: &Kernel, timeout: Option<Duration>) {
        emit(kernel, || {
            let clock = &self.time(kernel).clock;
            let until = timeout.map(|left| later(clock.latest(), nanos(left)));
            Transition::Parked { until: until.map(|until| clock.instant(until)) }
        });
        if self.park.borrow().is_none() {
            self.park.replace(Some(Box::new(ThreadParker::new())));
        }
        self.with_park(|park| {
            let unparker = park.unparker();
            // The observer just called may have woken a task, and a letter may have come.
            if kernel.board.borrow().ready.is_empty() && kernel.mailbox.wake_me(unparker) {
                self.parks.set(self.parks.get() + 1);
                park.park(timeout);
                drop(kernel.mailbox.sleeper());
                if let Some(time) = self.has_time() {
                    time.skip_sleep(kernel.board.borrow().turns);
                }
            }
        });
        emit(kernel, || Transition::Unparked);
    }

    /// Calls the parker, which is taken out of its cell for the call: it is user code.
    fn with_park<R>(&self, call: impl FnOnce(&mut dyn Park) -> R) -> Option<R> {
        let mut park = self.park.borrow_mut().take()?;
        let result = call(&mut *park);
        self.park.replace(Some(park));
        Some(result)
    }
}

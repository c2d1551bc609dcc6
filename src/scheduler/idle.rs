//! When nothing is ready: due timers, the virtual clock, sleep, and the verdict that nothing can ever run again.

use std::time::Duration;

use crate::kernel::{Flags, Idle, Kernel};
use crate::report::Transition;
use crate::scheduler::park::{Park, ThreadParker};
use crate::scheduler::parts::Layers;
use crate::scheduler::snapshot;
use crate::time::{Nanos, later, nanos};
use crate::watch::emit;

/// After so many turns, at the end of the pass under way, the clock is looked at. Reading it costs two turns.
const TURNS_BETWEEN_LOOKS: u64 = 64;

/// Looks at timers although tasks are ready, so that those cannot keep them waiting.
pub(super) fn look_around(layers: &Layers, kernel: &Kernel) -> u64 {
    fire_timers(layers, kernel);
    layers.with_park(|park| {
        if park.may_wake() {
            park.park(Some(Duration::ZERO));
        }
    });
    if layers.has_failures().is_some_and(|failures| failures.has_fatal()) {
        // That ends the run; if it is not one that can tell of it, the next one as well.
        kernel.end_all_tasks(true);
        kernel.stop_run();
    }
    TURNS_BETWEEN_LOOKS
}

/// Nothing is ready: waits until something is, or finds that nothing ever will be.
pub(super) fn decide(layers: &Layers, kernel: &Kernel, has_root: bool, may_wait: bool) -> Idle {
    if fire_timers(layers, kernel) {
        return Idle::Go;
    }
    let keep_going = layers.has_jobs().is_some_and(|jobs| jobs.keep_run_going());
    let is_done = !has_root && layers.has_no_task_left(kernel) && !keep_going;
    if is_done || !may_wait {
        return Idle::Over;
    }
    if layers.settings.virtual_time {
        // The clock stands still while blocking jobs run: their time is no time of this clock's.
        let jobs = layers.jobs_awaited();
        if jobs == 0 && layers.has_jobs().is_some() && kernel.has_work() {
            return Idle::Go; // The last word of a job has come since the mail was collected.
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

/// Wakes every task whose deadline has come; `true` if there was one.
pub(super) fn fire_timers(layers: &Layers, kernel: &Kernel) -> bool {
    let turns = kernel.board.borrow().turns;
    kernel.look_again.set(turns + TURNS_BETWEEN_LOOKS);
    layers.has_time().is_some_and(|time| time.fire_due(kernel))
}

/// Moves a virtual clock to the next deadline; `false` if there is none.
pub(super) fn jump(layers: &Layers, kernel: &Kernel) -> bool {
    let Some(time) = layers.has_time() else { return false };
    let Some(deadline) = time.next_deadline() else { return false };
    time.clock.jump(deadline);
    emit(kernel, || Transition::ClockJumped { to: time.clock.instant(deadline) });
    fire_timers(layers, kernel);
    true
}

impl Layers {
    /// Returns whether no task is left that this run could ever give a turn.
    ///
    /// Without a task of the scheduler's own nothing polls a scope: the children that there still are were lost with
    /// theirs, or that lives on another scheduler. Neither a timer of theirs nor a waker held elsewhere is a reason to
    /// wait then, if all are to end anyway.
    fn has_no_task_left(&self, kernel: &Kernel) -> bool {
        let board = kernel.board.borrow();
        let has_scopes = || self.has_hosts().is_some_and(|hosts| hosts.has_scopes());
        let is_child = |flags: Flags| flags.has(Flags::ROUTED);
        board.taskmap.alive() == 0
            || (self.is_shutting_down.get()
                && has_scopes()
                && board.taskmap.tasks().all(|(_, slot)| !slot.is_alive() || is_child(slot.flags)))
    }

    /// How many blocking jobs the clock and the verdict wait for.
    pub(super) fn jobs_awaited(&self) -> usize {
        self.has_jobs().map_or(0, |jobs| jobs.awaited())
    }

    /// Nothing is ready and no timer runs. Either that is the end, or a wake must come from outside.
    ///
    /// The order of the looks is the proof. A thread that rings posts its letter *before* it drops its waker, so once the
    /// number of wakers is zero (and no new one can come then) every letter has arrived, and a look into the mailbox finds
    /// it. The other way round, a letter posted in between would make a false alarm. With remotes and blocking jobs it is
    /// the same.
    fn stall(&self, kernel: &Kernel) -> Idle {
        let is_armed = self.with_park(|park| park.may_wake()).unwrap_or(false);
        let jobs = self.jobs_awaited();
        let awaited = kernel.board.borrow_mut().reclaim_bells() + self.remotes();
        let is_certain = !is_armed && awaited + jobs == 0;
        if kernel.has_work() {
            return Idle::Go;
        }
        if is_certain {
            let report = Box::new(snapshot::deadlock(self, kernel, true));
            if kernel.has_work() {
                return Idle::Go; // User code was asked for the report, and has done something about it.
            }
            self.verdict.replace(Some(report));
            return Idle::Stuck;
        }
        let turns = kernel.board.borrow().turns;
        if jobs == 0 && self.stalled.replace(Some(turns)) != Some(turns) {
            self.emit_stalled(kernel);
            return Idle::Go; // What was told may have done something about it.
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

    /// Tells the observers that nothing can run unless a wake comes from outside.
    fn emit_stalled(&self, kernel: &Kernel) {
        if let Some(watch) = self.has_watch().filter(|watch| watch.has_observers()) {
            let report = snapshot::deadlock(self, kernel, false);
            watch.each(kernel, |observer| observer.stalled(&report));
        }
    }

    /// Sleeps until a deadline, rounded up so that deadlines close together are one wake-up.
    fn park_until(&self, kernel: &Kernel, deadline: Nanos) {
        let slack = nanos(self.settings.timer_slack).max(1);
        let rounded = deadline.checked_next_multiple_of(slack).unwrap_or(deadline);
        let left = rounded.saturating_sub(self.time(kernel).clock.latest());
        self.sleep(kernel, Some(Duration::from_nanos(left)));
    }

    /// Lets the thread sleep, unless there is something to do after all.
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
            // An observer has just run, and may have woken a task; and a letter may have come.
            if kernel.board.borrow().ready.is_empty() && kernel.mailbox.wake_me(unparker) {
                self.parks.set(self.parks.get() + 1);
                park.park(timeout);
                drop(kernel.mailbox.sleeper());
            }
        });
        emit(kernel, || Transition::Unparked);
    }

    /// Uses what the thread sleeps in, taken out of its place meanwhile: it is user code.
    fn with_park<R>(&self, call: impl FnOnce(&mut dyn Park) -> R) -> Option<R> {
        let mut park = self.park.borrow_mut().take()?;
        let result = call(&mut *park);
        self.park.replace(Some(park));
        Some(result)
    }
}

//! When nothing is ready and no deadline can come: the verdict that nothing can ever run again, or a stall.

use std::time::Duration;

use crate::kernel::{Idle, Kernel, Key, run_quietly};
use crate::report::{DeadlockReport, Transition};
use crate::scheduler::parts::Layers;
use crate::scheduler::reports;
use crate::scheduler::stall::{Stall, StallAlarm};
use crate::watch::{emit, is_detailed};

/// What could still wake a task, or spawn one, from outside.
struct Outside {
    /// Tasks whose wakers are held elsewhere.
    wakers: usize,
    remotes: usize,
    jobs: usize,
    /// Whether any I/O is armed.
    is_armed: bool,
    /// Whether a virtual clock stands still before a deadline. The jobs that hold it are counted above.
    is_held: bool,
}

impl Outside {
    fn is_nothing(&self) -> bool {
        self.wakers == 0 && self.has_only_wakers()
    }

    /// Returns whether there is nothing else. Wakers can be dropped without a sign, while the last `Remote`, job and hold
    /// post a letter.
    fn has_only_wakers(&self) -> bool {
        self.remotes + self.jobs == 0 && !self.is_armed && !self.is_held
    }
}

impl Layers {
    /// Nothing is ready, and no timer counts. Returns what could still wake a task. If that is nothing and, after this
    /// call, `has_work` returns `false`, it is certain that nothing will ever run again.
    ///
    /// The order of the checks is the proof. A thread that wakes a task posts its letter *before* it drops its waker.
    /// So once the number of wakers is zero (and no new one can appear then), every letter has arrived, and the check
    /// of the mailbox finds it. In the opposite order, a letter posted in between would be missed and the verdict would
    /// be false. The same holds for remotes, blocking jobs and holds on the clock.
    fn outside(&self, kernel: &Kernel) -> Outside {
        let is_armed = self.with_park(|park| park.may_wake()).unwrap_or(false);
        let jobs = self.jobs_awaited();
        let wakers = kernel.board.borrow_mut().reclaim_bells();
        let is_held = self.settings.virtual_time && self.is_clock_held();
        Outside { wakers, remotes: self.remotes(), jobs, is_armed, is_held }
    }

    /// Returns whether it is certain that no wake can come from outside, whatever a virtual clock does.
    pub(super) fn is_certain(&self, kernel: &Kernel) -> bool {
        let outside = Outside { is_held: false, ..self.outside(kernel) };
        outside.is_nothing() && !kernel.has_work()
    }

    /// Nothing is ready, and no timer can fire: either nothing will ever run again, or a wake must come from outside.
    pub(super) fn stall(&self, kernel: &Kernel, root: Option<Key>) -> Idle {
        let outside = self.outside(kernel);
        if kernel.has_work() {
            return Idle::Go;
        }
        if outside.is_nothing() {
            let report = Box::new(reports::deadlock(self, kernel, true));
            if kernel.has_work() {
                return Idle::Go; // The report runs user code, which has woken a task.
            }
            if is_detailed() {
                self.record_run_end(kernel, Some(&report));
            }
            self.verdict.replace(Some(report));
            return Idle::Stuck;
        }
        let begin = || Stall::begin(kernel.board.borrow().turns);
        let mut stall = self.current_stall(kernel).unwrap_or_else(begin);
        if outside.jobs == 0 && !stall.was_observed {
            stall.was_observed = true;
            self.stall.set(Some(stall));
            if self.has_watch().is_some_and(|watch| watch.has_observers()) {
                self.emit_stalled(kernel, &reports::deadlock(self, kernel, false));
            }
            return Idle::Go; // An observer may have woken a task.
        }
        let elapsed = stall.elapsed();
        let alarm = self.until_alarm(&stall, elapsed);
        if alarm == Some(Duration::ZERO) {
            stall.was_reported = true;
            self.stall.set(Some(stall));
            self.call_alarm(&reports::deadlock(self, kernel, false));
            return Idle::Go;
        }
        let warning = self.until_warning(&outside, elapsed);
        if warning == Some(Duration::ZERO) {
            self.has_warned.set(true);
            print_stall(elapsed, &reports::deadlock(self, kernel, false));
            return Idle::Go;
        }
        let grace = self.has_jobs().and_then(|jobs| jobs.grace_left());
        let left = alarm.into_iter().chain(grace).min();
        let has_told_all = stall.was_observed && alarm.is_none();
        let look = if has_told_all { None } else { self.until_look_behind(kernel, root) };
        let silent = warning.into_iter().chain(look).min();
        self.sleep_stalled(kernel, stall, [left, silent], outside.has_only_wakers());
        Idle::Go
    }

    /// Returns the stall that the run is in.
    pub(super) fn current_stall(&self, kernel: &Kernel) -> Option<Stall> {
        self.stall.get().filter(|stall| stall.turn == kernel.board.borrow().turns)
    }

    /// Notifies the observers of a possible deadlock.
    pub(super) fn emit_stalled(&self, kernel: &Kernel, report: &DeadlockReport) {
        if let Some(watch) = self.has_watch() {
            watch.each(kernel, |observer| observer.stalled(report));
        }
    }

    /// Returns how long until the callback of `on_stall` is due; `None` if there is none, or it was called already.
    fn until_alarm(&self, stall: &Stall, elapsed: Duration) -> Option<Duration> {
        let alarm = self.stall_alarm.borrow();
        let alarm = alarm.as_ref().filter(|_| !stall.was_reported)?;
        Some(alarm.after.saturating_sub(elapsed))
    }

    /// Returns how long until the stall is printed; `None` if it is not.
    fn until_warning(&self, outside: &Outside, elapsed: Duration) -> Option<Duration> {
        let is_usual = outside.remotes + outside.jobs > 0 || outside.is_armed;
        if is_usual || self.has_warned.get() || self.stall_alarm.borrow().is_some() {
            return None;
        }
        Some(self.settings.stall_warning?.saturating_sub(elapsed))
    }

    /// Calls the callback of `on_stall`, which is taken out of its cell for the call: it is user code.
    pub(super) fn call_alarm(&self, report: &DeadlockReport) {
        let Some(alarm) = self.stall_alarm.take() else { return };
        let mut taken = TakenAlarm { layers: self, alarm: Some(alarm) };
        if let Some(alarm) = &mut taken.alarm {
            (alarm.callback)(report);
        }
    }

    /// Puts the thread to sleep in a stall, for the shorter of two lengths of time at most; the second one is not shown
    /// to observers, since it has nothing to do with what the program does. If only wakers held elsewhere can end the
    /// stall, it [looks again](Stall::until_look) from time to time whether there still are any, since nothing is posted
    /// when one is dropped unused.
    fn sleep_stalled(
        &self,
        kernel: &Kernel,
        mut stall: Stall,
        [announced, silent]: [Option<Duration>; 2],
        has_only_wakers: bool,
    ) {
        let left = announced.into_iter().chain(silent).min();
        let until = left.map(|left| stall.elapsed().saturating_add(left));
        self.emit_parked(kernel, announced);
        loop {
            let elapsed = stall.elapsed();
            let left = until.map(|until| until.saturating_sub(elapsed));
            let look = has_only_wakers.then(|| stall.until_look(elapsed));
            self.park_thread(kernel, left.into_iter().chain(look).min());
            let is_due = until.is_some_and(|until| until <= stall.elapsed());
            let must_wait = || !kernel.has_work() && kernel.board.borrow_mut().reclaim_bells() > 0;
            if is_due || !has_only_wakers || !must_wait() {
                break;
            }
        }
        self.stall.set(Some(stall));
        emit(kernel, || Transition::Unparked);
    }
}

/// The alarm, during its call. It is put back even if that panics: the panic is the run's, and later runs need it.
struct TakenAlarm<'l> {
    layers: &'l Layers,
    alarm: Option<Box<StallAlarm>>,
}

impl Drop for TakenAlarm<'_> {
    fn drop(&mut self) {
        self.layers.stall_alarm.replace(self.alarm.take());
    }
}

/// The environment variable that keeps stalls from being printed.
const SILENT: &str = "TURNWISE_NO_STALL_WARNING";

/// Prints a stall on stderr, unless the environment forbids it. If that fails, nothing can be done.
fn print_stall(elapsed: Duration, report: &DeadlockReport) {
    if std::env::var_os(SILENT).is_some_and(|value| !value.is_empty()) {
        return;
    }
    let seconds = elapsed.as_secs_f32();
    run_quietly(|| {
        eprintln!(
            "turnwise: nothing has run for {seconds:.1} s\n{report}\n\
             This is printed once. `Builder::on_stall` receives it instead; \
             `Builder::stall_warning(Duration::MAX)` or {SILENT}=1 in the environment silences it."
        );
    });
}

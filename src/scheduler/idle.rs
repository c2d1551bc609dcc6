//! Between passes, and when nothing is ready: the mail, the timers, sleep, and the verdict.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::kernel::Key;
use crate::kernel::Put;
use crate::kernel::Run;
use crate::kernel::Seat;
use crate::kernel::burn;
use crate::kernel::thread;
use crate::kernel::wake_safely;
use crate::kernel::{Board, Kernel};
use crate::kernel::{Call, Letter};
use crate::report::Waiter;
use crate::report::{Cause, Transition};
use crate::scheduler::error::RunError;
use crate::scheduler::park::{Park, ThreadParker};
use crate::scheduler::snapshot;
use crate::time::Sleeper;
use crate::time::{Nanos, later, nanos};

impl Run<'_, '_> {
    /// Returns whether there is mail, or the clock and the I/O must be looked at although tasks are ready, so
    /// that those cannot keep them waiting.
    #[inline]
    pub(crate) fn is_time_to_look(&self, board: &Board) -> bool {
        self.kernel.mailbox.looks_full() || board.turns >= self.kernel.look_again.get()
    }

    /// Looks at everything from which a wake can come.
    #[cold]
    pub(crate) fn look_around(&mut self) {
        if self.kernel.mailbox.looks_full() {
            self.collect_mail();
        }
        if self.kernel.board.borrow().turns >= self.kernel.look_again.get() {
            self.fire_timers();
            self.look_at_io();
        }
        self.is_over |= self.kernel.time_is_over.get();
        if self.kernel.failure.borrow().is_some() {
            // That ends the run; if it is not one that can tell of it, the next one as well.
            self.kernel.look_again.set(0);
            self.kernel.end_everyone(self.root.as_ref().map(Seat::key));
            self.is_over = true;
        }
    }

    /// Schedules the tasks that were woken by other threads since the last look.
    fn collect_mail(&self) {
        let kernel = self.kernel;
        let mut letters = mem::take(&mut kernel.board.borrow_mut().read_letters);
        kernel.mailbox.collect(&mut letters);
        kernel.board.borrow_mut().letters += letters.len() as u64;
        for letter in letters.drain(..) {
            match letter {
                Letter::Wake(key) => kernel.answer(key),
                Letter::Call(call) => kernel.obey(call),
                Letter::Farewell => {}
            }
        }
        kernel.board.borrow_mut().read_letters = letters; // For its capacity.
    }

    fn look_at_io(&self) {
        self.kernel.with_park(|park| {
            if park.may_wake() {
                park.park(Some(Duration::ZERO));
            }
        });
    }

    /// Wakes everyone whose deadline has come; `true` if there was anyone.
    pub(crate) fn fire_timers(&mut self) -> bool {
        self.kernel.look_again.set(self.kernel.board.borrow().turns + TURNS_BETWEEN_LOOKS);
        self.kernel.fire_due()
    }

    /// Moves a virtual clock to the next deadline; `false` if there is none.
    pub(crate) fn jump(&mut self) -> bool {
        let kernel = self.kernel;
        let Some(deadline) = kernel.board.borrow_mut().timers.next_deadline() else { return false };
        kernel.clock.jump(deadline);
        if kernel.watched.get() {
            kernel.emit(Transition::ClockJumped { to: kernel.clock.instant(deadline) });
        }
        self.fire_timers();
        true
    }

    /// Nothing is ready: waits until something is, or finds that nothing ever will be.
    pub(crate) fn idle(&mut self) -> Result<(), RunError> {
        thread::end_turn();
        // The look before may have ended the run.
        if self.is_over || self.fire_timers() {
            return Ok(());
        }
        let kernel = self.kernel;
        let is_done = self.root.is_none() && kernel.is_nobody_left() && !kernel.waits_for_jobs();
        if is_done || !self.may_wait {
            self.is_over = true;
            return Ok(());
        }
        if kernel.clock.is_virtual() {
            // It stands still while blocking jobs run: their time is no time of this clock's.
            let moved = kernel.jobs_awaited() == 0 && self.jump();
            return if moved { Ok(()) } else { self.stall() };
        }
        let deadline = kernel.board.borrow().timers.next_wakeup();
        match deadline {
            Some(deadline) => self.park_until(deadline),
            None => return self.stall(),
        }
        Ok(())
    }

    /// Nothing is ready and no timer runs. Either that is the end, or somebody else must act.
    ///
    /// The order of the looks is the proof. Whoever rings from another thread posts first and drops his
    /// waker then; so who counts the wakers first (none, and there can be no new one then) and looks into
    /// the mailbox after that has seen every letter there will ever be. The other way round a letter posted
    /// in between would make a false alarm. With blocking jobs it is the same.
    fn stall(&mut self) -> Result<(), RunError> {
        let kernel = self.kernel;
        let armed = kernel.with_park(|park| park.may_wake()).unwrap_or(false);
        let jobs = kernel.jobs_awaited();
        let awaited = kernel.board.borrow_mut().reclaim_bells() + kernel.mailbox.remotes();
        let certain = !armed && awaited + jobs == 0;
        if !kernel.mailbox.is_empty() || !kernel.board.borrow().ready.is_empty() {
            return Ok(());
        }
        if certain {
            let report = Box::new(snapshot::deadlock(kernel, true));
            // Whoever was asked for the report may have done something about it.
            return if kernel.nothing_to_do() { Err(RunError::Deadlock(report)) } else { Ok(()) };
        }
        let turns = kernel.board.borrow().turns;
        if jobs == 0 && self.stalled != Some(turns) {
            self.stalled = Some(turns);
            kernel.tell_stalled();
            return Ok(()); // Whoever was told may have done something about it.
        }
        let mut alarm = kernel.stall_alarm.take();
        let left = alarm.as_mut().and_then(|alarm| alarm.time_left(turns));
        match &mut alarm {
            Some(alarm) if left.is_some_and(|left| left.is_zero()) => {
                (alarm.tell)(&snapshot::deadlock(kernel, false));
            }
            _ => self.park(left.into_iter().chain(kernel.patience_left()).min()),
        }
        kernel.stall_alarm.replace(alarm);
        Ok(())
    }

    /// Sleeps until a deadline, rounded up so that deadlines close together are one wake-up.
    fn park_until(&mut self, deadline: Nanos) {
        let clock = &self.kernel.clock;
        let slack = nanos(self.kernel.settings.timer_slack).max(1);
        let rounded = deadline.checked_next_multiple_of(slack).unwrap_or(deadline);
        let left = rounded.saturating_sub(clock.latest());
        self.park(Some(Duration::from_nanos(left)));
    }

    /// Lets the thread sleep, unless there is something to do after all.
    fn park(&mut self, timeout: Option<Duration>) {
        let kernel = self.kernel;
        if kernel.watched.get() {
            let until = timeout.map(|left| later(kernel.clock.latest(), nanos(left)));
            kernel
                .emit(Transition::Parked { until: until.map(|until| kernel.clock.instant(until)) });
        }
        if kernel.park.borrow().is_none() {
            kernel.park.replace(Some(Box::new(ThreadParker::new())));
        }
        kernel.with_park(|park| {
            let unparker = park.unparker();
            // The observer has just run, and may have woken a task; and a letter may have come.
            if kernel.board.borrow().ready.is_empty() && kernel.mailbox.wake_me(unparker) {
                kernel.board.borrow_mut().parks += 1;
                park.park(timeout);
                drop(kernel.mailbox.sleeper());
            }
        });
        if kernel.watched.get() {
            kernel.emit(Transition::Unparked);
        }
    }
}

/// After so many turns the clock and the I/O are looked at. Reading the clock costs two turns.
const TURNS_BETWEEN_LOOKS: u64 = 64;

impl Board {
    /// Takes back the bells that have come home; returns how many tasks still have wakers elsewhere, or
    /// had when the search was given up: the first bell that is not home ends it.
    fn reclaim_bells(&mut self) -> usize {
        while let Some(task) = self.bells.last_if_home() {
            self.release_bell(task.slot);
        }
        self.bells.kept_count()
    }
}

impl Kernel {
    /// Schedules a task that was woken from another thread.
    fn answer(&self, key: Key) {
        let put = {
            let mut guard = self.board.borrow_mut();
            let board = &mut *guard;
            if let Some(tenant) = board.taskmap.tenant(key)
                && !tenant.bell.is_none()
            {
                // First silence the bell, then schedule: who rings in between posts a new letter.
                board.bells.kept(tenant.bell).silence();
            }
            board.schedule(key)
        };
        self.announce(key, put, || Cause::Mail);
    }

    /// Does what another thread asked for. Its panic is that of a closure of ours or of a destructor, and
    /// must not keep the letters behind it from being read.
    fn obey(&self, call: Call) {
        let Some(kernel) = thread::find(self.id) else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| call(&kernel))) {
            burn(payload);
        }
    }

    /// Wakes everyone whose deadline has come; `true` if there was anyone.
    pub(crate) fn fire_due(&self) -> bool {
        let mut board = self.board.borrow_mut();
        if board.timers.armed() == 0 && !board.timers.has_fresh() {
            return false;
        }
        let now = self.clock.now();
        // A sleep made by a destructor or a callback was made after the last turn, and is settled here.
        board.timers.settle(now);
        board.timers.collect_due(now);
        let mut fired = false;
        while let Some(sleeper) = board.timers.fire() {
            fired = true;
            match sleeper {
                // A task of ours, and nobody watches: no code of the user's runs.
                Sleeper::Task(key) if !self.watched.get() => {
                    if board.schedule(key) == Put::AtHost {
                        drop(board);
                        self.ring_host(key);
                        board = self.board.borrow_mut();
                    }
                }
                sleeper => {
                    drop(board);
                    self.wake_by_timer(sleeper);
                    board = self.board.borrow_mut();
                }
            }
        }
        fired
    }

    #[cold]
    fn wake_by_timer(&self, sleeper: Sleeper<Waiter>) {
        if self.watched.get() {
            self.emit(Transition::TimerFired);
        }
        match sleeper {
            Sleeper::Stranger(waiter) => wake_safely(waiter),
            Sleeper::Task(key) => {
                let put = self.board.borrow_mut().schedule(key);
                self.announce(key, put, || Cause::Timer);
            }
        }
    }

    /// Uses what the thread sleeps in, taken out of its place meanwhile: it is code of the user's.
    fn with_park<R>(&self, call: impl FnOnce(&mut dyn Park) -> R) -> Option<R> {
        let mut park = self.park.borrow_mut().take()?;
        let result = call(&mut *park);
        self.park.replace(Some(park));
        Some(result)
    }

    fn nothing_to_do(&self) -> bool {
        self.mailbox.is_empty() && self.board.borrow().ready.is_empty()
    }

    /// Tells the observer that nothing can run unless somebody outside acts.
    fn tell_stalled(&self) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            let report = snapshot::deadlock(self, false);
            self.guard(move || observer.stalled(&report));
        }
    }
}

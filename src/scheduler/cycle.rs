//! A root that waits for a cycle of tasks, while other tasks run on: no verdict is possible, but a report is.

use std::time::Duration;

use crate::kernel::{Kernel, Key};
use crate::scheduler::parts::Layers;
use crate::scheduler::reports;
use crate::scheduler::root_wait::RootWait;
use crate::scheduler::stall::Stall;

impl Layers {
    /// Looks from time to time whether the root waits for tasks that wait for each other, and reports that once. Returns
    /// whether it has, which runs user code.
    #[inline]
    pub(super) fn look_behind_root(&self, kernel: &Kernel, root: Option<Key>) -> bool {
        match root {
            Some(root) if self.has_stall_listener() => self.look_behind(kernel, root),
            _ => false,
        }
    }

    fn has_stall_listener(&self) -> bool {
        self.has_stall_alarm || self.has_watch().is_some_and(|watch| watch.has_observers())
    }

    #[cold]
    fn look_behind(&self, kernel: &Kernel, root: Key) -> bool {
        let now = self.time(kernel).clock.now();
        let turn = kernel.board.borrow().taskmap.get(root).map(|slot| slot.last_turn);
        let Some(turn) = turn else { return false };
        let mut wait = self.root_wait.get();
        if wait.turn != turn {
            wait = RootWait::begin(turn, now);
        }
        let is_due = wait.is_due(now);
        self.root_wait.set(wait);
        if !is_due {
            return false;
        }
        let Some(report) = reports::stuck_root(self, kernel, root) else { return false };
        wait.end_looks();
        self.root_wait.set(wait);
        // In a stall, this is its report, unless that has come already, which has all of this.
        let stall = self.current_stall(kernel);
        self.stall.set(stall.map(Stall::told));
        if !stall.is_some_and(|stall| stall.was_observed) {
            self.emit_stalled(kernel, &report);
        }
        if !stall.is_some_and(|stall| stall.was_reported) {
            self.call_alarm(&report);
        }
        true
    }

    /// Returns how long until the next look behind the root of a run, which a sleep must not last beyond.
    pub(super) fn until_look_behind(&self, kernel: &Kernel, root: Option<Key>) -> Option<Duration> {
        let is_expected =
            root.is_some() && !self.settings.virtual_time && self.has_stall_listener();
        let clock = is_expected.then(|| &self.time(kernel).clock)?;
        self.root_wait.get().until_look(clock.now())
    }
}

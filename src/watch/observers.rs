//! Telling of what happens: the observer, the trail of `step`, and the hook of `on_wake`.
//!
//! Nothing here is looked at unless `watched` says that somebody wants to know.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kernel::Kernel;
use crate::kernel::burn;
use crate::kernel::{Key, TaskId};
use crate::report::{Cause, Transition, TurnResult};
use crate::scheduler::snapshot;

impl Kernel {
    /// Tells everyone who wants to know. Called with nothing borrowed, and only if somebody does.
    #[cold]
    pub(crate) fn emit(&self, transition: Transition) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            let transition = &transition;
            self.guard(move || observer.transition(transition));
        }
        if let Some(ledger) = &mut *self.ledger.borrow_mut() {
            ledger.note(&transition, self.clock.now());
        }
        if let Some(trail) = &mut *self.trail.borrow_mut() {
            trail.transitions.push(transition);
        }
    }

    /// Runs code of the observer; if that panics there is no observer any more.
    pub(crate) fn guard(&self, call: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            let observer = self.observer.take();
            self.look_who_watches();
            burn(payload);
            burn(observer);
        }
    }

    /// Brings `watched` up to date.
    pub(crate) fn look_who_watches(&self) {
        let somebody = self.observer.borrow().is_some()
            || self.trail.borrow().is_some()
            || self.ledger.borrow().is_some()
            || self.hook.borrow().is_some();
        self.watched.set(somebody);
        self.in_full.set(somebody || self.meter.is_some());
    }

    #[cold]
    pub(crate) fn tell_spawned(&self, key: Key) {
        let spawned = {
            let board = self.board.borrow();
            board.taskmap.look(key).and_then(|slot| {
                let name = board.taskmap.name(key.slot);
                Some(Transition::Spawned { task: slot.id()?, name, place: slot.spawned_at })
            })
        };
        if let Some(spawned) = spawned {
            self.emit(spawned);
        }
        self.tell_scheduled(key, Cause::Spawn);
        if self.ledger.borrow().is_some() {
            self.turn_away(key);
        }
    }

    #[cold]
    pub(crate) fn tell_turn_began(&self, key: Key) {
        if let Some((task, turn)) = self.turn_of(key) {
            if let Some(trail) = &mut *self.trail.borrow_mut() {
                trail.turns.extend(snapshot::label(&self.board.borrow(), key));
            }
            self.emit(Transition::TurnBegan { task, turn });
        }
    }

    #[cold]
    pub(crate) fn tell_turn_ended(&self, key: Key, result: TurnResult) {
        if let Some((task, turn)) = self.turn_of(key) {
            self.emit(Transition::TurnEnded { task, turn, result });
            if result == TurnResult::Yielded {
                self.tell_scheduled(key, Cause::Task(task));
            }
        }
    }

    /// A task, and the number of its last turn. Not that of the last turn of all: turns nest.
    fn turn_of(&self, key: Key) -> Option<(TaskId, u64)> {
        let board = self.board.borrow();
        let slot = board.taskmap.look(key)?;
        Some((slot.id()?, slot.last_turn))
    }

    #[cold]
    pub(crate) fn tell_scheduled(&self, key: Key, cause: Cause) {
        if let Some(task) = self.id_of(key) {
            self.emit(Transition::Scheduled { task, cause });
        }
        if self.running.get().is_none() {
            // Whoever drives this scheduler from outside wants to know that there is something to do.
            self.call_hook();
        }
    }

    /// Leaves word that whoever drives this scheduler wants to hear of the next wake; or tells him at once,
    /// if there is something to do already.
    pub(crate) fn arm_hook(&self) {
        let Some(hook) = self.hook.borrow().clone() else { return };
        let is_idle = self.board.borrow().ready.is_empty();
        if !is_idle || !self.mailbox.wake_me(hook.clone()) {
            // A hook that panics must not break the end of a run.
            self.guard_hook(|| hook.wake());
        }
    }

    /// Calls what `on_wake` installed, unless it was called already since the last run.
    pub(crate) fn call_hook(&self) {
        if let Some(sleeper) = self.mailbox.sleeper() {
            self.guard_hook(|| sleeper.wake());
        }
    }

    /// Runs code of the hook; if that panics there is no hook any more.
    fn guard_hook(&self, call: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            let hook = self.hook.take();
            self.look_who_watches();
            burn(payload);
            burn(hook);
        }
    }
}

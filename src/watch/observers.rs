//! Notification of events: the observers, the log of `step`, and the `on_wake` hook.
//!
//! The kernel traces tasks while [`Flags::TRACE`] is set: as long as anything here listens.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;

use crate::kernel::{By, Flags, Kernel, Key, TaskEvent, TaskId, current_task, drop_quietly};
use crate::report::id_of;
use crate::report::{Cause, Observer, Transition, TurnResult, label, name_of};
use crate::watch::hook::WakeHook;
use crate::watch::step::TurnLog;

/// What watches a scheduler.
pub(crate) struct Watch {
    /// In the order in which they were added.
    observers: RefCell<Vec<Rc<dyn Observer>>>,
    /// The log that `step` reads, while it gives its turn.
    log: RefCell<Option<Box<TurnLog>>>,
    hook: WakeHook,
    /// Whether another layer traces turns too, even if nothing listens here.
    is_always_traced: bool,
}

impl Watch {
    pub(crate) fn new(is_always_traced: bool) -> Self {
        let (observers, log) = (RefCell::default(), RefCell::default());
        Watch { observers, log, hook: WakeHook::default(), is_always_traced }
    }

    /// Adds an observer.
    pub(crate) fn add(&self, kernel: &Kernel, observer: Rc<dyn Observer>) {
        self.observers.borrow_mut().push(observer);
        self.update(kernel);
    }

    /// Removes an observer; does nothing if it was removed before.
    pub(crate) fn remove(&self, kernel: &Kernel, observer: &Rc<dyn Observer>) {
        let gone = {
            let mut observers = self.observers.borrow_mut();
            let position = observers.iter().position(|other| Rc::ptr_eq(other, observer));
            position.map(|position| observers.remove(position))
        };
        self.update(kernel);
        drop(gone);
    }

    /// Starts the log of a turn, or ends it and returns the log.
    pub(crate) fn set_log(
        &self,
        kernel: &Kernel,
        log: Option<Box<TurnLog>>,
    ) -> Option<Box<TurnLog>> {
        let old = self.log.replace(log);
        self.update(kernel);
        old
    }

    /// Installs the `on_wake` hook. The old one is user code, to be dropped with nothing borrowed.
    pub(crate) fn set_hook(&self, kernel: &Kernel, hook: Waker) -> Option<Waker> {
        let old = self.hook.replace(Some(hook));
        self.update(kernel);
        if kernel.running.get().is_none() {
            self.arm_hook(kernel);
        }
        old
    }

    /// Arms the hook, if there is one, for the next wake: the scheduler is no longer running.
    pub(crate) fn arm_hook(&self, kernel: &Kernel) {
        if !self.hook.arm(kernel) {
            self.update(kernel);
        }
    }

    /// Drops all of them, at the end of the scheduler.
    pub(crate) fn close(&self) {
        let (observers, hook) = (self.observers.take(), self.hook.replace(None));
        drop_quietly(hook);
        observers.into_iter().for_each(drop_quietly);
    }

    pub(crate) fn has_observers(&self) -> bool {
        !self.observers.borrow().is_empty()
    }

    fn listens(&self) -> bool {
        self.has_observers() || self.log.borrow().is_some() || self.hook.is_set()
    }

    /// Sets the flag that stands for all of them.
    fn update(&self, kernel: &Kernel) {
        kernel.board.borrow_mut().flags.set(Flags::TRACE, self.is_always_traced || self.listens());
    }

    // ----- events from the kernel -----

    pub(crate) fn trace(&self, kernel: &Kernel, key: Key, event: TaskEvent) {
        if !self.listens() {
            return;
        }
        match event {
            TaskEvent::Spawned => self.spawned(kernel, key),
            TaskEvent::TurnBegins => self.turn_begins(kernel, key),
            TaskEvent::TurnEnds(true) => self.turn_ends(kernel, key, TurnResult::Yielded),
            TaskEvent::TurnEnds(false) => self.turn_ends(kernel, key, TurnResult::Waiting),
            TaskEvent::LastTurnEnds(ending) => {
                self.turn_ends(kernel, key, TurnResult::Exited(ending));
            }
            TaskEvent::Exited(task, ending) => {
                self.emit(kernel, &Transition::Exited { task, ending });
            }
        }
    }

    pub(crate) fn scheduled(&self, kernel: &Kernel, key: Key, by: By) {
        if !self.listens() {
            return;
        }
        let cause = match by {
            By::Task(task) => Cause::Task(task),
            By::Timer => Cause::Timer,
            By::Mail => Cause::Mail,
            By::Current => {
                let own = current_task().filter(|task| task.scheduler == kernel.id);
                own.and_then(|task| id_of(kernel, task.key)).map_or(Cause::Outside, Cause::Task)
            }
        };
        self.emit_scheduled(kernel, key, cause);
    }

    fn spawned(&self, kernel: &Kernel, key: Key) {
        let spawned = {
            let board = kernel.board.borrow();
            board.taskmap.get(key).and_then(|slot| {
                let name = name_of(&board.taskmap, key.slot);
                Some(Transition::Spawned { task: slot.id()?, name, place: slot.spawned_at })
            })
        };
        if let Some(spawned) = spawned {
            self.emit(kernel, &spawned);
        }
        self.emit_scheduled(kernel, key, Cause::Spawn);
    }

    fn turn_begins(&self, kernel: &Kernel, key: Key) {
        let Some((task, turn)) = turn_of(kernel, key) else { return };
        if let Some(log) = &mut *self.log.borrow_mut() {
            log.begin_turn(label(&kernel.board.borrow(), key));
        }
        self.emit(kernel, &Transition::TurnBegan { task, turn });
    }

    fn turn_ends(&self, kernel: &Kernel, key: Key, result: TurnResult) {
        let Some((task, turn)) = turn_of(kernel, key) else { return };
        self.emit(kernel, &Transition::TurnEnded { task, turn, result });
        if result == TurnResult::Yielded {
            self.emit_scheduled(kernel, key, Cause::Task(task));
        }
    }

    fn emit_scheduled(&self, kernel: &Kernel, key: Key, cause: Cause) {
        if let Some(task) = id_of(kernel, key) {
            self.emit(kernel, &Transition::Scheduled { task, cause });
        }
        // A foreign loop that drives this scheduler must be notified that there is something to do.
        if kernel.running.get().is_none() && !self.hook.call(kernel) {
            self.update(kernel);
        }
    }

    // ----- notifying -----

    /// Emits a transition. Called with nothing borrowed.
    pub(crate) fn emit(&self, kernel: &Kernel, transition: &Transition) {
        self.each(kernel, |observer| observer.transition(transition));
        if let Some(log) = &mut *self.log.borrow_mut() {
            log.add(transition);
        }
    }

    /// Calls every observer, and removes one that panics.
    pub(crate) fn each(&self, kernel: &Kernel, call: impl Fn(&dyn Observer)) {
        let mut number = 0;
        loop {
            // A statement of its own, so that nothing is borrowed while an observer runs.
            let observer = self.observers.borrow().get(number).cloned();
            let Some(observer) = observer else { return };
            match catch_unwind(AssertUnwindSafe(|| call(&*observer))) {
                Ok(()) => number += 1,
                Err(payload) => {
                    self.remove(kernel, &observer);
                    drop_quietly(payload);
                    drop_quietly(observer);
                }
            }
        }
    }
}

/// Emits a transition to whatever watches a scheduler, for the layers above. Does nothing if nothing listens.
pub(crate) fn emit(kernel: &Kernel, transition: impl FnOnce() -> Transition) {
    if kernel.is_traced()
        && let Some(watch) = kernel.part::<Watch>()
        && watch.listens()
    {
        watch.emit(kernel, &transition());
    }
}

/// Returns a task's id and the number of its last turn, which need not be the scheduler's last turn: turns nest.
fn turn_of(kernel: &Kernel, key: Key) -> Option<(TaskId, u64)> {
    let board = kernel.board.borrow();
    let slot = board.taskmap.get(key)?;
    Some((slot.id()?, slot.last_turn))
}

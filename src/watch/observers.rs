//! Notification of events: the observers, the log of `step`, and the `on_wake` hook.
//!
//! The kernel traces tasks while [`Flags::TRACE`] is set: as long as anything here listens.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;

use crate::kernel::{By, Flags, Kernel, Key, TaskEvent, TaskId, current_task, drop_quietly, find};
use crate::machine::{Instant, real_time};
use crate::report::id_of;
use crate::report::{
    Cause, Detail, Observer, Transition, TurnResult, id_anywhere, label, name_of, text_of,
};
use crate::watch::details::{detail, is_detailed, observe, set_detailed, take_details};
use crate::watch::hook::WakeHook;
use crate::watch::step::TurnLog;

/// What watches a scheduler.
pub(crate) struct Watch {
    /// In the order in which they were added.
    observers: RefCell<Vec<Installed>>,
    /// The log that `step` reads, while it gives its turn.
    log: RefCell<Option<Box<TurnLog>>>,
    hook: WakeHook,
    /// An observer is being called, and what has happened since then.
    is_emitting: Cell<bool>,
    later: RefCell<VecDeque<(Instant, Transition)>>,
    /// One of the observers receives details.
    is_detailed: Cell<bool>,
    /// Whether another layer traces turns too, even if nothing listens here.
    is_always_traced: bool,
}

/// An observer, and whether it receives details.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) observer: Rc<dyn Observer>,
    pub(crate) is_detailed: bool,
}

impl Watch {
    pub(crate) fn new(is_always_traced: bool) -> Self {
        let (observers, log) = (RefCell::default(), RefCell::default());
        Watch {
            observers,
            log,
            hook: WakeHook::default(),
            is_emitting: Cell::new(false),
            later: RefCell::default(),
            is_detailed: Cell::new(false),
            is_always_traced,
        }
    }

    /// Adds an observer.
    pub(crate) fn add(&self, kernel: &Kernel, observer: Installed) {
        self.observers.borrow_mut().push(observer);
        self.update(kernel);
    }

    /// Removes an observer; does nothing if it was removed before.
    pub(crate) fn remove(&self, kernel: &Kernel, observer: &Rc<dyn Observer>) {
        let gone = {
            let mut observers = self.observers.borrow_mut();
            let position = observers.iter().position(|other| Rc::ptr_eq(&other.observer, observer));
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
    pub(crate) fn close(&self, kernel: &Kernel) {
        if self.is_detailed.get() {
            emit_details();
            set_detailed(kernel.id, false);
        }
        let (observers, hook) = (self.observers.take(), self.hook.replace(None));
        drop_quietly(hook);
        observers.into_iter().for_each(|installed| drop_quietly(installed.observer));
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
        let is_detailed = self.observers.borrow().iter().any(|installed| installed.is_detailed);
        if is_detailed != self.is_detailed.replace(is_detailed) {
            kernel.board.borrow_mut().flags.set(Flags::DETAIL, is_detailed);
            set_detailed(kernel.id, is_detailed);
        }
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
        let cause = cause_of(kernel, by);
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
    ///
    /// What happens while an observer is called, such as a wake by the observer, is emitted after every observer has
    /// received what happened before: all of them receive everything in the same order.
    pub(crate) fn emit(&self, kernel: &Kernel, transition: &Transition) {
        emit_details();
        if self.is_emitting.replace(true) {
            let later = (real_time(), transition.clone());
            return self.later.borrow_mut().push_back(later);
        }
        observe(None, || self.emit_now(kernel, transition));
        self.emit_later(kernel);
    }

    fn emit_now(&self, kernel: &Kernel, transition: &Transition) {
        let is_detail = matches!(transition, Transition::Detail(_));
        self.each_of(kernel, is_detail, |observer| observer.transition(transition));
        if !is_detail && let Some(log) = &mut *self.log.borrow_mut() {
            log.add(transition);
        }
    }

    /// Emits what has happened while observers were called.
    fn emit_later(&self, kernel: &Kernel) {
        loop {
            let next = self.later.borrow_mut().pop_front();
            let Some((at, next)) = next else { break };
            observe(Some(at), || self.emit_now(kernel, &next));
            emit_details();
        }
        self.is_emitting.set(false);
    }

    /// Emits a detail, to those that receive details.
    pub(super) fn emit_detail(&self, kernel: &Kernel, at: Instant, detail: Detail) {
        let detail = Transition::Detail(detail);
        if self.is_emitting.replace(true) {
            return self.later.borrow_mut().push_back((at, detail));
        }
        observe(Some(at), || self.emit_now(kernel, &detail));
        self.emit_later(kernel);
    }

    /// Calls every observer, and removes one that panics.
    pub(crate) fn each(&self, kernel: &Kernel, call: impl Fn(&dyn Observer)) {
        self.each_of(kernel, false, call);
    }

    fn each_of(&self, kernel: &Kernel, only_detailed: bool, call: impl Fn(&dyn Observer)) {
        let mut number = 0;
        loop {
            // A statement of its own, so that nothing is borrowed while an observer runs.
            let observer = self.observers.borrow().get(number).cloned();
            let Some(Installed { observer, is_detailed }) = observer else { return };
            if only_detailed && !is_detailed {
                number += 1;
                continue;
            }
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

/// Emits the details that were recorded. Runs observers: nothing may be borrowed.
#[inline]
pub(crate) fn emit_details() {
    if is_detailed() {
        emit_recorded();
    }
}

#[cold]
fn emit_recorded() {
    for (scheduler, at, detail) in take_details() {
        let Some(kernel) = find(scheduler) else { continue };
        if let Some(watch) = kernel.part::<Watch>() {
            watch.emit_detail(&kernel, at, detail);
        }
    }
}

fn cause_of(kernel: &Kernel, by: By) -> Cause {
    match by {
        By::Task(task) => Cause::Task(task),
        By::Timer => Cause::Timer,
        By::Mail => Cause::Mail,
        By::Current => {
            let own = current_task().filter(|task| task.scheduler == kernel.id);
            own.and_then(|task| id_of(kernel, task.key)).map_or(Cause::Outside, Cause::Task)
        }
    }
}

/// Returns a task's id and the number of its last turn, which need not be the scheduler's last turn: turns nest.
fn turn_of(kernel: &Kernel, key: Key) -> Option<(TaskId, u64)> {
    let board = kernel.board.borrow();
    let slot = board.taskmap.get(key)?;
    Some((slot.id()?, slot.last_turn))
}

/// A task of a scheduler has panicked. The message is known if it is a string.
#[cold]
pub(crate) fn panicked(scheduler: NonZeroU32, task: Option<TaskId>, message: Option<&str>) {
    if let (Some(task), Some(message)) = (task, message) {
        detail(scheduler, || Detail::Panicked { task, message: message.into() });
    }
}

/// The task whose turn it is has panicked, and ends. Returns the message, if it is a string.
pub(crate) fn panicked_here(payload: &(dyn Any + Send)) -> Option<&str> {
    let message = text_of(payload);
    if is_detailed()
        && let Some(task) = current_task()
    {
        panicked(task.scheduler, Some(id_anywhere(task)), message);
    }
    message
}

/// A wake has changed nothing.
pub(crate) fn woken_again(kernel: &Kernel, key: Key, by: By) {
    if let Some(task) = id_of(kernel, key) {
        let cause = cause_of(kernel, by);
        detail(kernel.id, || Detail::WokenAgain { task, cause });
    }
}

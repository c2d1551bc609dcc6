//! What to wake for a region to be polled.

use std::rc::Rc;
use std::task::Waker;

use crate::kernel::{Flags, TaskKey, drop_quietly, in_poll, run_quietly, schedule, set_turn_flag};

/// A task, or a foreign waker.
#[derive(Clone, Default)]
pub(super) struct Poller {
    pub(super) task: Option<TaskKey>,
    /// Shared, since cloning a foreign waker runs its owner's code.
    waker: Option<Rc<Waker>>,
}

impl Poller {
    pub(super) fn of_task(task: TaskKey) -> Self {
        Poller { task: Some(task), waker: None }
    }

    pub(super) fn of_foreign(waker: Waker) -> Self {
        Poller { task: None, waker: Some(Rc::new(waker)) }
    }

    /// Returns whether it is this task; or, if that is `None`, this waker.
    #[inline]
    pub(super) fn is_for(&self, task: Option<TaskKey>, waker: &Waker) -> bool {
        match (task, &self.waker) {
            (None, Some(own)) => own.will_wake(waker),
            (None, None) => false,
            (Some(_), own) => own.is_none() && self.task == task,
        }
    }

    /// Wakes it. May run a foreign waker's code, and ignores a panic of that.
    fn wake(self) {
        match self.task {
            // Recorded as if its own bell had rung: a region further out that looks later in this turn must not take
            // the turn for a rest.
            Some(task) if in_poll().is_some() && TaskKey::current() == Some(task) => {
                set_turn_flag(Flags::RUNG);
            }
            Some(task) => schedule(task),
            None => {}
        }
        if let Some(waker) = self.waker {
            run_quietly(|| waker.wake_by_ref());
            drop_quietly(waker);
        }
    }
}

/// Wakes all of them. Usually there are none.
#[inline]
pub(super) fn wake_all(woken: Vec<Poller>) {
    #[cold]
    fn wake_each(woken: Vec<Poller>) {
        woken.into_iter().for_each(Poller::wake);
    }
    if !woken.is_empty() {
        wake_each(woken);
    }
}

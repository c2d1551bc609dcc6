//! The details of timers, for the observers that receive them: each change of what [`Timers::waits`] lists.
//!
//! A timer that is created in a turn gets its deadline at the end of the turn, and is announced then.

use std::num::NonZeroU32;

use crate::kernel::TaskKey;
use crate::report::{Detail, TimerId, id_anywhere};
use crate::time::clock::Clock;
use crate::time::nanos::{NEVER, Nanos};
use crate::time::timers::{TimerKey, Timers};
use crate::watch::detail;

/// Sets the deadlines of the fresh timers, and announces those that are waited for.
#[cold]
pub(super) fn settle(scheduler: NonZeroU32, clock: &Clock, timers: &mut Timers, now: Nanos) {
    let fresh = timers.fresh_waits();
    timers.settle(now);
    for timer in fresh {
        let task = timers.wait_for(timer).and_then(|wait| wait.sleeper.task(scheduler));
        announce(scheduler, clock, timers, timer, task);
    }
}

/// A timer is about to be waited for by a task.
#[cold]
pub(super) fn arms(
    scheduler: NonZeroU32,
    clock: &Clock,
    timers: &Timers,
    timer: TimerKey,
    task: Option<TaskKey>,
) {
    if timers.has_fired(timer) {
        return;
    }
    let before = timers.wait_for(timer).map(|wait| wait.sleeper.task(scheduler));
    if before != Some(task) && timers.deadline(timer).is_some() {
        announce(scheduler, clock, timers, timer, task);
    }
}

fn announce(
    scheduler: NonZeroU32,
    clock: &Clock,
    timers: &Timers,
    timer: TimerKey,
    task: Option<TaskKey>,
) {
    let deadline = timers.deadline(timer).filter(|&deadline| deadline != NEVER);
    // In another scheduler, the id would be that of another task.
    let task = task.filter(|task| task.scheduler == scheduler);
    detail(scheduler, || Detail::TimerSet {
        timer: TimerId(timer.number()),
        task: task.map(id_anywhere),
        deadline: deadline.map(|deadline| clock.instant(deadline)),
        place: timers.place(timer),
    });
}

/// The next due timer, if there is one, is about to fire.
#[cold]
pub(super) fn fires(scheduler: NonZeroU32, timers: &Timers) {
    if let Some(timer) = timers.next_due() {
        let timer = TimerId(timer.number());
        detail(scheduler, || Detail::TimerGone { timer, has_fired: true });
    }
}

/// A timer is about to be removed.
#[cold]
pub(super) fn cancels(scheduler: NonZeroU32, timers: &Timers, timer: TimerKey) {
    if timers.deadline(timer).is_some() && timers.wait_for(timer).is_some() {
        let timer = TimerId(timer.number());
        detail(scheduler, || Detail::TimerGone { timer, has_fired: false });
    }
}

//! Details on their way to the observers.
//!
//! A detail is recorded inside of a lock, a channel or the timer heap, where no user code may run, and an observer is
//! user code. So details wait here, in a list of the thread, until the next transition or the next poll of a wait.
//! While no scheduler of the thread has a detailed observer, recording one is a test of one flag.

use std::cell::{Cell, RefCell};
use std::mem::{self, ManuallyDrop};
use std::num::NonZeroU32;

use crate::machine::{Instant, real_time};
use crate::report::Detail;

thread_local! {
    /// Whether a scheduler of this thread has a detailed observer.
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    /// Whether an observer is being called.
    static IS_OBSERVING: Cell<bool> = const { Cell::new(false) };
    /// While an observer is called with something that happened earlier: when that was.
    static HAPPENED: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Has no destructor, so that it can be used while other thread-locals are being destroyed.
    static PENDING: RefCell<ManuallyDrop<Pending>> = const {
        RefCell::new(ManuallyDrop::new(Pending { schedulers: Vec::new(), details: Vec::new() }))
    };
}

struct Pending {
    /// The schedulers that have a detailed observer.
    schedulers: Vec<NonZeroU32>,
    /// Each with the scheduler that it is about, and the machine's time.
    details: Vec<(NonZeroU32, Instant, Detail)>,
}

/// Returns when that happened which an observer is being called with, by the machine's clock; `None` if it happens now.
#[allow(dead_code, reason = "for the feature `record`")]
pub(crate) fn happened_at() -> Option<Instant> {
    HAPPENED.get()
}

/// Returns whether an observer is being called.
#[allow(dead_code, reason = "for the feature `record`")]
pub(crate) fn is_observing() -> bool {
    IS_OBSERVING.get()
}

/// Calls observers, whose panics are caught, with something that happened at this time; `None` for now.
pub(super) fn observe(at: Option<Instant>, call: impl FnOnce()) {
    let before = (HAPPENED.replace(at), IS_OBSERVING.replace(true));
    call();
    HAPPENED.set(before.0);
    IS_OBSERVING.set(before.1);
}

/// Returns whether a scheduler of this thread has a detailed observer.
#[inline]
pub(crate) fn is_detailed() -> bool {
    IS_ON.get()
}

/// Records a detail about a scheduler. `make` must run no user code.
#[inline]
pub(crate) fn detail(scheduler: NonZeroU32, make: impl FnOnce() -> Detail) {
    if IS_ON.get() {
        record(scheduler, make);
    }
}

#[cold]
fn record(scheduler: NonZeroU32, make: impl FnOnce() -> Detail) {
    let is_watched = PENDING.with(|all| all.borrow().schedulers.contains(&scheduler));
    if is_watched {
        let detail = make();
        PENDING.with(|all| all.borrow_mut().details.push((scheduler, real_time(), detail)));
    }
}

/// Records a detail about every scheduler that records details.
#[cold]
pub(crate) fn detail_everywhere(make: impl Fn() -> Detail) {
    PENDING.with(|all| {
        let Pending { schedulers, details } = &mut **all.borrow_mut();
        let now = real_time();
        details.extend(schedulers.iter().map(|&scheduler| (scheduler, now, make())));
    });
}

/// Starts or stops recording the details of a scheduler.
pub(super) fn set_detailed(scheduler: NonZeroU32, on: bool) {
    let gone = PENDING.with(|all| {
        let all = &mut *all.borrow_mut();
        all.schedulers.retain(|&other| other != scheduler);
        if on {
            all.schedulers.push(scheduler);
        }
        IS_ON.set(!all.schedulers.is_empty());
        if all.schedulers.is_empty() {
            all.schedulers = Vec::new(); // No destructor will free the buffers.
            return mem::take(&mut all.details);
        }
        Vec::new()
    });
    drop(gone);
}

/// Takes what was recorded, in its order, each with the scheduler that it is about, and the machine's time.
pub(super) fn take_details() -> Vec<(NonZeroU32, Instant, Detail)> {
    PENDING.with(|all| mem::take(&mut all.borrow_mut().details))
}

//! The regions of a thread, and which of them is being polled.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cancel::poller::{Poller, wake_all};
use crate::cancel::top::{TASK, top};
use crate::cancel::tree::Regions;

thread_local! {
    /// Has no destructor, so that it can be used while other thread-locals are being destroyed.
    static REGIONS: RefCell<ManuallyDrop<Regions>> =
        const { RefCell::new(ManuallyDrop::new(Regions::new())) };
    /// How many requests there are: a copy, since combinators read it before each poll.
    static REQUESTS: Cell<u32> = const { Cell::new(0) };
}

/// Returns whether any request on this thread is not closed.
#[inline]
pub(super) fn has_requests() -> bool {
    REQUESTS.get() > 0
}

/// Reads or changes the regions. No user code may run in `call`.
pub(super) fn with_regions<R>(call: impl FnOnce(&mut Regions) -> R) -> R {
    REGIONS.with(|regions| {
        let regions = &mut regions.borrow_mut();
        let result = call(regions);
        REQUESTS.set(regions.requests);
        result
    })
}

/// Changes the regions, and then wakes those that must look at the change.
pub(super) fn change<R>(call: impl FnOnce(&mut Regions, &mut Vec<Poller>) -> R) -> R {
    let mut woken = Vec::new();
    let result = with_regions(|regions| call(regions, &mut woken));
    wake_all(woken);
    result
}

/// A number for this thread.
pub(super) fn this_thread() -> u32 {
    static THREADS: AtomicU32 = AtomicU32::new(1);
    thread_local! {
        static THREAD: u32 = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    THREAD.with(|thread| *thread)
}

/// Keeps the memory of an empty tree, for a scheduler.
pub(crate) fn warm() {
    REGIONS.with(|regions| regions.borrow_mut().warm());
}

/// The last scheduler of this thread is gone: from now on an empty tree has no memory.
pub(crate) fn cool() {
    REGIONS.with(|regions| regions.borrow_mut().cool());
}

/// Returns whether nothing is left in the tree, and nothing is being polled: for tests.
#[doc(hidden)]
pub fn __is_empty() -> bool {
    top() == TASK && with_regions(|regions| regions.is_empty())
}

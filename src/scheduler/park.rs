//! How the thread sleeps when nothing is ready, and what wakes it.

use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::kernel::Unparker;
use crate::machine;

/// Puts the scheduler's thread to sleep until a task may be ready; installed with
/// [`Builder::park`](crate::scheduler::Builder::park).
///
/// The scheduler does not depend on how its thread sleeps. The default is std's thread parking; an I/O driver would
/// sleep in the operating system's poll call instead.
///
/// # Example
///
/// A parker that counts how often the thread goes to sleep:
///
/// ```
/// use std::{cell::Cell, rc::Rc, task::Waker, time::Duration};
/// use turnwise::{Scheduler, scheduler::{Park, ThreadParker}, sleep};
///
/// struct Counting(ThreadParker, Rc<Cell<u32>>);
///
/// impl Park for Counting {
///     fn park(&mut self, timeout: Option<Duration>) {
///         self.1.set(self.1.get() + 1);
///         self.0.park(timeout);
///     }
///     fn unparker(&self) -> Waker {
///         self.0.unparker()
///     }
/// }
///
/// let sleeps = Rc::new(Cell::new(0));
/// let scheduler = Scheduler::builder().park(Counting(ThreadParker::new(), sleeps.clone())).build();
/// scheduler.block_on(sleep(Duration::from_millis(2)));
/// assert!(sleeps.get() > 0);
/// ```
pub trait Park {
    /// Sleeps until the unparker is woken, the timeout has passed, or an event of the implementation's own has
    /// occurred.
    ///
    /// Called on the scheduler's thread when nothing is ready, with nothing borrowed. Spurious returns are allowed. If
    /// the unparker was woken since the previous return, this must return immediately. If [`may_wake`](Park::may_wake)
    /// returns `true`, it is also called from time to time with a timeout of zero.
    fn park(&mut self, timeout: Option<Duration>);

    /// Returns a waker that ends the sleep, from any thread. Called before each sleep.
    fn unparker(&self) -> Waker;

    /// Returns whether the sleep itself can wake a task, that is, whether any I/O is armed.
    ///
    /// Called before the verdict that nothing can ever run again.
    fn may_wake(&self) -> bool {
        false
    }
}

/// Sleeps in [`std::thread::park`]: the default.
#[derive(Debug)]
pub struct ThreadParker {
    unparker: Waker,
}

impl ThreadParker {
    /// Creates a parker for the current thread.
    pub fn new() -> Self {
        ThreadParker { unparker: Waker::from(Arc::new(Unparker(thread::current()))) }
    }
}

impl Default for ThreadParker {
    fn default() -> Self {
        ThreadParker::new()
    }
}

impl Park for ThreadParker {
    fn park(&mut self, timeout: Option<Duration>) {
        machine::park(timeout);
    }

    fn unparker(&self) -> Waker {
        self.unparker.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_sleep_makes_it_return_immediately() {
        let mut parker = ThreadParker::new();
        parker.unparker().wake();
        parker.park(None); // Would otherwise sleep forever.
        parker.unparker().wake_by_ref();
        parker.park(Some(Duration::MAX));
    }
}

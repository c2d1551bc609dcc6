//! `Remote`: a handle to a scheduler for other threads.

use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::{AtomicUsize, Kernel, Letter, Mailbox, Ordering, find};

/// Spawns tasks onto a scheduler from any thread; created by [`Scheduler::remote`](crate::Scheduler::remote).
///
/// It may outlive the scheduler; anything it spawns then fails immediately. While a `Remote` exists, a deadlock is
/// never certain: if all tasks wait, the scheduler sleeps instead of reporting one.
/// [`Scheduler::run`](crate::Scheduler::run) still returns when no task is left; a root that waits for a stop signal,
/// as in the example of [`Remote::spawn`], keeps the scheduler running.
///
/// See [`Remote::spawn`] for an example.
#[doc(alias = "call_soon_threadsafe")]
#[doc(alias = "run_coroutine_threadsafe")]
pub struct Remote {
    count: Arc<RemoteCount>,
}

impl Remote {
    /// Creates a remote for this scheduler.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let remotes = kernel.part::<Remotes>().expect("every scheduler can have remotes");
        Remote::counted(&remotes.0)
    }

    fn counted(count: &Arc<RemoteCount>) -> Self {
        count.add();
        Remote { count: Arc::clone(count) }
    }

    /// Calls `call` on the scheduler's thread, in order with the wakes from other threads. If the scheduler is gone,
    /// drops it uncalled.
    pub(crate) fn call(&self, call: impl FnOnce(&Rc<Kernel>) + Send + 'static) {
        let scheduler = self.scheduler();
        let letter = Letter::Call(Box::new(move || {
            if let Some(kernel) = find(scheduler) {
                call(&kernel);
            }
        }));
        let uncalled = self.count.mailbox.post(letter);
        drop(uncalled);
    }

    pub(crate) fn scheduler(&self) -> NonZeroU32 {
        self.count.mailbox.scheduler
    }
}

impl Clone for Remote {
    fn clone(&self) -> Self {
        Remote::counted(&self.count)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.count.remove();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("scheduler", &self.scheduler()).finish_non_exhaustive()
    }
}

// ----- counting them -----

/// The remotes of a scheduler.
pub(crate) struct Remotes(Arc<RemoteCount>);

impl Remotes {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Remotes(Arc::new(RemoteCount::new(mailbox)))
    }

    /// Returns how many there are; each may post a call at any time. Read this before checking the mailbox.
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }
}

/// The number of a scheduler's `Remote`s.
pub(super) struct RemoteCount {
    mailbox: Arc<Mailbox>,
    remotes: AtomicUsize,
}

impl RemoteCount {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        RemoteCount { mailbox, remotes: AtomicUsize::new(0) }
    }

    pub(super) fn add(&self) {
        // Relaxed: the calling thread holds a `Remote` or is the scheduler's own, so the scheduler cannot miss it.
        self.remotes.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that the `Remote` posted happened before this: a thread that reads the new count sees it.
    pub(super) fn remove(&self) {
        if self.remotes.fetch_sub(1, Ordering::Release) == 1 {
            // A scheduler that sleeps because of this remote may now have a deadlock to report.
            drop(self.mailbox.post(Letter::Last));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.remotes.load(Ordering::Acquire)
    }
}

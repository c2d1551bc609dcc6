//! `Remote`: the scheduler, as other threads see it.

use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::{AtomicUsize, Kernel, Letter, Mailbox, Ordering, find};

/// Spawns tasks onto a scheduler from any thread; made by [`Scheduler::remote`](crate::Scheduler::remote).
///
/// It may outlive the scheduler: then what it spawns ends at once with an error. While one exists a deadlock
/// is never certain: a scheduler whose tasks all wait sleeps instead of giving up. [`Scheduler::run`](crate::Scheduler::run) still
/// returns when no task is left; a root that waits for the end, as in the example there, keeps it running.
///
/// See [`Remote::spawn`] for an example.
#[doc(alias = "call_soon_threadsafe")]
#[doc(alias = "run_coroutine_threadsafe")]
pub struct Remote {
    count: Arc<RemoteCount>,
}

impl Remote {
    /// A handle to this scheduler.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let remotes = kernel.part::<Remotes>().expect("every scheduler can have remotes");
        Remote::counted(&remotes.0)
    }

    fn counted(count: &Arc<RemoteCount>) -> Self {
        count.add();
        Remote { count: Arc::clone(count) }
    }

    /// Has something called on the scheduler's thread, in its turn among the wakes from other threads. If the scheduler
    /// is gone, it is dropped uncalled.
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

// ----- how many there are -----

/// The remotes of a scheduler.
pub(crate) struct Remotes(Arc<RemoteCount>);

impl Remotes {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Remotes(Arc::new(RemoteCount::new(mailbox)))
    }

    /// How many there are, each of which may post a call at any time. Read this before checking the mailbox.
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }
}

/// Counts the `Remote`s of a scheduler.
pub(super) struct RemoteCount {
    mailbox: Arc<Mailbox>,
    remotes: AtomicUsize,
}

impl RemoteCount {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        RemoteCount { mailbox, remotes: AtomicUsize::new(0) }
    }

    pub(super) fn add(&self) {
        // Relaxed: a thread that makes one has one, or is the scheduler's own, so it is never missed.
        self.remotes.fetch_add(1, Ordering::Relaxed);
    }

    /// What a `Remote` has posted was posted before: the thread that reads the new count sees it.
    pub(super) fn remove(&self) {
        if self.remotes.fetch_sub(1, Ordering::Release) == 1 {
            // A scheduler that sleeps because of this one may now have to say that it sleeps in vain.
            drop(self.mailbox.post(Letter::Last));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.remotes.load(Ordering::Acquire)
    }
}

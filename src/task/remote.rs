//! `Remote`: the scheduler, as other threads see it.

use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::{Kernel, Scheduler};
use crate::kernel::{Letter, Mailbox};

/// Spawns tasks onto a scheduler from any thread; made by [`Scheduler::remote`].
///
/// It may outlive the scheduler: then what it spawns ends at once with an error. While one exists a deadlock
/// is never certain: a scheduler whose tasks all wait sleeps instead of giving up. [`Scheduler::run`] still
/// returns when no task is left; a root that waits for the end, as in the example there, keeps it running.
///
/// See [`Remote::spawn`] for an example.
#[doc(alias = "call_soon_threadsafe")]
#[doc(alias = "run_coroutine_threadsafe")]
pub struct Remote {
    mailbox: Arc<Mailbox>,
}

impl Scheduler {
    /// Returns a handle that spawns tasks onto this scheduler from other threads.
    ///
    /// # Example
    ///
    /// ```
    /// let scheduler = turnwise::Scheduler::new();
    /// let remote = scheduler.remote();
    /// let asker = std::thread::spawn(move || remote.spawn(|| async { "from afar" }));
    /// let answer = asker.join().unwrap();
    /// assert_eq!(scheduler.block_on(answer)?, "from afar");
    /// # Ok::<(), turnwise::task::RemoteError>(())
    /// ```
    pub fn remote(&self) -> Remote {
        Remote::new(&self.kernel.mailbox)
    }
}

impl Remote {
    fn new(mailbox: &Arc<Mailbox>) -> Self {
        mailbox.add_remote();
        Remote { mailbox: Arc::clone(mailbox) }
    }

    /// Has something done on the scheduler's thread, in its turn among the wakes from other threads. If the
    /// scheduler is gone, it is dropped undone.
    pub(crate) fn call(&self, call: impl FnOnce(&Rc<Kernel>) + Send + 'static) {
        let undone = self.mailbox.post(Letter::Call(Box::new(call)));
        drop(undone);
    }

    pub(crate) fn scheduler(&self) -> NonZeroU32 {
        self.mailbox.scheduler
    }
}

impl Clone for Remote {
    fn clone(&self) -> Self {
        Remote::new(&self.mailbox)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.mailbox.remove_remote();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("scheduler", &self.mailbox.scheduler).finish_non_exhaustive()
    }
}

//! The number of blocking jobs of a scheduler that are not over, counted down by the threads that do them.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::kernel::{AtomicUsize, Letter, Mailbox, Ordering};

/// Counts the jobs of a scheduler that are not over.
pub(crate) struct JobCount {
    mailbox: Arc<Mailbox>,
    jobs: AtomicUsize,
}

impl JobCount {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        JobCount { mailbox, jobs: AtomicUsize::new(0) }
    }

    /// The number of the scheduler.
    pub(crate) fn scheduler(&self) -> NonZeroU32 {
        self.mailbox.scheduler
    }

    /// Leaves a letter for the scheduler, in vain if that is gone.
    pub(crate) fn post(&self, letter: Letter) {
        drop(self.mailbox.post(letter));
    }

    /// Counts one more job. Only the scheduler's own thread does so.
    pub(crate) fn add(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one job less, and leaves its last word in the same moment: once the count is zero, every word has arrived.
    pub(crate) fn end(&self, word: Option<Letter>) {
        let unread = self.mailbox.post_with(|| {
            let is_last = self.jobs.fetch_sub(1, Ordering::Release) == 1;
            // A scheduler that sleeps because of the last job may now have to say that it sleeps in vain.
            word.or_else(|| is_last.then_some(Letter::Last))
        });
        drop(unread);
    }

    /// How many jobs are not over. Read this before checking the mailbox.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }
}

impl fmt::Debug for JobCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCount").field("scheduler", &self.scheduler()).finish_non_exhaustive()
    }
}

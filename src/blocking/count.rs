//! The number of a scheduler's unfinished blocking jobs, counted down by the threads that run them.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::kernel::{AtomicUsize, Letter, Mailbox, Ordering};

/// Counts the unfinished jobs of a scheduler.
pub(crate) struct JobCount {
    mailbox: Arc<Mailbox>,
    jobs: AtomicUsize,
}

impl JobCount {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        JobCount { mailbox, jobs: AtomicUsize::new(0) }
    }

    /// Returns the number of the scheduler.
    pub(crate) fn scheduler(&self) -> NonZeroU32 {
        self.mailbox.scheduler
    }

    /// Posts a letter to the scheduler. It is dropped if the scheduler is gone.
    pub(crate) fn post(&self, letter: Letter) {
        drop(self.mailbox.post(letter));
    }

    /// Counts one more job. Called on the scheduler's own thread only.
    pub(crate) fn add(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one job less, and posts its last letter under the same lock: once the count is zero, every letter has
    /// arrived.
    pub(crate) fn end(&self, word: Option<Letter>) {
        let unread = self.mailbox.post_with(|| {
            let is_last = self.jobs.fetch_sub(1, Ordering::Release) == 1;
            // A scheduler that sleeps only because of this job must check again: it may be deadlocked now.
            word.or_else(|| is_last.then_some(Letter::Last))
        });
        drop(unread);
    }

    /// Returns the number of unfinished jobs. Read it before checking the mailbox.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }
}

impl fmt::Debug for JobCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCount").field("scheduler", &self.scheduler()).finish_non_exhaustive()
    }
}

//! The holds on a virtual clock, counted down by the threads that drop them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kernel::{AtomicUsize, Letter, Mailbox, Ordering, Place, TaskKey};

/// The holds on a scheduler's clock.
pub(crate) struct Holds {
    mailbox: Arc<Mailbox>,
    count: AtomicUsize,
    /// For reports: by number, the task that made a hold, and where.
    made: Mutex<BTreeMap<u64, (Option<TaskKey>, Place)>>,
}

impl Holds {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Holds { mailbox, count: AtomicUsize::new(0), made: Mutex::default() }
    }

    /// Counts one more hold, and returns its number. Called on the scheduler's own thread only.
    pub(super) fn add(&self, task: Option<TaskKey>, place: Place) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut made = self.made();
        let number = made.last_key_value().map_or(0, |(last, _)| last + 1);
        made.insert(number, (task, place));
        number
    }

    /// Counts one hold less. The last one posts a letter, under the same lock: once the count is zero, that letter has
    /// arrived, and everything that was posted before.
    pub(super) fn remove(&self, number: u64) {
        self.made().remove(&number);
        let unread = self.mailbox.post_with(|| {
            let is_last = self.count.fetch_sub(1, Ordering::Release) == 1;
            is_last.then_some(Letter::Last)
        });
        drop(unread);
    }

    /// Returns how many there are. Read it before checking the mailbox.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Returns the task that made each hold, and where, in the order in which they were made.
    pub(crate) fn made_by(&self) -> Vec<(Option<TaskKey>, Place)> {
        self.made().values().copied().collect()
    }

    /// Nothing that runs under the lock can panic half-way through a change, so poisoning is ignored.
    fn made(&self) -> MutexGuard<'_, BTreeMap<u64, (Option<TaskKey>, Place)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holds").field("count", &self.count()).finish_non_exhaustive()
    }
}

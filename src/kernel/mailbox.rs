//! The mailbox: the door of the ready queue for other threads.
//!
//! Whoever is not on the scheduler's thread leaves a letter here: "wake this task", or "do this for me". The
//! scheduler collects them between passes, and is woken from its sleep for the first one.

use std::fmt;
use std::mem;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::task::Waker;

use crate::kernel::atomic::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};
use crate::kernel::id::Key;
use crate::kernel::scheduler::Kernel;

/// What other threads ask for.
pub(crate) enum Letter {
    /// Put this task on ready.
    Wake(Key),
    /// Do this on the scheduler's thread.
    Call(Call),
    /// Nothing, but look again: there is no `Remote` any more, or no blocking job.
    Farewell,
}

/// Something to be done on the scheduler's thread. If the scheduler is gone it is dropped undone, anywhere.
pub(crate) type Call = Box<dyn FnOnce(&Rc<Kernel>) + Send>;

/// Letters from other threads, until the scheduler collects them.
///
/// A bell posts at most one letter before it is answered, so there are never more wakes than bells in
/// foreign hands, whatever storm of wakes blows outside.
pub(crate) struct Mailbox {
    /// Whose mailbox this is.
    pub(crate) scheduler: NonZeroU32,
    /// A hint that can be read without the lock; who needs to be sure takes the lock.
    full: AtomicBool,
    /// How many `Remote`s there are, each of which may post a call at any time.
    remotes: AtomicUsize,
    /// How many blocking jobs are not over. Counted down under the lock of the mail.
    jobs: AtomicUsize,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    letters: Vec<Letter>,
    /// Whom to wake when a letter comes: set while the scheduler sleeps, taken by the first letter. It
    /// shares the lock with the letters, so none can slip in between "nothing here" and falling asleep.
    sleeper: Option<Waker>,
    /// The scheduler is gone, and nobody will ever collect anything.
    is_closed: bool,
}

impl Mailbox {
    pub(crate) fn new(scheduler: NonZeroU32) -> Self {
        Mailbox {
            scheduler,
            full: AtomicBool::new(false),
            remotes: AtomicUsize::new(0),
            jobs: AtomicUsize::new(0),
            mail: Mutex::new(Mail::default()),
        }
    }

    /// Leaves a letter, and wakes the scheduler if it sleeps; gives it back if the scheduler is gone.
    /// Callable from any thread.
    pub(crate) fn post(&self, letter: Letter) -> Result<(), Letter> {
        let sleeper = {
            let mut mail = self.lock();
            if mail.is_closed {
                return Err(letter);
            }
            self.put(&mut mail, letter)
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        Ok(())
    }

    /// Puts a letter in; returns whom to wake.
    fn put(&self, mail: &mut Mail, letter: Letter) -> Option<Waker> {
        mail.letters.push(letter);
        self.full.store(true, Ordering::Release);
        mail.sleeper.take()
    }

    /// Returns whether a letter has been seen lying here; a letter just posted may be missed.
    pub(crate) fn looks_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Returns whether there is no letter, for sure.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().letters.is_empty()
    }

    /// Exchanges all letters, in the order in which they came, for an empty vector.
    pub(crate) fn collect(&self, empty: &mut Vec<Letter>) {
        debug_assert!(empty.is_empty(), "letters would be read twice");
        let mut mail = self.lock();
        self.full.store(false, Ordering::Relaxed);
        mem::swap(&mut mail.letters, empty);
    }

    /// Takes no more letters, and hands out those that are here.
    pub(crate) fn close(&self) -> Vec<Letter> {
        let mut mail = self.lock();
        mail.is_closed = true;
        self.full.store(false, Ordering::Relaxed);
        mem::take(&mut mail.letters)
    }

    /// Leaves word whom to wake for the next letter; refuses if one is here already.
    #[must_use]
    pub(crate) fn wake_me(&self, sleeper: Waker) -> bool {
        let mut mail = self.lock();
        if !mail.letters.is_empty() {
            return false;
        }
        let old = mail.sleeper.replace(sleeper);
        // The old one may be a stranger's: it is dropped after the lock is let go.
        drop(mail);
        drop(old);
        true
    }

    /// Takes back what [`Mailbox::wake_me`] left, if no letter took it.
    pub(crate) fn sleeper(&self) -> Option<Waker> {
        self.lock().sleeper.take()
    }

    /// Counts one more `Remote`.
    pub(crate) fn add_remote(&self) {
        // Relaxed: whoever makes one has one, or is on the scheduler's thread, so it is never missed.
        self.remotes.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one `Remote` less. What it has posted was posted before: who reads the new count sees it.
    pub(crate) fn remove_remote(&self) {
        if self.remotes.fetch_sub(1, Ordering::Release) == 1 {
            // A scheduler that sleeps because of this one may now have to say that it sleeps in vain.
            drop(self.post(Letter::Farewell));
        }
    }

    pub(crate) fn remotes(&self) -> usize {
        self.remotes.load(Ordering::Acquire)
    }

    /// Counts one more blocking job. Only the scheduler's own thread does so.
    pub(crate) fn add_job(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one blocking job less, and leaves its last word in the same moment: who counts none any more finds
    /// all that they have left.
    pub(crate) fn end_job(&self, word: Option<Letter>) {
        let sleeper = {
            let mut mail = self.lock();
            // A scheduler that sleeps because of the last one may now have to say that it sleeps in vain.
            let is_last = self.jobs() == 1;
            let word = word.or_else(|| is_last.then_some(Letter::Farewell));
            let sleeper = match word {
                Some(word) if !mail.is_closed => self.put(&mut mail, word),
                _ => None,
            };
            self.jobs.fetch_sub(1, Ordering::Release);
            sleeper
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// How many blocking jobs are not over. To be asked before the mail is looked at, as the `Remote`s are.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("scheduler", &self.scheduler).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_falls_asleep_over_a_letter() {
        let mailbox = Mailbox::new(NonZeroU32::MIN);
        assert!(mailbox.wake_me(Waker::noop().clone()));
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_ok());
        assert!(mailbox.sleeper().is_none(), "the letter has woken the sleeper");
        assert!(!mailbox.wake_me(Waker::noop().clone()));
        assert!(mailbox.looks_full());
        let mut letters = Vec::new();
        mailbox.collect(&mut letters);
        assert!(matches!(letters[..], [Letter::Wake(key)] if key == Key::from_word(3)));
        assert!(!mailbox.looks_full());
    }

    #[test]
    fn a_closed_mailbox_gives_letters_back() {
        let mailbox = Mailbox::new(NonZeroU32::MIN);
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_ok());
        assert_eq!(mailbox.close().len(), 1);
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_err());
        assert!(mailbox.is_empty());
    }
}

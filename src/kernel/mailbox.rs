//! The mailbox: the door of the ready queue for other threads.
//!
//! A thread that is not the scheduler's leaves a letter here: "wake this task", or "call this". The scheduler collects
//! the letters between passes, and is woken from its sleep for the first one.

use std::mem;
use std::num::NonZeroU32;
use std::task::Waker;

use crate::kernel::atomic::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use crate::kernel::id::Key;

/// What other threads ask for.
pub(crate) enum Letter {
    /// Put this task on ready.
    Wake(Key),
    /// Call this on the scheduler's thread. If the scheduler is gone it is dropped uncalled, on any thread.
    Call(Box<dyn FnOnce() + Send>),
    /// Nothing, but look again: something that could have sent a letter is gone.
    Last,
}

/// Letters from other threads, until the scheduler collects them.
///
/// A bell posts at most one letter before it is answered: by the mailbox being read, or by its task being on ready after
/// a turn. So there are at most twice as many wakes as bells whose clones are held elsewhere, however often they are rung.
pub(crate) struct Mailbox {
    /// The scheduler's number.
    pub(crate) scheduler: NonZeroU32,
    /// Puts a task on ready; `false` if this is not the scheduler's own thread, or the scheduler is gone.
    pub(crate) schedule_here: fn(NonZeroU32, Key) -> bool,
    /// A hint that can be read without the lock. Whether there is mail for certain, only the lock tells.
    full: AtomicBool,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    letters: Vec<Letter>,
    /// Woken by the next letter: set while the scheduler sleeps. It shares the lock with the letters, so none can slip
    /// in between "nothing here" and falling asleep.
    sleeper: Option<Waker>,
    /// The scheduler is gone: no letter will ever be collected.
    is_closed: bool,
}

impl Mailbox {
    pub(crate) fn new(scheduler: NonZeroU32, schedule_here: fn(NonZeroU32, Key) -> bool) -> Self {
        let mail = Mutex::new(Mail::default());
        Mailbox { scheduler, schedule_here, full: AtomicBool::new(false), mail }
    }

    /// Leaves a letter, and wakes the scheduler if it sleeps; gives the letter back if the scheduler is gone. Callable
    /// from any thread.
    pub(crate) fn post(&self, letter: Letter) -> Result<(), Letter> {
        self.post_with(|| Some(letter)).map_or(Ok(()), Err)
    }

    /// Does the same with the letter that `write` makes, if it makes one. `write` is called under the lock: what it
    /// counts, and the letter, are seen together.
    pub(crate) fn post_with(&self, write: impl FnOnce() -> Option<Letter>) -> Option<Letter> {
        let sleeper = {
            let mut mail = self.lock();
            let letter = write()?;
            if mail.is_closed {
                return Some(letter);
            }
            mail.letters.push(letter);
            self.full.store(true, Ordering::Release);
            mail.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        None
    }

    /// Returns whether a letter has been seen lying here; a letter just posted may be missed.
    pub(crate) fn looks_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Returns whether there is no letter, for certain.
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

    /// Lets the next letter wake this; refuses if a letter is here already.
    #[must_use]
    pub(crate) fn wake_me(&self, sleeper: Waker) -> bool {
        let mut mail = self.lock();
        if !mail.letters.is_empty() {
            return false;
        }
        let old = mail.sleeper.replace(sleeper);
        // The old one may be a foreign waker: it is dropped after the lock is let go.
        drop(mail);
        drop(old);
        true
    }

    /// Takes back what [`Mailbox::wake_me`] left, if no letter took it.
    pub(crate) fn sleeper(&self) -> Option<Waker> {
        self.lock().sleeper.take()
    }

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_falls_asleep_over_a_letter() {
        let mailbox = Mailbox::new(NonZeroU32::MIN, |_, _| false);
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
        let mailbox = Mailbox::new(NonZeroU32::MIN, |_, _| false);
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_ok());
        assert_eq!(mailbox.close().len(), 1);
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_err());
        assert!(mailbox.is_empty());
    }
}

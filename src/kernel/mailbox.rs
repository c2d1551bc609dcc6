//! The mailbox: how other threads get a task onto ready.
//!
//! Any other thread posts a letter here: "wake this task", or "call this". The scheduler collects the letters between
//! passes; if it is sleeping, the first letter wakes it.

use std::mem;
use std::num::NonZeroU32;
use std::task::Waker;

use crate::kernel::atomic::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use crate::kernel::id::Key;

/// A message from another thread.
pub(crate) enum Letter {
    /// Put this task on ready.
    Wake(Key),
    /// Call this on the scheduler's thread. If the scheduler is gone, it is dropped uncalled, on any thread.
    Call(Box<dyn FnOnce() + Send>),
    /// Check again: something that could have posted a letter is gone.
    Last,
}

/// Letters from other threads, until the scheduler collects them.
///
/// A bell posts at most one letter until the scheduler has handled it, which happens when the mailbox is read, or when
/// its task is on ready after a turn. So there are at most twice as many wake letters as bells whose clones are held
/// elsewhere, however often they are rung.
pub(crate) struct Mailbox {
    /// The scheduler's number.
    pub(crate) scheduler: NonZeroU32,
    /// Puts a task on ready; `false` if this is not the scheduler's own thread, or the scheduler is gone.
    pub(crate) schedule_here: fn(NonZeroU32, Key) -> bool,
    /// A hint that can be read without the lock. Only under the lock is it certain whether there is mail.
    full: AtomicBool,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    letters: Vec<Letter>,
    /// Woken by the next letter; set while the scheduler sleeps. It shares a lock with the letters, so none can arrive
    /// between the check for letters and falling asleep.
    sleeper: Option<Waker>,
    /// The scheduler is gone: no letter will ever be collected.
    is_closed: bool,
}

impl Mailbox {
    pub(crate) fn new(scheduler: NonZeroU32, schedule_here: fn(NonZeroU32, Key) -> bool) -> Self {
        let mail = Mutex::new(Mail::default());
        Mailbox { scheduler, schedule_here, full: AtomicBool::new(false), mail }
    }

    /// Posts a letter, and wakes the scheduler if it sleeps. Returns the letter if the scheduler is gone. Can be called
    /// on any thread.
    pub(crate) fn post(&self, letter: Letter) -> Result<(), Letter> {
        self.post_with(|| Some(letter)).map_or(Ok(()), Err)
    }

    /// Does the same with the letter that `write` returns, if it returns one. `write` is called under the lock, so a
    /// count that it changes and the letter become visible together.
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

    /// Returns whether there seems to be a letter; one that was just posted may be missed.
    pub(crate) fn may_have_mail(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Returns whether there is certainly no letter.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().letters.is_empty()
    }

    /// Swaps all letters, in the order in which they arrived, with an empty vector.
    pub(crate) fn collect(&self, empty: &mut Vec<Letter>) {
        debug_assert!(empty.is_empty(), "the buffer is empty, or letters would be read twice");
        let mut mail = self.lock();
        self.full.store(false, Ordering::Relaxed);
        mem::swap(&mut mail.letters, empty);
    }

    /// Accepts no more letters, and returns those that are here.
    pub(crate) fn close(&self) -> Vec<Letter> {
        let mut mail = self.lock();
        mail.is_closed = true;
        self.full.store(false, Ordering::Relaxed);
        mem::take(&mut mail.letters)
    }

    /// Registers a waker for the next letter, unless a letter is here already: then it returns `false`.
    #[must_use]
    pub(crate) fn wake_me(&self, sleeper: Waker) -> bool {
        let mut mail = self.lock();
        if !mail.letters.is_empty() {
            return false;
        }
        let old = mail.sleeper.replace(sleeper);
        // The old one may be a foreign waker, so it is dropped after the lock is released.
        drop(mail);
        drop(old);
        true
    }

    /// Takes back the waker that [`Mailbox::wake_me`] registered, unless a letter took it.
    pub(crate) fn sleeper(&self) -> Option<Waker> {
        self.lock().sleeper.take()
    }

    /// Nothing that runs under the lock can panic half-way through a change, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_falls_asleep_while_a_letter_waits() {
        let mailbox = Mailbox::new(NonZeroU32::MIN, |_, _| false);
        assert!(mailbox.wake_me(Waker::noop().clone()));
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_ok());
        assert!(mailbox.sleeper().is_none(), "the letter has woken the sleeper");
        assert!(!mailbox.wake_me(Waker::noop().clone()));
        assert!(mailbox.may_have_mail());
        let mut letters = Vec::new();
        mailbox.collect(&mut letters);
        assert!(matches!(letters[..], [Letter::Wake(key)] if key == Key::from_word(3)));
        assert!(!mailbox.may_have_mail());
    }

    #[test]
    fn a_closed_mailbox_returns_letters() {
        let mailbox = Mailbox::new(NonZeroU32::MIN, |_, _| false);
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_ok());
        assert_eq!(mailbox.close().len(), 1);
        assert!(mailbox.post(Letter::Wake(Key::from_word(3))).is_err());
        assert!(mailbox.is_empty());
    }
}

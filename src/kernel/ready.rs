//! Where tasks wait for their turn: the ready queue, and the mailbox that is its door for other threads.

use std::mem;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::kernel::id::Key;
use crate::kernel::policy::Dealer;

/// The queue of tasks whose turn is coming, as slots of the task map.
///
/// It is cut into passes. A pass takes what was ready when it began; what becomes ready meanwhile
/// waits for the next one. So a task that wakes itself for ever cannot keep the others, the timers or
/// the mailbox from their share.
///
/// Two plain vectors are enough: one is read from the front while the other is filled at the back.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The pass that is under way; entries before `turn` have had theirs.
    pass: Vec<u32>,
    turn: usize,
    /// What became ready since the pass began, first come first.
    next: Vec<u32>,
    dealer: Dealer,
}

impl Ready {
    pub(crate) fn new(dealer: Dealer) -> Self {
        Ready { pass: Vec::new(), turn: 0, next: Vec::new(), dealer }
    }

    /// Queues a slot. The task map sees to it that none is queued twice.
    pub(crate) fn push(&mut self, slot: u32) {
        self.next.push(slot);
    }

    /// Takes the next one of this pass; `None` when the pass is over.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let slot = *self.pass.get(self.turn)?;
        self.turn += 1;
        Some(slot)
    }

    /// Takes a slot out of the queue, wherever it stands.
    pub(crate) fn remove(&mut self, slot: u32) {
        let waiting = self.pass.split_off(self.turn);
        self.pass.extend(waiting.into_iter().filter(|&other| other != slot));
        self.next.retain(|&other| other != slot);
    }

    /// Begins a pass with everything that is ready now, in the order of the policy.
    ///
    /// Only called when the pass before is over. `priority` tells a slot's priority.
    pub(crate) fn begin_pass(&mut self, priority: impl Fn(u32) -> i8) {
        debug_assert!(self.turn == self.pass.len(), "a pass begins when the one before is over");
        self.pass.clear();
        self.turn = 0;
        mem::swap(&mut self.pass, &mut self.next);
        self.dealer.arrange(&mut self.pass, priority);
    }

    /// Returns whether the pass under way has given all its turns.
    pub(crate) fn pass_is_over(&self) -> bool {
        self.turn == self.pass.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pass_is_over() && self.next.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.pass.len() - self.turn + self.next.len()
    }

    /// Everything that is queued, the next one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.pass[self.turn..].iter().chain(&self.next).copied()
    }
}

/// The door for other threads: keys of tasks that were woken elsewhere, until the scheduler collects them.
///
/// A bell posts at most one letter before it is answered, so there are never more letters than bells
/// in foreign hands, whatever storm of wakes blows outside.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// Whose mailbox this is.
    pub(crate) scheduler: NonZeroU32,
    /// A hint that can be read without the lock; who needs to be sure takes the lock.
    full: AtomicBool,
    mail: Mutex<Mail>,
}

#[derive(Debug, Default)]
struct Mail {
    letters: Vec<Key>,
    /// Whom to wake when a letter comes: set while the scheduler sleeps, taken by the first letter. It
    /// shares the lock with the letters, so none can slip in between "nothing here" and falling asleep.
    sleeper: Option<Waker>,
}

impl Mailbox {
    pub(crate) fn new(scheduler: NonZeroU32) -> Self {
        Mailbox { scheduler, full: AtomicBool::new(false), mail: Mutex::default() }
    }

    /// Leaves a letter, and wakes the scheduler if it sleeps. Callable from any thread.
    pub(crate) fn post(&self, key: Key) {
        let sleeper = {
            let mut mail = self.lock();
            mail.letters.push(key);
            self.full.store(true, Ordering::Release);
            mail.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// Returns whether a letter has been seen lying here; a letter just posted may be missed.
    pub(crate) fn looks_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Returns whether there is no letter, for sure.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().letters.is_empty()
    }

    /// Takes all letters, in the order in which they came.
    pub(crate) fn collect(&self) -> Vec<Key> {
        let mut mail = self.lock();
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

    /// Nothing that runs under the lock can panic, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::policy::Policy;

    #[test]
    fn a_pass_takes_what_was_ready_when_it_began() {
        let mut ready = Ready::new(Dealer::new(Policy::Fifo));
        ready.push(1);
        ready.push(2);
        ready.begin_pass(|_| 0);
        assert_eq!(ready.pop(), Some(1));
        ready.push(1);
        assert_eq!(ready.iter().collect::<Vec<_>>(), [2, 1]);
        assert_eq!(ready.pop(), Some(2));
        assert_eq!(ready.pop(), None, "the second turn of 1 belongs to the next pass");
        ready.begin_pass(|_| 0);
        assert_eq!(ready.pop(), Some(1));
        assert!(ready.is_empty());
    }

    #[test]
    fn nobody_falls_asleep_over_a_letter() {
        let mailbox = Mailbox::new(NonZeroU32::MIN);
        let key = Key::from_word(3);
        assert!(mailbox.wake_me(Waker::noop().clone()));
        mailbox.post(key);
        assert!(mailbox.sleeper().is_none(), "the letter has woken the sleeper");
        assert!(!mailbox.wake_me(Waker::noop().clone()));
        assert!(mailbox.looks_full());
        assert_eq!(mailbox.collect(), [key]);
        assert!(!mailbox.looks_full());
    }
}

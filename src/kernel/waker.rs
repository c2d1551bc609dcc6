//! The doorbell: lent to a task for its turn. Ringing it schedules that task, once.
//!
//! A waker is an `Arc<Doorbell>` behind std's [`Wake`]. It holds the address of a task and the mailbox of a scheduler,
//! never the future. So a waker that outlives its task or its scheduler is harmless, on any thread.
//!
//! A scheduler does not create a bell for each task. It owns one and lends it, labeled with the task's key, for one
//! turn. If the task left no clone of its waker anywhere, the bell is *home* after the turn and is lent to the next
//! task. If a clone is kept anywhere, the task keeps that bell as its own until it is home again. So the number of
//! wakers held elsewhere is known exactly, which is what makes a deadlock verdict certain.

use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::kernel::atomic::{AtomicU64, Ordering, fence};
use crate::kernel::id::{Key, TaskKey};
use crate::kernel::mailbox::{Letter, Mailbox};
use crate::kernel::now;

/// What a waker points to.
pub(crate) struct Doorbell {
    /// The key of the task it is lent to, and [`SILENT`].
    ///
    /// The key is written only while the bell is home, so no ring ever sees it change.
    word: AtomicU64,
    mailbox: Arc<Mailbox>,
}

/// Cleared by a ring that posts a letter, until the bell is silenced, so that further rings post nothing. This bit is
/// set in every key, so writing a key on a bell also silences it.
const SILENT: u64 = 1 << 63;

impl Wake for Doorbell {
    /// The clone is dropped after the ring, so when a bell is home, no ring of it is in flight.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In the task's own turn, setting a flag is enough: the task is queued when the turn ends.
        if !now::ring_own(Arc::as_ptr(self).addr()) {
            self.ring();
        }
    }
}

impl Doorbell {
    /// Rings outside of the task's own turn.
    #[inline(never)]
    fn ring(&self) {
        let key = Key::from_word(self.word.load(Ordering::Relaxed));
        if !(self.mailbox.schedule_here)(self.mailbox.scheduler, key) {
            self.ring_remotely();
        }
    }

    /// Rings from a thread other than the scheduler's, or after the scheduler is gone.
    fn ring_remotely(&self) {
        let word = self.word.fetch_and(!SILENT, Ordering::AcqRel);
        if word & SILENT == 0 {
            return; // Another ring has posted a letter that is not answered yet.
        }
        let unread = self.mailbox.post(Letter::Wake(Key::from_word(word)));
        drop(unread); // The scheduler is gone, and its tasks with it.
    }
}

/// The scheduler's two references to a bell. So a bell that is home has a count of exactly two.
///
/// There must never be a `Weak` to a bell: upgrading it would make a clone from nothing, and the count would prove
/// nothing.
pub(crate) struct Bell {
    door: Arc<Doorbell>,
    waker: Waker,
}

impl Bell {
    pub(crate) fn new(mailbox: &Arc<Mailbox>) -> Self {
        let door = Arc::new(Doorbell { word: AtomicU64::new(0), mailbox: Arc::clone(mailbox) });
        let waker = Waker::from(Arc::clone(&door));
        now::set_vtable(&waker);
        Bell { door, waker }
    }

    /// Writes a task's key on a bell that is home, and silences it.
    pub(crate) fn label(&self, key: Key) {
        self.door.word.store(key.to_word(), Ordering::Relaxed);
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Returns the mailbox of its scheduler.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.door.mailbox
    }

    /// Returns the key that is written on it.
    pub(crate) fn key(&self) -> Key {
        Key::from_word(self.door.word.load(Ordering::Relaxed))
    }

    /// Returns whether no clone of the waker exists, nor can exist until the bell is lent again.
    ///
    /// The count of an `Arc` is read with `Relaxed`, and the last clone may have been dropped by a thread that has just
    /// rung the bell. The fence makes everything that was done with any clone happen before what follows here (all
    /// changes of the count are one release sequence). Without it an old ring could read a new label: one task would be
    /// woken spuriously, and the other's wake would be lost.
    pub(crate) fn is_home(&self) -> bool {
        if Arc::strong_count(&self.door) > 2 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }

    /// Returns the number of clones that are held elsewhere.
    pub(crate) fn clones(&self) -> usize {
        Arc::strong_count(&self.door).saturating_sub(2)
    }

    /// Resets the bell when a ring is answered, before the task is scheduled: the next ring posts a letter again.
    pub(crate) fn silence(&self) {
        // A read-modify-write, not a store: it must see whatever was written before the rings that it swallows.
        self.door.word.fetch_or(SILENT, Ordering::AcqRel);
    }

    /// Makes further rings post nothing, for a bell whose task has ended while clones of it are held elsewhere: it
    /// looks as if its letter were already in the mailbox.
    pub(crate) fn disconnect(&self) {
        self.door.word.fetch_and(!SILENT, Ordering::AcqRel);
    }
}

/// All bells of a scheduler except the one that is lent.
#[derive(Default)]
pub(crate) struct Bells {
    /// Bells that are home.
    spare: Vec<Bell>,
    /// Bells that were not home after a turn; each belongs to the task whose key is on it.
    kept: Vec<Bell>,
}

/// Spare bells beyond this number are freed.
const SPARE: usize = 1024;

impl Bells {
    /// Takes a bell that is home, or creates one.
    #[inline]
    pub(crate) fn take(&mut self, mailbox: &Arc<Mailbox>) -> Bell {
        self.spare.pop().unwrap_or_else(|| Bell::new(mailbox))
    }

    /// Takes back a bell that is home.
    #[inline]
    pub(crate) fn give_back(&mut self, bell: Bell) {
        if self.spare.len() < SPARE {
            self.spare.push(bell);
        }
    }

    /// Keeps a bell that is not home for its task, and returns the index under which the task finds it.
    pub(crate) fn keep(&mut self, bell: Bell) -> BellIndex {
        self.kept.push(bell);
        BellIndex(u32::try_from(self.kept.len()).expect("there are no more bells than slots"))
    }

    /// Returns the bell that a task keeps.
    pub(crate) fn kept(&mut self, index: BellIndex) -> &mut Bell {
        &mut self.kept[index.0 as usize - 1]
    }

    /// Removes a kept bell. The last one moves into its place; the key of the task whose index has changed is returned
    /// too.
    pub(crate) fn remove(&mut self, index: BellIndex) -> (Bell, Option<Key>) {
        let position = index.0 as usize - 1;
        let bell = self.kept.swap_remove(position);
        (bell, self.kept.get(position).map(Bell::key))
    }

    /// Returns the task that keeps the last of the kept bells, if that bell is home.
    pub(crate) fn last_if_home(&self) -> Option<Key> {
        self.kept.last().filter(|bell| bell.is_home()).map(Bell::key)
    }

    /// Returns how many clones of a kept bell there are.
    pub(crate) fn clones(&self, index: BellIndex) -> usize {
        let position = (index.0 as usize).checked_sub(1);
        position.and_then(|position| self.kept.get(position)).map_or(0, Bell::clones)
    }

    /// Returns how many clones of all kept bells there are.
    pub(crate) fn all_clones(&self) -> usize {
        self.kept.iter().map(Bell::clones).sum()
    }

    /// Returns how many tasks have a waker held elsewhere, or had one when last checked.
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.len()
    }
}

/// The index of a task's own bell among the kept bells, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct BellIndex(u32);

impl BellIndex {
    /// The task has no bell of its own.
    pub(crate) const NONE: BellIndex = BellIndex(0);

    pub(crate) fn is_none(self) -> bool {
        self == BellIndex::NONE
    }
}

/// Wakes what is waiting: a task of this thread, or a foreign waker.
///
/// For a wait that is polled with its task's own waker, this stores the task's key: nothing is cloned or allocated, and
/// no waker leaves the scheduler, so a deadlock report stays certain. For any other wait (inside `FuturesUnordered` and
/// the like, or on another executor), it stores a clone of the waker.
///
/// # Example
///
/// A gate that opens once, for all waiters:
///
/// ```
/// use std::{cell::{Cell, RefCell}, future::poll_fn, rc::Rc, task::Poll};
/// use turnwise::{block_on, spawn, waiting::Waiter, yield_now};
///
/// #[derive(Default)]
/// struct Gate { is_open: Cell<bool>, waiters: RefCell<Vec<Waiter>> }
///
/// impl Gate {
///     async fn pass(&self) {
///         poll_fn(|cx| {
///             if self.is_open.get() { return Poll::Ready(()) }
///             let waiter = Waiter::of(cx); // first: a foreign waker's clone may run any code
///             self.waiters.borrow_mut().push(waiter);
///             Poll::Pending
///         }).await;
///     }
///     fn open(&self) {
///         self.is_open.set(true);
///         let waiters = self.waiters.take(); // the borrow ends here
///         waiters.into_iter().for_each(Waiter::wake);
///     }
/// }
///
/// block_on(async {
///     let gate = Rc::new(Gate::default());
///     let inside = Rc::clone(&gate);
///     let guest = spawn(async move { inside.pass().await });
///     yield_now().await;
///     gate.open();
///     guest.await.unwrap();
/// });
/// ```
pub struct Waiter {
    /// `None` if it is woken by the task's key.
    pub(crate) waker: Option<Waker>,
    /// The waiting task; with a waker, the task in whose turn the wait began, if there was one.
    pub(crate) task: Option<TaskKey>,
    /// A key is meaningful only on its own thread.
    _not_send: PhantomData<*const ()>,
}

impl Waiter {
    /// Creates a waiter for the waker in `cx`.
    ///
    /// # Panics
    ///
    /// If the waker in `cx` is a foreign one and its `clone` panics.
    #[inline]
    pub fn of(cx: &Context<'_>) -> Self {
        let (waker, task) = match now::owner_of(cx.waker()) {
            Some(task) => (None, Some(task)),
            None => (Some(cx.waker().clone()), now::current_task()),
        };
        Waiter { waker, task, _not_send: PhantomData }
    }

    /// Creates a waiter for a task, whatever is polling.
    pub(crate) fn of_task(task: TaskKey) -> Self {
        Waiter { waker: None, task: Some(task), _not_send: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn key(slot: u32) -> Key {
        Key::from_word(u64::from(slot))
    }

    fn far_away() -> Arc<Mailbox> {
        Arc::new(Mailbox::new(NonZeroU32::MAX, |_, _| false)) // No scheduler of this thread has this number.
    }

    fn letters(mailbox: &Mailbox) -> Vec<Key> {
        let mut letters = Vec::new();
        mailbox.collect(&mut letters);
        let keys = letters.into_iter().map(|letter| match letter {
            Letter::Wake(key) => key,
            Letter::Call(_) | Letter::Last => panic!("bells only wake"),
        });
        keys.collect()
    }

    #[test]
    fn a_storm_of_rings_posts_one_letter() {
        let mailbox = far_away();
        let bell = Bell::new(&mailbox);
        bell.label(key(5));
        for _ in 0..1000 {
            let clone = bell.waker().clone();
            clone.wake();
            bell.waker().wake_by_ref();
        }
        assert_eq!(letters(&mailbox), [key(5)]);
        bell.silence();
        bell.waker().wake_by_ref();
        assert_eq!(letters(&mailbox), [key(5)], "once answered it rings again");
    }

    #[test]
    fn a_bell_is_home_when_no_clone_is_left() {
        let bell = Bell::new(&far_away());
        assert!(bell.is_home());
        let clone = bell.waker().clone();
        assert!(!bell.is_home());
        assert_eq!(bell.clones(), 1);
        clone.wake();
        assert!(bell.is_home());
    }

    #[test]
    fn a_disconnected_bell_posts_nothing() {
        let mailbox = far_away();
        let bell = Bell::new(&mailbox);
        bell.label(key(1));
        bell.disconnect();
        bell.waker().wake_by_ref();
        assert!(letters(&mailbox).is_empty());
    }
}

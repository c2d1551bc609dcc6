//! The doorbell: lent to a task for its turn; ringing it schedules that task, once.
//!
//! A waker is an `Arc<Doorbell>` behind std's [`Wake`]. It knows the address of a task and the mailbox of
//! a scheduler, and never the future. So a waker that outlives its task or its scheduler can do nothing,
//! whatever thread it is on.
//!
//! A scheduler does not make a bell for each task. It owns one and lends it, with the task's key written
//! on it, for the length of a turn. If the task left no clone of its waker anywhere, the bell is *home*
//! after the turn and serves the next task. If a clone is kept anywhere, the task keeps that bell as its
//! own until it is home again. So the number of wakers held elsewhere is known exactly, which is what
//! lets the scheduler say "deadlock" for certain.

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
    /// Written only while the bell is home, so no ring ever sees the key change.
    word: AtomicU64,
    mailbox: Arc<Mailbox>,
}

/// Cleared while a letter of this bell lies in the mailbox, so that a second ring posts no second one. It is
/// the bit that is set in every key, so that to write a key on a bell is to silence it.
const SILENT: u64 = 1 << 63;

impl Wake for Doorbell {
    /// The clone is dropped after the ring: then a bell that is home has rung for the last time.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In the task's own turn it is enough to note the ring: it is scheduled when the turn is over.
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

    /// Rings from a thread that is not the scheduler's, or after the scheduler's end.
    fn ring_remotely(&self) {
        let word = self.word.fetch_and(!SILENT, Ordering::AcqRel);
        if word & SILENT == 0 {
            return; // Another ring has posted a letter, which is not answered yet.
        }
        let unread = self.mailbox.post(Letter::Wake(Key::from_word(word)));
        drop(unread); // The scheduler is gone, and its tasks with it.
    }
}

/// The scheduler's two references to a bell: so a bell that is home has a count of exactly two.
///
/// No `Weak` to a bell exists anywhere. It could be turned into a clone out of nothing, and the count
/// would prove nothing.
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

    /// The mailbox of its scheduler.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.door.mailbox
    }

    /// The key that is written on it.
    pub(crate) fn key(&self) -> Key {
        Key::from_word(self.door.word.load(Ordering::Relaxed))
    }

    /// Returns whether no clone of the waker is alive anywhere, nor will be until it is lent again.
    ///
    /// The count of an `Arc` is read with `Relaxed`, and the last clone may just have been dropped by a
    /// thread that rang before. The fence makes everything that was done with any clone happen before
    /// what we do next (all changes of the count are one release sequence); without it a new label could
    /// be read by an old ring: one task woken for nothing, and the other one's wake lost.
    pub(crate) fn is_home(&self) -> bool {
        if Arc::strong_count(&self.door) > 2 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }

    /// The number of clones that are held elsewhere.
    pub(crate) fn clones(&self) -> usize {
        Arc::strong_count(&self.door).saturating_sub(2)
    }

    /// Takes back a ring that was answered, before the task is scheduled: the next ring posts a letter again.
    pub(crate) fn silence(&self) {
        // A swap, not a store: it must see whatever was written before the rings that it swallows.
        self.door.word.fetch_or(SILENT, Ordering::AcqRel);
    }

    /// Lets the bell ring no more, when its task is over and clones of it are still held elsewhere: from now on it looks
    /// as if its letter lay in the mailbox.
    pub(crate) fn disconnect(&self) {
        self.door.word.fetch_and(!SILENT, Ordering::AcqRel);
    }
}

/// All bells of a scheduler but the one that is lent.
#[derive(Default)]
pub(crate) struct Bells {
    /// Bells that are home.
    spare: Vec<Bell>,
    /// Bells that were not home after a turn; each is kept by the task whose key is on it.
    kept: Vec<Bell>,
}

/// More spare bells than this are freed.
const SPARE: usize = 1024;

impl Bells {
    /// Takes a bell that is home.
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

    /// Keeps a bell that is not home for its task, which remembers the number that this returns.
    pub(crate) fn keep(&mut self, bell: Bell) -> BellIndex {
        self.kept.push(bell);
        BellIndex(u32::try_from(self.kept.len()).expect("there are no more bells than slots"))
    }

    /// The bell that a task keeps.
    pub(crate) fn kept(&mut self, index: BellIndex) -> &mut Bell {
        &mut self.kept[index.0 as usize - 1]
    }

    /// Removes a kept bell. The last one moves into its place: the task whose index changes is returned with it.
    pub(crate) fn remove(&mut self, index: BellIndex) -> (Bell, Option<Key>) {
        let position = index.0 as usize - 1;
        let bell = self.kept.swap_remove(position);
        (bell, self.kept.get(position).map(Bell::key))
    }

    /// The task that keeps the last of the kept bells, if that is home.
    pub(crate) fn last_if_home(&self) -> Option<Key> {
        self.kept.last().filter(|bell| bell.is_home()).map(Bell::key)
    }

    /// How many clones of a kept bell there are.
    pub(crate) fn clones(&self, index: BellIndex) -> usize {
        let position = (index.0 as usize).checked_sub(1);
        position.and_then(|position| self.kept.get(position)).map_or(0, Bell::clones)
    }

    /// How many clones of all kept bells there are.
    pub(crate) fn all_clones(&self) -> usize {
        self.kept.iter().map(Bell::clones).sum()
    }

    /// How many tasks have a waker elsewhere, or had one when last looked at.
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.len()
    }
}

/// Which of the kept bells is a task's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct BellIndex(u32);

impl BellIndex {
    /// The task has no bell of its own.
    pub(crate) const NONE: BellIndex = BellIndex(0);

    pub(crate) fn is_none(self) -> bool {
        self == BellIndex::NONE
    }
}

/// What is to be woken: a task of this thread, or a foreign waker.
///
/// A wait that is polled with its task's own waker is remembered by the task's key: that clones nothing,
/// allocates nothing, and no waker leaves the scheduler, so a deadlock report stays certain. Anything
/// else (inside `FuturesUnordered` and the like, or on another executor) is remembered by its waker.
///
/// # Example
///
/// A gate that opens once, for everybody:
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
    /// The task that waits; with a waker, the one in whose turn the wait began, if there was one.
    pub(crate) task: Option<TaskKey>,
    /// A key means something on its own thread only.
    _not_send: PhantomData<*const ()>,
}

impl Waiter {
    /// Remembers what is polling.
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

    /// Remembers a task, whatever polls.
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
    fn a_storm_of_rings_is_one_letter() {
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

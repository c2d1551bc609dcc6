//! The bells of children that are polled by one task: only a child that was woken is polled.
//!
//! A child's bell marks the child as due and wakes the parent. As with tasks (`kernel/waker.rs`), one bell is
//! lent to child after child, with the child's number written on it; only a child that keeps a clone of its
//! waker keeps the bell. So children that are ready, or only yield, cost no allocation.
//!
//! Wakers may be sent to other threads, so what they touch is atomic or behind a lock. No user code runs
//! while the lock is held.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Collects the children whose bells were rung.
#[derive(Default)]
struct RungList {
    rung: Mutex<Rung>,
}

#[derive(Default)]
struct Rung {
    /// The children that were rung, in order.
    children: Vec<u32>,
    /// The parent's waker; `None` from the first ring until the parent is polled.
    parent: Option<Waker>,
}

impl RungList {
    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, child: u32) {
        let parent = {
            let mut rung = self.lock();
            rung.children.push(child);
            rung.parent.take()
        };
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

/// The data behind a child's waker.
///
/// ```text
/// quiet ──1──▶ lent ──3──▶ quiet      1 lend: a poll starts     3 take_back: it was not rung
///   │            └────2──▶ rung       2 wake_by_ref             4 wake_by_ref: puts the child on the list
///   └────4──▶ rung ──1──▶ lent
/// ```
///
/// However often it is rung, the child goes onto the list only once until its next poll starts.
struct ChildBell {
    /// Written only while the bell is home, so no clone of the waker can observe the change.
    child: AtomicU32,
    state: AtomicU8,
    rung_list: Arc<RungList>,
}

const QUIET: u8 = 0;
const LENT: u8 = 1;
const RUNG: u8 = 2;

impl Wake for ChildBell {
    /// The clone is dropped after the ring, so a bell that is home is not being rung by any thread.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A swap, even if it has rung: the next poll must see what was written before this ring.
        if self.state.swap(RUNG, Ordering::AcqRel) == QUIET {
            self.rung_list.ring(self.child.load(Ordering::Relaxed));
        }
    }
}

/// The set's two references to a bell; when the bell is home, its count is exactly two.
struct BellPair {
    shared: Arc<ChildBell>,
    waker: Waker,
}

impl BellPair {
    fn new(rung_list: &Arc<RungList>) -> Self {
        let shared = Arc::new(ChildBell {
            child: AtomicU32::new(0),
            state: AtomicU8::new(QUIET),
            rung_list: Arc::clone(rung_list),
        });
        BellPair { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Called before the poll, never after it: a ring from here on requests another poll.
    fn lend(&self) {
        self.shared.state.swap(LENT, Ordering::AcqRel);
    }

    /// Called after the poll. Returns whether the bell was rung during it.
    fn take_back(&self) -> bool {
        let state = &self.shared.state;
        state.compare_exchange(LENT, QUIET, Ordering::AcqRel, Ordering::Acquire).is_err()
    }

    /// Called when the child has finished: clones of its waker that are held elsewhere wake nothing.
    fn disconnect(&self) {
        self.shared.state.swap(RUNG, Ordering::AcqRel);
    }

    /// Returns whether no clone of the waker exists. For the fence see `kernel::waker::Bell::is_home`.
    fn is_home(&self) -> bool {
        if Arc::strong_count(&self.shared) > 2 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }
}

/// The bells of one parent, and the queue of children that are due.
pub(super) struct BellSet {
    rung_list: Arc<RungList>,
    /// Lent to every child that has no bell of its own.
    common: BellPair,
    /// The bells that children keep while clones of them are held elsewhere, by child; only as long as
    /// needed.
    own: Vec<Option<BellPair>>,
    spare: Vec<BellPair>,
    /// The children to poll, in this order.
    due: VecDeque<u32>,
}

impl BellSet {
    /// Creates the bells of this many children, all of which are due.
    pub(super) fn new(children: u32) -> Self {
        let rung_list = Arc::<RungList>::default();
        BellSet {
            common: BellPair::new(&rung_list),
            rung_list,
            own: Vec::new(),
            spare: Vec::new(),
            due: (0..children).collect(),
        }
    }

    /// Starts a poll of the parent: stores its waker, and makes the children that were rung due.
    pub(super) fn collect(&mut self, cx: &Context<'_>) {
        let parent = self.rung_list.lock().parent.take();
        // Cloning and dropping a foreign waker runs user code: not while the lock is held.
        let parent = match parent {
            Some(parent) if parent.will_wake(cx.waker()) => parent,
            _ => cx.waker().clone(),
        };
        let mut rung = self.rung_list.lock();
        self.due.extend(rung.children.drain(..));
        rung.parent = Some(parent);
    }

    /// Returns how many children are due.
    pub(super) fn due(&self) -> usize {
        self.due.len()
    }

    /// Takes the next child that is due.
    pub(super) fn next(&mut self) -> Option<u32> {
        self.due.pop_front()
    }

    /// Polls a child with its own bell or the common one. If the bell is rung during the poll, the child is
    /// due again.
    #[inline]
    pub(super) fn poll<T>(
        &mut self,
        child: u32,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if let Some(Some(_)) = self.own.get(child as usize) {
            return self.poll_with_own(child, poll);
        }
        // No clone of it exists: until the poll gives one away, plain stores are enough.
        let bell = &self.common;
        bell.shared.child.store(child, Ordering::Relaxed);
        bell.shared.state.store(LENT, Ordering::Relaxed);
        let poll = poll(&mut Context::from_waker(&bell.waker));
        if !bell.is_home() {
            self.keep(child, poll.is_ready());
        } else if poll.is_pending() && bell.shared.state.load(Ordering::Relaxed) == RUNG {
            self.due.push_back(child);
        }
        poll
    }

    #[inline(never)]
    fn poll_with_own<T>(
        &mut self,
        child: u32,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let own = &mut self.own[child as usize];
        let Some(bell) = own else { unreachable!("the child was just found to have one") };
        bell.lend();
        let poll = poll(&mut Context::from_waker(&bell.waker));
        if poll.is_ready() {
            bell.disconnect();
        } else if bell.take_back() {
            self.due.push_back(child);
        }
        if bell.is_home() {
            self.spare.extend(own.take());
        } else if poll.is_ready() {
            *own = None;
        }
        poll
    }

    /// Leaves the common bell to the child that was just polled and has given a clone of it away.
    #[cold]
    fn keep(&mut self, child: u32, is_over: bool) {
        let next = self.spare.pop().unwrap_or_else(|| BellPair::new(&self.rung_list));
        let bell = mem::replace(&mut self.common, next);
        if is_over {
            bell.disconnect();
            return;
        }
        if bell.take_back() {
            self.due.push_back(child);
        }
        let place = child as usize;
        if place >= self.own.len() {
            self.own.resize_with(place + 1, || None);
        }
        self.own[place] = Some(bell);
    }
}

impl Drop for BellSet {
    /// Wakers may outlive this; from now on they wake nothing.
    fn drop(&mut self) {
        let parent = self.rung_list.lock().parent.take();
        drop(parent);
    }
}

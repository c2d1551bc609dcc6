//! The bells of children that are polled by one task: who rang is polled, and nobody else.
//!
//! A child's bell marks the child as due and rings for the parent. As the kernel does it with its tasks
//! (`kernel/waker.rs`), one bell is lent to child after child, with the child's number written on it. Only
//! a child that keeps a clone of its waker keeps the bell. So children that are ready, or only give way,
//! cost no allocation.
//!
//! Wakers go to other threads, so what they touch is atomic or behind a lock; nothing of the user's runs
//! while it is locked.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Where the bells report to.
#[derive(Default)]
struct RungList {
    rung: Mutex<Rung>,
}

#[derive(Default)]
struct Rung {
    /// The children that rang, in order.
    children: Vec<u32>,
    /// To ring for the parent; `None` from the first ring until it is polled.
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

/// What a child's waker points to.
///
/// ```text
/// quiet ──1──▶ lent ──3──▶ quiet      1 lend: a poll begins     3 take_back: it was not rung
///   │            └────2──▶ rung       2 wake_by_ref             4 wake_by_ref: puts the child on the list
///   └────4──▶ rung ──1──▶ lent
/// ```
///
/// It goes onto the list once, however often it is rung, until the next poll begins.
struct ChildBell {
    /// Written only while the bell is home, so nobody ever sees it change.
    child: AtomicU32,
    state: AtomicU8,
    rung_list: Arc<RungList>,
}

const QUIET: u8 = 0;
const LENT: u8 = 1;
const RUNG: u8 = 2;

impl Wake for ChildBell {
    /// The clone is dropped after the ring: then a bell that is home has rung for the last time.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A swap, also if it has rung: whoever polls next must see what was written before this.
        if self.state.swap(RUNG, Ordering::AcqRel) == QUIET {
            self.rung_list.ring(self.child.load(Ordering::Relaxed));
        }
    }
}

/// Our two references to a bell: one that is home has a count of exactly two.
struct LentBell {
    door: Arc<ChildBell>,
    waker: Waker,
}

impl LentBell {
    fn new(rung_list: &Arc<RungList>) -> Self {
        let door = Arc::new(ChildBell {
            child: AtomicU32::new(0),
            state: AtomicU8::new(QUIET),
            rung_list: Arc::clone(rung_list),
        });
        LentBell { waker: Waker::from(Arc::clone(&door)), door }
    }

    /// Before the poll, never after it: a ring from now on asks for another poll.
    fn lend(&self) {
        self.door.state.swap(LENT, Ordering::AcqRel);
    }

    /// After the poll; returns whether it was rung meanwhile.
    fn take_back(&self) -> bool {
        let state = &self.door.state;
        state.compare_exchange(LENT, QUIET, Ordering::AcqRel, Ordering::Acquire).is_err()
    }

    /// The child is over: whoever still has its waker rings for nobody.
    fn disconnect(&self) {
        self.door.state.swap(RUNG, Ordering::AcqRel);
    }

    /// Returns whether no clone of it is anywhere. For the fence see `kernel::waker::Bell::is_home`.
    fn is_home(&self) -> bool {
        if Arc::strong_count(&self.door) > 2 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }
}

/// The bells of one parent, and the list of children that are due.
pub(super) struct BellSet {
    rung_list: Arc<RungList>,
    /// Is lent to every child that has none of its own.
    common: LentBell,
    /// Children's own, while clones of them are in foreign hands. As long as the last child that has one.
    own: Vec<Option<LentBell>>,
    spare: Vec<LentBell>,
    /// To be polled, in this order.
    due: VecDeque<u32>,
}

impl BellSet {
    /// All children are due.
    pub(super) fn new(children: u32) -> Self {
        let rung_list = Arc::<RungList>::default();
        BellSet {
            common: LentBell::new(&rung_list),
            rung_list,
            own: Vec::new(),
            spare: Vec::new(),
            due: (0..children).collect(),
        }
    }

    /// Begins a poll of the parent: whoever polls now is to be rung for, and who rang is due.
    pub(super) fn collect(&mut self, cx: &Context<'_>) {
        let parent = self.rung_list.lock().parent.take();
        // Cloning and dropping a foreign waker runs code of its owner.
        let parent = match parent {
            Some(parent) if parent.will_wake(cx.waker()) => parent,
            _ => cx.waker().clone(),
        };
        let mut rung = self.rung_list.lock();
        self.due.extend(rung.children.drain(..));
        rung.parent = Some(parent);
    }

    /// How many are due.
    pub(super) fn due(&self) -> usize {
        self.due.len()
    }

    /// Takes the next one that is due.
    pub(super) fn next(&mut self) -> Option<u32> {
        self.due.pop_front()
    }

    /// Polls a child, with its own bell or the common one. If it rang meanwhile, it is due again.
    #[inline]
    pub(super) fn poll<T>(
        &mut self,
        child: u32,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if let Some(Some(_)) = self.own.get(child as usize) {
            return self.poll_with_own(child, poll);
        }
        // Nobody has a clone of it: until the poll gives it away, plain stores will do.
        let bell = &self.common;
        bell.door.child.store(child, Ordering::Relaxed);
        bell.door.state.store(LENT, Ordering::Relaxed);
        let poll = poll(&mut Context::from_waker(&bell.waker));
        if !bell.is_home() {
            self.keep(child, poll.is_ready());
        } else if poll.is_pending() && bell.door.state.load(Ordering::Relaxed) == RUNG {
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
        let Some(bell) = own else { unreachable!("the child was seen to have one") };
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

    /// The child that was just polled has given a clone of the common bell away: it keeps that bell.
    #[cold]
    fn keep(&mut self, child: u32, is_over: bool) {
        let next = self.spare.pop().unwrap_or_else(|| LentBell::new(&self.rung_list));
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
    /// Wakers may outlive this; they ring for nobody then.
    fn drop(&mut self) {
        let parent = self.rung_list.lock().parent.take();
        drop(parent);
    }
}

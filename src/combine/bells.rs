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
struct Desk {
    rung: Mutex<Rung>,
}

#[derive(Default)]
struct Rung {
    /// The children that rang, in order.
    children: Vec<u32>,
    /// To ring for the parent; `None` from the first ring until it is polled.
    parent: Option<Waker>,
}

impl Desk {
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
    desk: Arc<Desk>,
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
            self.desk.ring(self.child.load(Ordering::Relaxed));
        }
    }
}

/// Our two references to a bell: one that is home has a count of exactly two.
struct Bell {
    door: Arc<ChildBell>,
    waker: Waker,
}

impl Bell {
    fn new(desk: &Arc<Desk>) -> Self {
        let door = Arc::new(ChildBell {
            child: AtomicU32::new(0),
            state: AtomicU8::new(QUIET),
            desk: Arc::clone(desk),
        });
        Bell { waker: Waker::from(Arc::clone(&door)), door }
    }

    /// Ends a poll; it is an error if the bell was rung meanwhile.
    fn take_back(&self) -> Result<u8, u8> {
        self.door.state.compare_exchange(LENT, QUIET, Ordering::AcqRel, Ordering::Acquire)
    }

    /// No clone of it is anywhere. For the fence see `kernel::waker::Bell::is_home`.
    fn is_home(&self) -> bool {
        if Arc::strong_count(&self.door) > 2 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }
}

/// The bells of one parent, and the list of children that are due.
pub(super) struct Bells {
    desk: Arc<Desk>,
    /// Is lent to every child that has none of its own.
    common: Bell,
    /// Children's own, while clones of them are in foreign hands.
    own: Vec<Option<Bell>>,
    spare: Vec<Bell>,
    /// To be polled, in this order.
    due: VecDeque<u32>,
}

impl Bells {
    /// All children are due.
    pub(super) fn new(children: u32) -> Self {
        let desk = Arc::<Desk>::default();
        let mut own = Vec::new();
        own.resize_with(children as usize, || None);
        Bells {
            common: Bell::new(&desk),
            desk,
            own,
            spare: Vec::new(),
            due: (0..children).collect(),
        }
    }

    /// Begins a poll of the parent: whoever polls now is to be rung for, and who rang is due.
    pub(super) fn collect(&mut self, cx: &Context<'_>) {
        let parent = self.desk.lock().parent.take();
        // Cloning and dropping a foreign waker runs code of its owner.
        let parent = match parent {
            Some(parent) if parent.will_wake(cx.waker()) => parent,
            _ => cx.waker().clone(),
        };
        let mut rung = self.desk.lock();
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
    pub(super) fn poll<T>(
        &mut self,
        child: u32,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let bell = match &self.own[child as usize] {
            Some(own) => own,
            None => {
                self.common.door.child.store(child, Ordering::Relaxed);
                &self.common
            }
        };
        // Before the poll, never after it: a ring from now on asks for another poll.
        bell.door.state.swap(LENT, Ordering::AcqRel);
        let poll = poll(&mut Context::from_waker(&bell.waker));
        if poll.is_ready() {
            // Whoever still has its waker rings for nobody.
            bell.door.state.swap(RUNG, Ordering::AcqRel);
        } else if bell.take_back().is_err() {
            self.due.push_back(child);
        }
        let (is_home, is_over) = (bell.is_home(), poll.is_ready());
        self.sort(child, is_home, is_over);
        poll
    }

    /// After a poll: a bell that is home serves the next child, one that is not stays with this one.
    fn sort(&mut self, child: u32, is_home: bool, is_over: bool) {
        let own = &mut self.own[child as usize];
        match (own.is_some(), is_home) {
            (false, true) => {}
            (false, false) => {
                let next = self.spare.pop().unwrap_or_else(|| Bell::new(&self.desk));
                let kept = mem::replace(&mut self.common, next);
                *own = Some(kept).filter(|_| !is_over);
            }
            (true, true) => self.spare.extend(own.take()),
            (true, false) if is_over => *own = None,
            (true, false) => {}
        }
    }
}

impl Drop for Bells {
    /// Wakers may outlive this; they ring for nobody then.
    fn drop(&mut self) {
        let parent = self.desk.lock().parent.take();
        drop(parent);
    }
}

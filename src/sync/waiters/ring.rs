//! Waking all at once: whoever is in the list goes into a ring, and is woken out of that one by one.
//!
//! A wake may run any code: that of a foreign waker. It meets nobody of the ring in the list any more, so
//! nobody of them can be woken twice or by another word, and whoever joins waits for the next time.

use std::panic::Location;
use std::task::Waker;

use crate::kernel::{TaskKey, schedule};
use crate::slab::NO_ENTRY;
use crate::sync::record::with_waits;
use crate::sync::record::{Node, WaitStage, Waits};
use crate::sync::waiters::{Waiters, wake_foreign};

impl Waiters {
    /// Wakes all that are in the list at this moment, in order; not those that join meanwhile.
    pub(crate) fn wake_all(&self, word: u32) {
        self.wake_each(|_| word);
    }

    /// Does what [`Waiters::wake_all`] does, with a word for each position in the list.
    ///
    /// All are out of the list before the first one is woken, so whatever that does meets none of them.
    pub(crate) fn wake_each(&self, word: impl Fn(u32) -> u32) {
        self.round.set(self.round.get().wrapping_add(1));
        if self.first.get() == self.last.get() {
            self.wake_first(word(0));
            return;
        }
        let ring = with_waits(|waits| self.close_ring(waits, word));
        while let Some((waker, task)) = with_waits(|waits| self.take_from_ring(waits, ring)) {
            match (waker, task) {
                (None, Some(task)) => schedule(task),
                (Some(waker), _) => wake_foreign(waker),
                (None, None) => {}
            }
        }
    }

    /// Takes all out of the list at once. Until they are really woken they are linked in a ring, one node of
    /// which is no wait: the one that is returned. In a ring none is first or last, so any of them may leave.
    fn close_ring(&self, waits: &mut Waits, word: impl Fn(u32) -> u32) -> u32 {
        let (first, last) = (self.first.replace(NO_ENTRY), self.last.replace(NO_ENTRY));
        let mut number = first;
        for position in 0.. {
            let node = waits.node(number);
            (node.stage, node.word) = (WaitStage::Due, word(position));
            if number == last {
                break;
            }
            number = node.next;
        }
        let ring = waits.insert(Node {
            stage: WaitStage::Due,
            task: None,
            waker: None,
            place: Location::caller(),
            resource: self.resource.get(),
            word: 0,
            previous: last,
            next: first,
        });
        waits.node(first).previous = ring;
        waits.node(last).next = ring;
        ring
    }

    /// Takes the next one out of a ring; at the end the ring goes.
    fn take_from_ring(
        &self,
        waits: &mut Waits,
        ring: u32,
    ) -> Option<(Option<Waker>, Option<TaskKey>)> {
        let number = waits.node(ring).next;
        if number == ring {
            waits.remove(ring);
            return None;
        }
        self.unlink(waits, number);
        let node = waits.node(number);
        node.stage = WaitStage::Woken;
        Some((node.waker.take(), node.task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Waiter;
    use crate::sync::waiters::{Left, Ticket};
    use std::cell::{Cell, RefCell};
    use std::sync::Arc;
    use std::task::{Context, Wake};

    /// Leaves a place in the list when it is woken: that of somebody else.
    struct Pushes(usize);

    thread_local! {
        static LIST: Waiters = const { Waiters::new("list") };
        static TICKETS: RefCell<Vec<Option<Ticket>>> = const { RefCell::new(Vec::new()) };
        static WOKEN: Cell<usize> = const { Cell::new(0) };
    }

    fn leave(number: usize) -> Left {
        let ticket = TICKETS.with_borrow_mut(|tickets| tickets[number].take());
        LIST.with(|list| list.leave(ticket.expect("it has not left")))
    }

    impl Wake for Pushes {
        fn wake(self: Arc<Self>) {
            WOKEN.set(WOKEN.get() + 1);
            if self.0 != usize::MAX {
                assert!(matches!(leave(self.0), Left::Woken(_)));
            }
            LIST.with(|list| assert!(!list.wake_first(0), "they are all out of the list"));
        }
    }

    #[test]
    fn who_leaves_the_ring_is_not_woken_and_knows_its_position() {
        // The first one pushes the last one out, the second one its neighbour, the fourth nobody.
        for pushes in [4, 2, usize::MAX, usize::MAX, usize::MAX] {
            let waker = Waker::from(Arc::new(Pushes(pushes)));
            let waiter = Waiter::of(&Context::from_waker(&waker));
            let ticket = LIST.with(|list| list.join(waiter, 0, Location::caller()));
            TICKETS.with_borrow_mut(|tickets| tickets.push(Some(ticket)));
        }
        LIST.with(|list| list.wake_each(|position| position + 10));
        assert_eq!(WOKEN.get(), 3);
        assert_eq!([0, 1, 3].map(leave), [10, 11, 13].map(Left::Woken));
        assert!(LIST.with(Waiters::is_empty));
    }
}

//! Waking all waits: the whole list moves into a ring, whose nodes are then woken one by one.
//!
//! A foreign waker may run arbitrary code. It finds no node of the ring in the list, so none of them can be
//! woken twice or with another word, and a wait that joins now is not woken by this call.

use std::panic::Location;
use std::task::Waker;

use crate::kernel::{TaskKey, schedule};
use crate::slab::NO_ENTRY;
use crate::sync::record::with_waits;
use crate::sync::record::{Node, WaitStage, Waits};
use crate::sync::waiters::{Waiters, details, wake_foreign};
use crate::watch::is_detailed;

impl Waiters {
    /// Wakes all waits that are in the list at this moment, in order; not those that join during the call.
    pub(crate) fn wake_all(&self, word: u32) {
        self.wake_each(|_| word);
    }

    /// Like [`Waiters::wake_all`], with a word for each position in the list.
    ///
    /// All waits are out of the list before the first one is woken.
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

    /// Moves the whole list into a ring and returns the sentinel, the only node that is not a wait. A ring has no
    /// first or last node, so any wait may leave before it is woken.
    fn close_ring(&self, waits: &mut Waits, word: impl Fn(u32) -> u32) -> u32 {
        let (first, last) = (self.first.replace(NO_ENTRY), self.last.replace(NO_ENTRY));
        let mut number = first;
        for position in 0.. {
            let node = waits.node(number);
            if is_detailed() {
                details::left_node(node);
            }
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

    /// Takes the next wait out of a ring; at the end, removes the sentinel.
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

    /// When it is woken, makes another wait leave the list.
    struct Pushes(usize);

    thread_local! {
        static LIST: Waiters = const { Waiters::new(&"list") };
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
    fn a_wait_that_leaves_the_ring_is_not_woken_and_keeps_its_word() {
        // The first pushes out the last, the second its neighbor, the fourth none.
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

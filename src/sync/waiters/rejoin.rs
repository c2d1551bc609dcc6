//! Waiting again with the same node, for waits in a loop: half the cost of leaving and joining.

use crate::kernel::{Place, TaskKey, drop_quietly};
use crate::slab::NO_ENTRY;
use crate::sync::record::WaitStage;
use crate::sync::record::with_waits;
use crate::sync::waiters::{Ticket, Waiters, details};
use crate::watch::is_detailed;

impl Waiters {
    /// Takes a wait out of the list, but keeps its node so that it can [rejoin](Waiters::rejoin).
    #[inline]
    pub(crate) fn rest(&self, ticket: &Ticket) {
        let waker = with_waits(|waits| {
            let node = waits.node(ticket.0);
            if !matches!(node.stage, WaitStage::Waiting | WaitStage::Due) {
                return None;
            }
            if is_detailed() {
                details::left_node(node);
            }
            node.stage = WaitStage::Woken;
            let waker = node.waker.take();
            self.unlink(waits, ticket.0);
            waker
        });
        if waker.is_some() {
            drop_quietly(waker);
        }
    }

    /// Adds a task at the end of the list, with the node of a wait that rests or was woken.
    #[inline]
    pub(crate) fn rejoin(&self, ticket: &Ticket, task: TaskKey, word: u32, place: Place) {
        with_waits(|waits| {
            let node = waits.node(ticket.0);
            debug_assert_eq!(node.stage, WaitStage::Woken, "a node is in one list at a time");
            debug_assert!(node.waker.is_none(), "a woken waiter has used its waker");
            node.stage = WaitStage::Waiting;
            node.task = Some(task);
            node.place = place;
            node.word = word;
            node.previous = self.last.get();
            node.next = NO_ENTRY;
            self.link(waits, ticket.0);
        });
        if is_detailed() {
            self.wait_began(Some(task), place);
        }
    }
}

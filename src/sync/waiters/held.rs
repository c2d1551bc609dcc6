//! What a wait holds, or wants: permits.

use crate::kernel::TaskKey;
use crate::sync::record::with_waits;
use crate::sync::waiters::{Ticket, details};
use crate::watch::is_detailed;

impl Ticket {
    /// Returns how much is wanted, was granted or is held.
    pub(crate) fn word(&self) -> u32 {
        with_waits(|waits| waits.node(self.0).word)
    }

    /// Changes how much is held.
    pub(crate) fn set_word(&self, word: u32) {
        with_waits(|waits| {
            let node = waits.node(self.0);
            let before = std::mem::replace(&mut node.word, word);
            if is_detailed() {
                let held = |word| details::held(word).unwrap_or(0);
                let less = held(before).saturating_sub(held(word));
                details::released(node.resource, node.task, less);
            }
        });
    }

    /// Makes the current task the one that holds it; none, outside of all turns.
    pub(crate) fn take_over(&self) {
        let task = TaskKey::current();
        let (before, resource, word, place) = with_waits(|waits| {
            let node = waits.node(self.0);
            (std::mem::replace(&mut node.task, task), node.resource, node.word, node.place)
        });
        if is_detailed() {
            details::released(resource, before, word);
            details::acquired(resource, task, word, place);
        }
    }
}

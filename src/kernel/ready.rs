//! Where tasks wait for their turn: the ready queue, in passes.

use std::mem;

/// The queue of tasks whose turn is coming, as slots of the task map.
///
/// It is cut into passes. A pass takes what was ready when it began; what becomes ready meanwhile
/// waits for the next one. So a task that wakes itself forever cannot keep the others, the timers or
/// the mailbox from their share.
///
/// Two plain vectors are enough: one is read from the front while the other is filled at the back.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// The pass that is under way; entries before `turn` have had theirs.
    pass: Vec<u32>,
    turn: usize,
    /// What became ready since the pass began, first come first.
    next: Vec<u32>,
}

impl Ready {
    /// Queues a slot. `Board::schedule` makes sure that none is queued twice.
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

    /// Empties the queue, except for this slot if it is there.
    pub(crate) fn clear_but(&mut self, slot: Option<u32>) {
        let kept = slot.filter(|slot| self.iter().any(|other| other == *slot));
        self.pass.clear();
        self.turn = 0;
        self.next.clear();
        self.next.extend(kept);
    }

    /// Begins a pass with everything that is ready now. Returns the pass, and the queue of the next one, so that the
    /// pass may be put into another order, or shortened.
    ///
    /// Only called when the pass before is over.
    pub(crate) fn begin_pass(&mut self) -> (&mut Vec<u32>, &mut Vec<u32>) {
        debug_assert!(self.pass_is_over(), "a pass begins when the one before is over");
        self.pass.clear();
        self.turn = 0;
        mem::swap(&mut self.pass, &mut self.next);
        (&mut self.pass, &mut self.next)
    }

    /// Returns whether the pass under way has given all its turns.
    pub(crate) fn pass_is_over(&self) -> bool {
        self.turn == self.pass.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pass_is_over() && self.next.is_empty()
    }

    /// How many could be queued in the memory that it has.
    pub(crate) fn room(&self) -> usize {
        self.pass.capacity() + self.next.capacity()
    }

    /// Everything that is queued, the next one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.pass[self.turn..].iter().chain(&self.next).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_takes_what_was_ready_when_it_began() {
        let mut ready = Ready::default();
        ready.push(1);
        ready.push(2);
        ready.begin_pass();
        assert_eq!(ready.pop(), Some(1));
        ready.push(1);
        assert_eq!(ready.iter().collect::<Vec<_>>(), [2, 1]);
        assert_eq!(ready.pop(), Some(2));
        assert_eq!(ready.pop(), None, "the second turn of 1 belongs to the next pass");
        ready.begin_pass();
        assert_eq!(ready.pop(), Some(1));
        assert!(ready.is_empty());
    }
}

//! Where tasks wait for their turn: the ready queue, in passes.

use std::mem;

/// The queue of tasks that wait for a turn, as slots of the task map.
///
/// It is divided into passes. A pass consists of the tasks that were ready when it began; a task that becomes ready
/// during a pass waits for the next one. So a task that wakes itself forever cannot starve the other tasks, the timers
/// or the mailbox.
///
/// Two plain vectors are enough: one is read from the front while the other is filled at the back.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// The current pass; the entries before `turn` have had their turns.
    pass: Vec<u32>,
    turn: usize,
    /// What has become ready since the pass began, in FIFO order.
    next: Vec<u32>,
}

impl Ready {
    /// Queues a slot. `Board::schedule` ensures that none is queued twice.
    pub(crate) fn push(&mut self, slot: u32) {
        self.next.push(slot);
    }

    /// Takes the next slot of this pass; `None` when the pass has ended.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let slot = *self.pass.get(self.turn)?;
        self.turn += 1;
        Some(slot)
    }

    /// Removes a slot from the queue, wherever it is.
    pub(crate) fn remove(&mut self, slot: u32) {
        let waiting = self.pass.split_off(self.turn);
        self.pass.extend(waiting.into_iter().filter(|&other| other != slot));
        self.next.retain(|&other| other != slot);
    }

    /// Empties the queue, but keeps this slot if it is queued.
    pub(crate) fn clear_but(&mut self, slot: Option<u32>) {
        let kept = slot.filter(|slot| self.iter().any(|other| other == *slot));
        self.pass.clear();
        self.turn = 0;
        self.next.clear();
        self.next.extend(kept);
    }

    /// Begins a pass with everything that is ready now. Returns the pass, and the queue of the next one, so that the
    /// caller can reorder or shorten the pass.
    ///
    /// Called only when the previous pass has ended.
    pub(crate) fn begin_pass(&mut self) -> (&mut Vec<u32>, &mut Vec<u32>) {
        debug_assert!(self.pass_is_over(), "a pass starts after the previous one has ended");
        self.pass.clear();
        self.turn = 0;
        mem::swap(&mut self.pass, &mut self.next);
        (&mut self.pass, &mut self.next)
    }

    /// Returns whether the current pass has given all its turns.
    pub(crate) fn pass_is_over(&self) -> bool {
        self.turn == self.pass.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pass_is_over() && self.next.is_empty()
    }

    /// Returns how many slots fit into the memory it has allocated.
    pub(crate) fn room(&self) -> usize {
        self.pass.capacity() + self.next.capacity()
    }

    /// Iterates over everything that is queued, in order.
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

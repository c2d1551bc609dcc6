//! One turn, as the board sees it: a task is taken out of the map and lent a bell, then put back.
//!
//! The main loop gives its turns this way, and so does a scope to its children.

use std::mem;

use crate::kernel::id::Key;
use crate::kernel::now::Flags;
use crate::kernel::scheduler::Board;
use crate::kernel::task::Boxed;
use crate::kernel::taskmap::SlotState;
use crate::kernel::waker::Bell;

/// A task that is out of the task map for its turn.
#[derive(Clone, Copy)]
pub(crate) struct ActiveTurn {
    pub(crate) key: Key,
    /// The flags of the task and of its scheduler when the turn started.
    pub(crate) flags: Flags,
    /// The task has a bell of its own. Its index is not stored here, because nested turns may move bells.
    has_bell: bool,
}

impl Board {
    /// Takes a task out of the task map and writes its key on the bell. Returns its future, if that lives in the map.
    #[inline(always)]
    pub(crate) fn begin_turn(&mut self, lent: &mut Bell, slot: u32) -> (ActiveTurn, Option<Boxed>) {
        self.turns += 1;
        let entry = self.taskmap.slot(slot);
        // Before the poll, never after it: a wake from now on asks for another turn.
        entry.state = SlotState::Turn;
        entry.turns += 1;
        entry.last_turn = self.turns;
        let key = entry.key(slot);
        let (target, bell, flags) = (entry.target.take(), entry.bell, entry.flags.with(self.flags));
        // Even if the task has a bell of its own: the lent one then takes that bell's place among the kept bells, and
        // its key shows which task the place belongs to.
        lent.label(key);
        let has_bell = !bell.is_none();
        if has_bell {
            mem::swap(lent, self.bells.kept(bell));
        }
        (ActiveTurn { key, flags, has_bell }, target)
    }

    /// Puts a task back to wait for its bell. Returns `true` if it was woken during the turn: the caller must queue it
    /// again.
    #[inline(always)]
    pub(crate) fn put_back(
        &mut self,
        lent: &mut Bell,
        turn: ActiveTurn,
        target: Option<Boxed>,
        flags: Flags,
    ) -> bool {
        let entry = self.taskmap.slot(turn.key.slot);
        let yields = flags.has(Flags::RUNG) || entry.state == SlotState::Notified;
        entry.state = if yields { SlotState::Queued } else { SlotState::Idle };
        mem::forget(mem::replace(&mut entry.target, target)); // It was `None`: nothing is dropped.
        self.take_bell_back(lent, turn);
        yields
    }

    /// After a turn: a bell that is home is lent to the next task; one that is not stays with this task.
    #[inline(always)]
    fn take_bell_back(&mut self, lent: &mut Bell, turn: ActiveTurn) {
        match (turn.has_bell, lent.is_home()) {
            (false, true) => {}
            (false, false) => {
                let next = self.bells.take(lent.mailbox());
                let own = mem::replace(lent, next);
                self.taskmap.slot(turn.key.slot).bell = self.bells.keep(own);
                self.answer_bell(turn.key.slot);
            }
            (true, home) => {
                let bell = self.taskmap.slot(turn.key.slot).bell;
                mem::swap(lent, self.bells.kept(bell));
                if home {
                    self.release_bell(turn.key.slot);
                } else {
                    self.answer_bell(turn.key.slot);
                }
            }
        }
    }

    /// Silences the bell of a task that is on ready, so that it can ring again. The letter of an earlier ring may have
    /// been read during the task's turn, when the bell was not in its place.
    fn answer_bell(&mut self, slot: u32) {
        let entry = self.taskmap.slot(slot);
        if entry.state == SlotState::Queued {
            self.bells.kept(entry.bell).silence();
        }
    }

    /// After a task's last turn: takes the bell back. If clones of it are still held elsewhere, it is disconnected.
    #[inline(always)]
    pub(crate) fn take_last_bell(&mut self, lent: &mut Bell, turn: ActiveTurn) {
        if turn.has_bell {
            let bell = self.taskmap.slot(turn.key.slot).bell;
            mem::swap(lent, self.bells.kept(bell));
            self.release_bell(turn.key.slot);
        } else if !lent.is_home() {
            lent.disconnect();
            *lent = self.bells.take(lent.mailbox());
        }
    }

    /// Takes away a task's own bell, if it has one.
    pub(crate) fn release_bell(&mut self, slot: u32) {
        let index = mem::take(&mut self.taskmap.slot(slot).bell);
        if index.is_none() {
            return;
        }
        let (bell, moved) = self.bells.remove(index);
        if let Some(keeper) = moved.and_then(|key| self.taskmap.get_mut(key)) {
            keeper.bell = index;
        }
        if bell.is_home() {
            self.bells.give_back(bell);
        } else {
            bell.disconnect();
        }
    }

    /// Takes back bells that have come home, and stops at the first that has not. Returns how many are still with their
    /// tasks: if none, no waker is held elsewhere.
    pub(crate) fn reclaim_bells(&mut self) -> usize {
        while let Some(task) = self.bells.last_if_home() {
            self.release_bell(task.slot);
        }
        self.bells.kept_count()
    }
}

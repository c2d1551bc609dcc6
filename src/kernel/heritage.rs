//! What a task has inherited: values that are set in their places for the length of its turns.
//!
//! The kernel knows no more of them than that; `task/local.rs` makes them. They are kept among the rare
//! things of a slot, so a task that has inherited nothing pays nothing, and its future is not wrapped.

use std::task::{Context, Poll};

use crate::kernel::id::Key;
use crate::kernel::marks::Marks;
use crate::kernel::scheduler::Kernel;
use crate::kernel::task::{Boxed, Ending, Failure, burn};

/// Values, and their places. None of these methods runs code of the user's.
pub(crate) trait Heritage {
    /// Puts the values into their places.
    fn put(&mut self);

    /// Takes them back.
    fn take_back(&mut self);
}

/// While it exists a heritage is in its places.
pub(crate) struct Set<'a, H: Heritage + ?Sized>(&'a mut H);

impl<'a, H: Heritage + ?Sized> Set<'a, H> {
    pub(crate) fn of(heritage: &'a mut H) -> Self {
        heritage.put();
        Set(heritage)
    }
}

impl<H: Heritage + ?Sized> Drop for Set<'_, H> {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

impl Kernel {
    /// Gives a turn to a task that has inherited something, or is marked to be dropped instead.
    #[cold]
    pub(crate) fn special_turn(
        &self,
        key: Key,
        target: &mut Boxed,
        cx: &mut Context<'_>,
    ) -> Poll<Ending> {
        if self.is_marked(key) {
            return Poll::Ready(self.end_by_mark(key, target));
        }
        self.turn_of_heir(key, || target.as_mut().turn(cx))
    }

    /// Gives a turn with what the task has inherited set, if it has. If the turn was the last one, that is
    /// dropped.
    pub(crate) fn turn_of_heir(
        &self,
        key: Key,
        turn: impl FnOnce() -> Poll<Ending>,
    ) -> Poll<Ending> {
        let Some(mut heritage) = self.take_heritage(key) else { return turn() };
        let set = Set::of(&mut *heritage);
        let poll = turn();
        drop(set);
        let mut board = self.board.borrow_mut();
        if poll.is_ready() || board.taskmap.look(key).is_none() {
            drop(board);
            burn(heritage);
        } else {
            board.taskmap.rare(key.slot).heritage = Some(heritage);
        }
        poll
    }

    /// Drops the future of a task that is not to go on, with what it has inherited set.
    pub(crate) fn drop_target(&self, key: Key, target: &mut Boxed, failure: Failure) -> Ending {
        self.end_of_heir(key, || target.as_mut().abort(failure))
    }

    /// Ends a task outside of its turns, with what it has inherited set; then that is dropped too.
    pub(crate) fn end_of_heir<R>(&self, key: Key, end: impl FnOnce() -> R) -> R {
        let Some(mut heritage) = self.take_heritage(key) else { return end() };
        let set = Set::of(&mut *heritage);
        let result = end();
        drop(set);
        burn(heritage);
        result
    }

    pub(crate) fn take_heritage(&self, key: Key) -> Option<Box<dyn Heritage>> {
        let mut board = self.board.borrow_mut();
        board.taskmap.look(key)?;
        board.taskmap.has_rare(key.slot)?.heritage.take()
    }

    /// Returns whether a task is to be dropped instead of having another turn.
    pub(crate) fn is_marked(&self, key: Key) -> bool {
        let board = self.board.borrow();
        board.taskmap.look(key).is_some_and(|slot| slot.marks.has(Marks::ABORT))
    }
}

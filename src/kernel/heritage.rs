//! What a task has inherited: values that are set in their places for the length of its turns.
//!
//! The kernel knows no more of them than that; `task/local.rs` makes them. They are kept among the rare
//! things of a slot, so a task that has inherited nothing pays nothing, and its future is not wrapped.

use std::task::{Context, Poll};

use crate::kernel::id::Key;
use crate::kernel::scheduler::Kernel;
use crate::kernel::task::{Boxed, Ending, Failure, burn};
use crate::kernel::taskmap::Marks;

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
        if self.board.borrow_mut().taskmap.slot(key.slot).marks.has(Marks::ABORT) {
            return Poll::Ready(self.end_by_mark(key, target));
        }
        let Some(mut heritage) = self.take_heritage(key) else { return target.as_mut().turn(cx) };
        let set = Set::of(&mut *heritage);
        let poll = target.as_mut().turn(cx);
        drop(set);
        if poll.is_ready() {
            burn(heritage);
        } else {
            self.board.borrow_mut().taskmap.rare(key.slot).heritage = Some(heritage);
        }
        poll
    }

    /// Drops the future of a task that is not to go on, with what it has inherited set.
    pub(crate) fn drop_target(&self, key: Key, target: &mut Boxed, failure: Failure) -> Ending {
        let heritage = self.take_heritage(key);
        let Some(mut heritage) = heritage else { return target.as_mut().abort(failure) };
        let set = Set::of(&mut *heritage);
        let ending = target.as_mut().abort(failure);
        drop(set);
        burn(heritage);
        ending
    }

    fn take_heritage(&self, key: Key) -> Option<Box<dyn Heritage>> {
        self.board.borrow_mut().taskmap.has_rare(key.slot)?.heritage.take()
    }
}

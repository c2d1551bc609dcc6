//! Which future goes first in a group that shares the budget of a task.

use crate::limits::is_used_up;

/// Where a group goes on after a turn whose budget was used up: with the future after the one that used it up, so that
/// no future starves however busy those before it are. Without a budget every poll starts with the first future.
#[derive(Debug)]
pub struct Rotation {
    start: u32,
    /// The future after the one that has used up the budget in this poll; [`NONE`] or [`FIXED`].
    next: u32,
}

/// The budget is not used up.
const NONE: u32 = u32::MAX;

/// Every poll starts with the first future.
const FIXED: u32 = u32::MAX - 1;

/// The budget was used up before this poll, by something outside of the group: no future of it gets any result, so the
/// next poll starts where this one does.
const HELD: u32 = u32::MAX - 2;

impl Rotation {
    #[inline]
    pub(super) fn new() -> Self {
        Rotation { start: 0, next: NONE }
    }

    /// Creates one that always starts with the first future.
    #[inline]
    pub(super) fn fixed() -> Self {
        Rotation { start: 0, next: FIXED }
    }

    /// Starts a poll of the group, and returns the number of the future to start with.
    #[inline]
    pub(super) fn start(&mut self) -> usize {
        if self.next == NONE && is_used_up() {
            self.next = HELD;
        }
        self.start as usize
    }

    /// The future with this number was polled.
    #[inline]
    pub(super) fn polled(&mut self, number: usize) {
        if self.next == NONE && is_used_up() {
            self.next = u32::try_from(number + 1).unwrap_or(0);
        }
    }

    /// Ends the poll of a group of this many futures.
    #[inline]
    pub(super) fn end(&mut self, futures: usize) {
        self.start = match self.next {
            FIXED => return,
            HELD => self.start,
            next if (next as usize) < futures => next,
            _ => 0,
        };
        self.next = NONE;
    }
}

//! Which future goes first in a group that shares the budget of a task.

use crate::limits::is_used_up;

/// Where a group goes on after a turn whose budget was used up: with the future after the one that used it up, so that
/// no future starves however busy those before it are. Without a budget every poll starts with the first future.
#[derive(Debug, Default)]
pub struct Rotation {
    start: usize,
    next: Option<usize>,
    is_fixed: bool,
}

impl Rotation {
    /// Creates one that always starts with the first future.
    #[inline]
    pub(super) fn fixed() -> Self {
        Rotation { is_fixed: true, ..Rotation::default() }
    }

    /// Returns the number of the future to start with.
    #[inline]
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The future with this number was polled.
    #[inline]
    pub(super) fn polled(&mut self, number: usize) {
        if self.next.is_none() && is_used_up() {
            self.next = Some(number + 1);
        }
    }

    /// Ends the poll of a group of this many futures.
    #[inline]
    pub(super) fn end(&mut self, futures: usize) {
        let next = self.next.take().filter(|&next| next < futures && !self.is_fixed);
        self.start = next.unwrap_or(0);
    }
}

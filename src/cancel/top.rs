//! The region that is being polled on this thread, innermost: the *top*.

use crate::kernel::{Word, set_word, word};

/// No region is being polled, only the task. It is 0, since the kernel clears the word when nested turns start.
pub(super) const TASK: u32 = 0;
/// The region that is being polled is not in the tree yet.
pub(super) const FRESH: u32 = 1;

/// The region that is being polled, innermost.
#[inline]
pub(super) fn top() -> u32 {
    word(Word::Cancel)
}

/// Another region is being polled from now on. Returns the one before.
#[inline]
pub(super) fn replace_top(region: u32) -> u32 {
    let before = word(Word::Cancel);
    set_word(Word::Cancel, region);
    before
}

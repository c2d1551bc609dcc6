//! The regions of a thread, and whether the current turn has left any of them unlinked.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::cancel::regions::Regions;
use crate::kernel::{Flags, Word, in_poll, set_turn_flag, set_word, word};

thread_local! {
    /// Has no destructor, so that it can be used while other thread-locals are being destroyed.
    static REGIONS: RefCell<ManuallyDrop<Regions>> =
        const { RefCell::new(ManuallyDrop::new(Regions::new())) };
    /// How often a region was left unlinked: a copy, since combinators read it before each poll.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Returns how often a region was left unlinked on this thread. A combinator reads it before a poll.
#[inline]
pub(crate) fn left() -> u32 {
    LEFT.get()
}

/// Reads or changes the regions. No user code may run in `call`.
pub(crate) fn with_regions<R>(call: impl FnOnce(&mut Regions) -> R) -> R {
    REGIONS.with(|regions| {
        let regions = &mut regions.borrow_mut();
        let result = call(regions);
        let before = LEFT.replace(regions.left());
        if before != regions.left() && in_poll().is_some() && word(Word::Cancel) == 0 {
            set_word(Word::Cancel, before | IS_SET);
            set_turn_flag(Flags::CALL_AFTER);
        }
        result
    })
}

/// Set in the word of a turn once a region was left in it. The other bits are the count before the turn.
const IS_SET: u32 = 1 << 31;

/// Returns whether a region was left unlinked in this turn.
#[inline]
pub(crate) fn has_left() -> bool {
    word(Word::Cancel) != 0
}

/// Returns how often a region had been left unlinked before this turn, if the turn has left one. Called once, after it.
pub(super) fn take_since() -> Option<u32> {
    let word = word(Word::Cancel);
    if word == 0 {
        return None;
    }
    set_word(Word::Cancel, 0);
    // Restores the highest bit of the count: no turn leaves 2^31 regions.
    Some(left().wrapping_sub(left().wrapping_sub(word) & !IS_SET))
}

/// From now on the slab keeps its memory while it is empty: this thread has a scheduler.
pub(crate) fn warm() {
    REGIONS.with(|regions| regions.borrow_mut().warm());
}

/// From now on the slab frees its memory when it is empty: the last scheduler of this thread was dropped.
pub(crate) fn cool() {
    REGIONS.with(|regions| regions.borrow_mut().cool());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_again_when_it_goes_round() {
        for before in [0, 5, IS_SET - 1, IS_SET, IS_SET + 5, u32::MAX - 1, u32::MAX] {
            LEFT.set(before.wrapping_add(3));
            set_word(Word::Cancel, before | IS_SET);
            assert_eq!(take_since(), Some(before));
            assert_eq!(take_since(), None, "it is asked once");
        }
    }
}

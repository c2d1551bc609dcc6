//! All regions of a thread, and what has happened to them in the turn under way.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::cancel::regions::Regions;
use crate::kernel::{Flags, Word, in_poll, set_turn_flag, set_word, word};

thread_local! {
    /// Without a destructor, so that it can be used while other thread-locals are being destroyed.
    static REGIONS: RefCell<ManuallyDrop<Regions>> =
        const { RefCell::new(ManuallyDrop::new(Regions::new())) };
    /// How often a region was left unlinked: a copy, since combinators look at it before each poll.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// How often a region was left unlinked on this thread: to be noted before a poll.
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

/// In the word of a turn: a region was left in it. The other bits say how often one had been left before.
const IS_SET: u32 = 1 << 31;

/// Whether a region was left unlinked in this turn.
#[inline]
pub(crate) fn has_left() -> bool {
    word(Word::Cancel) != 0
}

/// How often a region had been left unlinked before this turn, if one was left in it. Asked once, after the turn.
pub(super) fn take_since() -> Option<u32> {
    let word = word(Word::Cancel);
    if word == 0 {
        return None;
    }
    set_word(Word::Cancel, 0);
    // The highest bit is found again: no turn leaves so many regions.
    Some(left().wrapping_sub(left().wrapping_sub(word) & !IS_SET))
}

/// Keeps the memory of what is empty, for a scheduler.
pub(crate) fn warm() {
    REGIONS.with(|regions| regions.borrow_mut().warm());
}

/// The last scheduler of this thread has gone: from now on what is empty has no memory.
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

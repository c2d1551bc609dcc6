//! Names for tasks: the number that users see, and the address that the kernel uses.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// The number of a task: 1 for the first task of a scheduler, then counting up; never reused.
///
/// The root future of [`block_on`](crate::block_on) takes the next free number like any other task.
/// Ids of different schedulers are not related.
///
/// # Example
///
/// ```
/// let scheduler = turnwise::Scheduler::new();
/// let first = scheduler.spawn(async {});
/// assert_eq!(first.id().to_string(), "#1");
/// assert_eq!(first.id().as_u64(), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) NonZeroU64);

impl TaskId {
    /// Returns where this task lives, given its slot.
    pub(crate) fn key(self, slot: u32) -> Key {
        Key { slot, serial: self.serial() }
    }

    /// Returns the number itself.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// Returns the part of the id that a key contains: the low 31 bits, and a highest bit that is always set.
    ///
    /// Serials repeat after 2³¹ spawns. If a key is kept for that long, and its slot then holds exactly the task with
    /// the same serial, that task is woken once spuriously, which every future tolerates.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
    pub(crate) fn serial(self) -> NonZeroU32 {
        SERIAL | self.0.get() as u32
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a task lives in its scheduler: a slot, and the serial of the task that is expected there.
///
/// Slots are reused and serials are not, so a stale key finds no task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    /// The highest bit is always set, so this is never zero.
    pub(crate) serial: NonZeroU32,
}

/// The bit that is set in every serial.
const SERIAL: NonZeroU32 = NonZeroU32::new(1 << 31).expect("2^31 is not zero");

impl Key {
    /// Packs the key into a word. The highest bit is always set and carries no information, so a bell can use it.
    #[inline]
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.serial.get()) << 32 | u64::from(self.slot)
    }

    /// Unpacks what [`Key::to_word`] packed; ignores the highest bit.
    #[allow(clippy::cast_possible_truncation, reason = "the two halves of the word are wanted")]
    pub(crate) fn from_word(word: u64) -> Key {
        Key { slot: word as u32, serial: SERIAL | (word >> 32) as u32 }
    }
}

/// The address of a task, valid on its whole thread: it includes the scheduler.
///
/// Opaque, small and `Copy`. [`TaskKey::current`] returns the key of the task whose turn it is. A primitive of your own
/// can store keys to report which task waits and which task owns it (see [`waiting`](crate::waiting)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskKey {
    /// Schedulers are numbered across the whole process. A number repeats after 2³² of them; the worst that a stale key
    /// can then do is a spurious wake.
    pub(crate) scheduler: NonZeroU32,
    pub(crate) key: Key,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TaskId {
        TaskId(NonZeroU64::new(number).unwrap())
    }

    #[test]
    fn a_key_survives_being_packed() {
        for (slot, number) in [(0, 1), (7, 42), (u32::MAX, (1 << 31) - 1), (3, u64::MAX)] {
            let key = Key { slot, serial: id(number).serial() };
            assert_eq!(Key::from_word(key.to_word()), key);
            assert_eq!(Key::from_word(key.to_word() & !(1 << 63)), key, "rung or not");
            assert_eq!(key.to_word() >> 63, 1, "the highest bit belongs to the bell");
        }
    }

    #[test]
    fn serials_wrap_after_2_to_the_31_spawns() {
        let round = 1 << 31;
        assert_eq!(id(5).serial(), id(5 + round).serial());
        assert_ne!(id(round - 1).serial(), id(round).serial());
        assert_ne!(id(round).serial(), id(round + 1).serial());
    }
}

//! Names for tasks: the number that people see, and the address that the kernel uses.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// The number of a task: 1 for the first task of a scheduler, then counting up, never used twice.
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
    /// Returns the number itself.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// The low 31 bits of the id, never zero: what an address keeps of it.
    ///
    /// A serial comes again after 2³¹ − 1 spawns. Whoever kept an address that long, for a slot that
    /// was reused by exactly that task, wakes it once for nothing, which every future tolerates.
    pub(crate) fn serial(self) -> NonZeroU32 {
        const SERIALS: u64 = (1 << 31) - 1;
        #[allow(clippy::cast_possible_truncation, reason = "the remainder is below 2^31")]
        let serial = ((self.0.get() - 1) % SERIALS) as u32;
        NonZeroU32::MIN.saturating_add(serial)
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

/// Where a task lives inside its scheduler: the slot, and the serial of the tenant that is meant.
///
/// Slots are reused and serials are not, so an address that is out of date finds nobody at home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    /// 31 bits: the highest one is the bell's `rung`.
    pub(crate) serial: NonZeroU32,
}

impl Key {
    /// Packs the key into 63 bits.
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.serial.get()) << 32 | u64::from(self.slot)
    }

    /// Unpacks what [`Key::to_word`] packed; `None` if the word never was a key.
    #[allow(clippy::cast_possible_truncation, reason = "the two halves of the word are wanted")]
    pub(crate) fn from_word(word: u64) -> Option<Key> {
        let serial = NonZeroU32::new((word >> 32) as u32 & (u32::MAX >> 1))?;
        Some(Key { slot: word as u32, serial })
    }
}

/// The address of a task that is good on its whole thread: it names the scheduler too.
///
/// Opaque, small and `Copy`. [`TaskKey::current`] is the task whose turn it is; a primitive of your own
/// keeps it to say who waits and who owns (see [`waiting`](crate::waiting)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskKey {
    /// Schedulers are numbered through the whole process and a number comes again after 2³² of them;
    /// the worst that a stale one can do is a wake for nothing.
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
            assert_eq!(Key::from_word(key.to_word()), Some(key));
            assert_eq!(key.to_word() >> 63, 0, "the highest bit belongs to the bell");
        }
    }

    #[test]
    fn serials_go_round_without_ever_being_zero() {
        let last = (1 << 31) - 1;
        assert_eq!(id(last).serial().get(), last as u32);
        assert_eq!(id(last + 1).serial().get(), 1);
    }
}

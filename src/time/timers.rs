//! The timers: which task waits for which point in time, and firing them when it has come.
//!
//! A timer has a slot, found by its key, and an entry in the heap of `heap.rs` while a task or a foreign waker waits
//! for it. A cancelled timer leaves its entry behind. Dead entries are dropped when they come up, or all together when
//! they outnumber the live ones.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::mem;
use std::num::NonZeroU32;
use std::panic::Location;

use crate::kernel::{Key, TaskKey, Waiter};
use crate::time::heap::{EntryKey, HeapEntry, RadixHeap};
use crate::time::nanos::{NEVER, Nanos, later};

/// Identifies a timer: a slot, and the serial of the timer that is expected there. Serials count up through all timers,
/// so they show which of two was created first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TimerKey {
    slot: u32,
    serial: u32,
}

impl EntryKey for TimerKey {
    /// Correct as long as fewer than 2³¹ timers were created in between.
    fn made(self, other: TimerKey) -> Ordering {
        self.serial.wrapping_sub(other.serial).cast_signed().cmp(&0)
    }
}

/// How the deadline of a new timer is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    At(Nanos),
    /// This long from the next reading of the clock, which all timers that are created before it share.
    After(Nanos),
}

/// What [`Timers::arm`] has done.
pub(crate) enum Arming {
    /// Nothing: a foreign waker waits for the timer, and must be dropped first.
    Refused,
    /// The task waits for the timer, which had entered the heap before, or will when it has a deadline.
    Waits,
    /// The task waits for the timer, which has just entered the heap with this deadline.
    Enters(Nanos),
}

/// What waits for a timer.
pub(crate) enum Sleeper<W> {
    /// A task of this scheduler.
    Task(Key),
    /// Anything else, through a foreign waker.
    Foreign(W),
}

/// All timers of a scheduler.
#[derive(Default)]
pub(crate) struct Timers {
    slots: Vec<Timer>,
    vacant: Vec<u32>,
    /// Timers whose deadline is still a length of time from now.
    fresh: Vec<TimerKey>,
    /// Foreign wakers, by slot: kept apart, because they are rare and large.
    foreign: BTreeMap<u32, Waiter>,
    heap: RadixHeap<TimerKey>,
    /// Due timers, the next one last, waiting to be fired one by one.
    due: Vec<HeapEntry<TimerKey>>,
    /// How many timers are waited for and will fire some day.
    armed: usize,
    /// The serial of the timer that was created last.
    serials: u32,
}

/// Half a cache line, because a timer that fires is rarely in the cache. What firing reads comes first, so it is in one
/// line, without a larger alignment than every allocator provides; see [`Slot`](crate::kernel::Slot) for the reason.
#[repr(C)]
struct Timer {
    serial: u32,
    phase: Phase,
    has_foreign: bool,
    /// The task that waits for it; if `None`, a foreign waker may.
    task: Option<Key>,
    /// The deadline; while fresh, the length of time until it.
    deadline: Nanos,
    place: &'static Location<'static>,
}

const _: () = assert!(mem::size_of::<Timer>() <= 32, "a timer is half a cache line");
const _: () = assert!(mem::size_of::<HeapEntry<TimerKey>>() == 16, "four entries are a cache line");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Fresh,
    Set,
    /// Set, and its entry is in the heap.
    Armed,
    Fired,
    Vacant,
}

impl Timers {
    /// Creates a timer, which does nothing until it is waited for: until then it is not in the heap, and does not keep
    /// a run going.
    pub(crate) fn create(&mut self, when: When, place: &'static Location<'static>) -> TimerKey {
        let (phase, deadline) = match when {
            When::After(length) => (Phase::Fresh, length),
            When::At(deadline) => (Phase::Set, deadline),
        };
        let serial = self.next_serial();
        let timer = Timer { deadline, place, task: None, serial, phase, has_foreign: false };
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.slots[slot as usize] = timer;
                slot
            }
            None => self.push(timer),
        };
        let key = TimerKey { slot, serial };
        if phase == Phase::Fresh {
            self.fresh.push(key);
        }
        key
    }

    fn push(&mut self, timer: Timer) -> u32 {
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 timers fit into memory");
        self.slots.push(timer);
        slot
    }

    fn next_serial(&mut self) -> u32 {
        self.serials = self.serials.wrapping_add(1);
        if self.serials == 0 {
            // A dead entry from before the wrap could be taken for a new timer, so all of them are dropped.
            self.drop_dead_entries();
        }
        self.serials
    }

    #[cold]
    fn drop_dead_entries(&mut self) {
        let slots = &self.slots;
        self.heap.retain(|entry| is_live(slots, entry));
        self.fresh.retain(|key| slots[key.slot as usize].serial == key.serial);
    }

    /// Returns whether a timer has fired; if it has, it is removed.
    #[inline]
    pub(crate) fn forget_if_fired(&mut self, key: TimerKey) -> bool {
        let fired = self.slots[key.slot as usize].phase == Phase::Fired;
        if fired {
            self.vacate(key);
        }
        fired
    }

    /// Makes a task of this scheduler wait for a timer.
    #[inline]
    pub(crate) fn arm(&mut self, key: TimerKey, task: Key) -> Arming {
        let timer = &mut self.slots[key.slot as usize];
        if timer.has_foreign {
            return Arming::Refused;
        }
        timer.task = Some(task);
        if timer.phase != Phase::Set {
            return Arming::Waits;
        }
        let deadline = timer.deadline;
        self.enter_heap(key);
        Arming::Enters(deadline)
    }

    /// Makes a foreign waker wait for a timer. Returns the previous one, which must be dropped with nothing borrowed.
    pub(crate) fn arm_foreign(&mut self, key: TimerKey, waiter: Waiter) -> Option<Waiter> {
        let timer = &mut self.slots[key.slot as usize];
        (timer.task, timer.has_foreign) = (None, true);
        if timer.phase == Phase::Set {
            self.enter_heap(key);
        }
        self.foreign.insert(key.slot, waiter)
    }

    /// Takes the foreign waker that waits for a timer, if there is one.
    #[inline]
    pub(crate) fn dismiss_foreign(&mut self, key: TimerKey) -> Option<Waiter> {
        let has_foreign = mem::take(&mut self.slots[key.slot as usize].has_foreign);
        if has_foreign { self.take_foreign(key) } else { None }
    }

    /// Takes the foreign waker that waited for a timer, which must be dropped with nothing borrowed.
    #[cold]
    pub(crate) fn take_foreign(&mut self, key: TimerKey) -> Option<Waiter> {
        self.foreign.remove(&key.slot)
    }

    /// Returns the deadline of a timer, if it has one yet.
    pub(crate) fn deadline(&self, key: TimerKey) -> Option<Nanos> {
        let timer = &self.slots[key.slot as usize];
        (timer.phase != Phase::Fresh).then_some(timer.deadline)
    }

    /// Returns where a timer was created.
    pub(crate) fn place(&self, key: TimerKey) -> &'static Location<'static> {
        self.slots[key.slot as usize].place
    }

    /// Removes a timer. Returns `true` if a foreign waker waited for it, which the caller must then take and drop.
    #[inline]
    #[must_use]
    pub(crate) fn cancel(&mut self, key: TimerKey) -> bool {
        let timer = &mut self.slots[key.slot as usize];
        if timer.phase == Phase::Armed {
            self.armed -= 1;
        }
        timer.phase = Phase::Vacant;
        let has_foreign = timer.has_foreign;
        self.vacant.push(key.slot);
        if self.heap.len() > 2 * self.armed + 64 || self.fresh.len() > 2 * self.slots.len() + 64 {
            self.drop_dead_entries();
        }
        has_foreign
    }

    fn vacate(&mut self, key: TimerKey) {
        self.slots[key.slot as usize].phase = Phase::Vacant;
        self.vacant.push(key.slot);
    }

    /// Returns whether timers were created since the last [`Timers::settle`].
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Turns the lengths of all fresh timers into deadlines.
    pub(crate) fn settle(&mut self, now: Nanos) {
        while let Some(key) = self.fresh.pop() {
            let timer = &mut self.slots[key.slot as usize];
            if timer.serial != key.serial || timer.phase != Phase::Fresh {
                continue; // Created and dropped in the same turn: it never enters the heap.
            }
            timer.phase = Phase::Set;
            timer.deadline = later(now, timer.deadline);
            if timer.task.is_some() || timer.has_foreign {
                self.enter_heap(key);
            }
        }
    }

    #[allow(clippy::inline_always, reason = "measured: see `kernel/mainloop.rs`")]
    #[inline(always)]
    fn enter_heap(&mut self, key: TimerKey) {
        let timer = &mut self.slots[key.slot as usize];
        if timer.deadline == NEVER {
            return;
        }
        timer.phase = Phase::Armed;
        self.armed += 1;
        self.heap.push(HeapEntry { deadline: timer.deadline, key });
    }

    /// Returns how many timers are waited for.
    pub(crate) fn armed(&self) -> usize {
        self.armed
    }

    /// Returns the next deadline, or an earlier one whose timer was cancelled; `None` if no timer is armed.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        if self.armed == 0 { None } else { self.heap.first().map(|first| first.deadline) }
    }

    /// Returns exactly the next deadline. Checks every entry of the first bucket if its earliest was cancelled.
    pub(crate) fn next_deadline(&mut self) -> Option<Nanos> {
        let slots = &self.slots;
        while self.armed > 0 {
            let first = self.heap.first()?;
            if is_live(slots, first) {
                return Some(first.deadline);
            }
            self.heap.prune_first(|entry| is_live(slots, entry));
        }
        None
    }

    /// Collects all timers that are due, to be fired one by one.
    pub(crate) fn collect_due(&mut self, now: Nanos) {
        if self.due.is_empty() {
            self.heap.take_due(now, &mut self.due);
            self.due.reverse();
        }
    }

    /// Returns whether a collected timer has not fired yet.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Fires the next due timer, and returns what waits for it, to be woken.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its two callers are the common path and the rare one")]
    pub(crate) fn fire(&mut self) -> Option<Sleeper<Waiter>> {
        while let Some(entry) = self.due.pop() {
            if !is_live(&self.slots, &entry) {
                continue;
            }
            self.armed -= 1;
            let timer = &mut self.slots[entry.key.slot as usize];
            timer.phase = Phase::Fired;
            if let Some(task) = timer.task {
                return Some(Sleeper::Task(task));
            }
            if let Some(waiter) = self.dismiss_foreign(entry.key) {
                return Some(Sleeper::Foreign(waiter));
            }
        }
        None
    }

    /// Iterates over the timers that are waited for, in no order. None may be fresh.
    pub(crate) fn waits(&self) -> impl Iterator<Item = TimerWait<'_>> {
        (0..).take(self.slots.len()).filter_map(|slot| self.wait_at(slot))
    }

    fn wait_at(&self, slot: u32) -> Option<TimerWait<'_>> {
        let timer = &self.slots[slot as usize];
        if matches!(timer.phase, Phase::Fired | Phase::Vacant) {
            return None;
        }
        let sleeper = match timer.task {
            Some(task) => Sleeper::Task(task),
            None => Sleeper::Foreign(self.foreign.get(&slot)?),
        };
        let age = self.serials.wrapping_sub(timer.serial);
        let order = (timer.deadline, Reverse(age));
        Some(TimerWait { deadline: timer.deadline, sleeper, place: timer.place, order })
    }
}

// ----- for details -----

impl Timers {
    /// Returns the wait for a timer, if there is one. Its deadline may not be set yet.
    pub(super) fn wait_for(&self, key: TimerKey) -> Option<TimerWait<'_>> {
        self.wait_at(key.slot).filter(|_| self.slots[key.slot as usize].serial == key.serial)
    }

    /// Returns whether a timer has fired, and was not polled since.
    pub(super) fn has_fired(&self, key: TimerKey) -> bool {
        matches!(self.slots[key.slot as usize].phase, Phase::Fired)
    }

    /// Returns the timers that [`settle`](Timers::settle) will give a deadline and that are waited for, in the order in
    /// which they were created.
    pub(super) fn fresh_waits(&self) -> Vec<TimerKey> {
        let is_fresh =
            |key: &TimerKey| self.deadline(*key).is_none() && self.wait_for(*key).is_some();
        self.fresh.iter().copied().filter(is_fresh).collect()
    }

    /// Returns the timer that [`fire`](Timers::fire) will fire next.
    pub(super) fn next_due(&self) -> Option<TimerKey> {
        let live = self.due.iter().rev().find(|entry| is_live(&self.slots, entry));
        live.map(|entry| entry.key)
    }
}

impl TimerKey {
    /// Returns a number that no other timer has had lately.
    pub(super) fn number(self) -> u64 {
        u64::from(self.serial) << 32 | u64::from(self.slot)
    }
}

/// A timer that is waited for.
pub(crate) struct TimerWait<'a> {
    pub(crate) deadline: Nanos,
    pub(crate) sleeper: Sleeper<&'a Waiter>,
    /// Where it was created.
    pub(crate) place: &'static Location<'static>,
    pub(crate) order: TimerOrder,
}

/// Sorts timers as they fire: by deadline, then by how many have been created since.
pub(crate) type TimerOrder = (Nanos, Reverse<u32>);

impl Sleeper<&Waiter> {
    /// Returns the task, if it is known; `scheduler` is the one whose timer this is.
    pub(crate) fn task(&self, scheduler: NonZeroU32) -> Option<TaskKey> {
        match self {
            Sleeper::Task(key) => Some(TaskKey { scheduler, key: *key }),
            Sleeper::Foreign(waiter) => waiter.task(),
        }
    }
}

fn is_live(slots: &[Timer], entry: &HeapEntry<TimerKey>) -> bool {
    let timer = &slots[entry.key.slot as usize];
    timer.serial == entry.key.serial && timer.phase == Phase::Armed
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests;

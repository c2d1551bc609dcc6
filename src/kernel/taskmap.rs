//! The task map: one slot for every live task, and for every finished one whose output may still be taken.

use std::any::Any;
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::kernel::boxes::BoxPool;
use crate::kernel::id::{Key, TaskId};
use crate::kernel::now::{Flags, Place};
use crate::kernel::task::{Boxed, Failure, Task};
use crate::kernel::waker::{BellIndex, Waiter};

/// What a task is doing.
///
/// ```text
/// vacant ─1─▶ queued ───2───▶ turn ─3─▶ idle     1 insert      4 schedule: woken in its own turn
///    ▲          ▲ ▲             │         │      2 begin_turn  6 finish
///    │          │ └5─ notified◀4┘         │      3 put_back    7 schedule
///    │          └────────────7────────────┘      5 put_back    8 vacate
///    └───8─── done ◀──6── turn
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Waits for its bell.
    Idle,
    /// Is on ready, exactly once.
    Queued,
    /// Is out of the map for its turn.
    Turn,
    /// The same, and it was woken during the turn: it goes back on ready afterwards.
    ///
    /// Kept for each slot, because turns nest: a scheduler may run inside a turn of another.
    Notified,
    /// Has ended; its output is kept for the handle.
    Done,
    Vacant,
}

/// One slot of the map. A turn touches its first three quarters. Wherever the allocator puts a large vector, at the
/// start of a page or 16 bytes after it, these are in one cache line.
///
/// The slot does not request a larger alignment. A vector of values that are aligned to more than the allocator's own
/// alignment is copied whenever it grows, in the middle of a turn; this one is remapped by the system.
#[repr(C)]
pub(crate) struct Slot {
    /// `None` while the task is out for its turn, and always for a task whose future lives elsewhere: a root, or the
    /// child of a scope. In a finished task, it holds the output.
    pub(crate) target: Option<Boxed>,
    /// 0 if vacant.
    id: u64,
    /// How many turns the task has had.
    pub(crate) turns: u64,
    /// The number of its latest turn, among all turns of the scheduler: it has been waiting since then.
    pub(crate) last_turn: u64,
    /// Its own bell, while clones of it are held elsewhere.
    pub(crate) bell: BellIndex,
    pub(crate) flags: Flags,
    pub(crate) state: SlotState,
    /// Only stored here: a layer orders the pass.
    pub(crate) priority: i8,
    /// The task that waits for its end, if it is on the same scheduler; any other waiter is in [`Extra`].
    pub(crate) joiner: Option<Key>,
    pub(crate) spawned_at: Place,
}

const _: () = assert!(mem::size_of::<Slot>() <= 64, "a slot is as large as a cache line");

/// Rarely needed data of a task, kept out of line so that ordinary tasks do not pay for it.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) name: Option<Arc<str>>,
    /// Waits for the end of the task through a foreign waker.
    pub(crate) joiner: Option<Waiter>,
    /// The failure with which the task ends at its next turn, if not `Aborted`.
    pub(crate) failure: Option<Failure>,
}

impl Slot {
    pub(crate) fn id(&self) -> Option<TaskId> {
        NonZeroU64::new(self.id).map(TaskId)
    }

    /// Returns the key of the occupant; `slot` is the number of this slot.
    #[inline]
    pub(crate) fn key(&self, slot: u32) -> Key {
        self.id().expect("the slot is not vacant").key(slot)
    }

    /// Returns whether the slot holds a task that has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.state, SlotState::Vacant | SlotState::Done)
    }

    fn is_home_of(&self, key: Key) -> bool {
        self.id().is_some_and(|id| id.serial() == key.serial)
    }
}

/// What is known about a task when it is spawned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpawnMeta {
    pub(crate) priority: i8,
    pub(crate) place: Place,
    pub(crate) flags: Flags,
}

impl SpawnMeta {
    /// A task of priority 0.
    pub(crate) fn at(place: Place) -> Self {
        SpawnMeta { priority: 0, place, flags: Flags::NONE }
    }
}

/// The slides' `taskmap`: a vector of slots, which are found by number and reused.
#[derive(Default)]
pub(crate) struct TaskMap {
    slots: Vec<Slot>,
    vacant: BoxPool,
    /// Created when a task first needs it.
    extras: Option<Box<Extras>>,
    /// How many tasks were ever spawned: the last id.
    pub(crate) spawned: u64,
    /// How many of them have ended, whether or not their outputs were taken.
    ended: u64,
}

impl TaskMap {
    /// Inserts a task, as [`SlotState::Queued`]: the caller puts it on ready.
    #[inline]
    pub(crate) fn insert<F: Future + 'static>(
        &mut self,
        target: F,
        meta: SpawnMeta,
    ) -> (Key, TaskId) {
        if let Some((slot, mut empty)) = self.vacant.take::<Task<F>>() {
            empty.as_mut().set(Task::Running { target });
            return self.occupy(slot, Some(empty), meta);
        }
        let slot = self.bare_slot(meta.place);
        self.occupy(slot, Some(Box::pin(Task::Running { target })), meta)
    }

    /// Does the same for a task whose future lives elsewhere, and which needs no box.
    pub(crate) fn insert_external(&mut self, meta: SpawnMeta) -> (Key, TaskId) {
        let slot = self.bare_slot(meta.place);
        self.occupy(slot, None, meta)
    }

    /// Returns a vacant slot without a box; creates one if there is none.
    fn bare_slot(&mut self, place: Place) -> u32 {
        if let Some(slot) = self.vacant.take_bare() {
            return slot;
        }
        self.slots.push(Slot {
            target: None,
            id: 0,
            turns: 0,
            last_turn: 0,
            bell: BellIndex::NONE,
            flags: Flags::NONE,
            state: SlotState::Vacant,
            priority: 0,
            joiner: None,
            spawned_at: place,
        });
        u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 tasks fit into memory")
    }

    #[inline(always)]
    fn occupy(&mut self, slot: u32, target: Option<Boxed>, meta: SpawnMeta) -> (Key, TaskId) {
        self.spawned += 1;
        let id = TaskId(NonZeroU64::new(self.spawned).expect("counts up from one"));
        let entry = &mut self.slots[slot as usize];
        mem::forget(mem::replace(&mut entry.target, target)); // It was `None`: nothing is dropped.
        entry.id = self.spawned;
        (entry.turns, entry.last_turn) = (0, 0);
        entry.spawned_at = meta.place;
        entry.joiner = None;
        entry.state = SlotState::Queued;
        (entry.priority, entry.flags) = (meta.priority, meta.flags);
        (id.key(slot), id)
    }

    /// Returns the slot with this number, whatever task is in it.
    pub(crate) fn slot(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    /// Returns the slot of exactly this task; `None` if the task is gone.
    pub(crate) fn get(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.slot as usize).filter(|slot| slot.is_home_of(key))
    }

    /// Does the same, for writing.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.is_home_of(key))
    }

    /// Returns the slot of the task with this id; `None` if the task is gone.
    pub(crate) fn get_by_id(&mut self, slot: u32, id: TaskId) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize).filter(|entry| entry.id == id.as_u64())
    }

    /// Ends a task that had its last turn. Its output stays for the handle; a task whose future lives elsewhere is
    /// removed from the map immediately.
    #[inline(always)]
    pub(crate) fn finish(&mut self, slot: u32, target: Option<Boxed>) {
        self.ended += 1;
        let entry = &mut self.slots[slot as usize];
        entry.state = SlotState::Done;
        if target.is_some() {
            mem::forget(mem::replace(&mut entry.target, target)); // It was `None`: nothing is dropped.
        } else {
            self.leave(slot);
        }
    }

    /// Vacates the slot of a task whose future lives elsewhere: it leaves no output. Not inlined, because that would
    /// make the exit of every task larger.
    #[inline(never)]
    fn leave(&mut self, slot: u32) {
        self.vacate(slot);
        self.vacant.add_bare(slot);
    }

    /// Ends a detached task. The caller clears its box, and [returns it](TaskMap::return_box).
    pub(crate) fn finish_detached(&mut self, slot: u32) {
        self.ended += 1;
        self.slots[slot as usize].state = SlotState::Done;
    }

    /// Moves the output of a finished task into `output`, an `Option<Result<T, Failure>>`, and removes the task.
    #[inline]
    pub(crate) fn take_output(&mut self, slot: u32, output: &mut dyn Any) {
        match self.vacate(slot) {
            Some(finished) => finished.hand_over(output, slot, &mut self.vacant),
            None => self.vacant.add_bare(slot),
        }
    }

    /// Takes back the cleared box of a finished task, and removes the task.
    pub(crate) fn return_box(&mut self, slot: u32, empty: Boxed) {
        self.vacate(slot);
        empty.recycle(slot, &mut self.vacant);
    }

    /// Marks a slot as vacant and returns its contents. The caller adds it to the vacant slots.
    #[inline(always)]
    fn vacate(&mut self, slot: u32) -> Option<Boxed> {
        let entry = &mut self.slots[slot as usize];
        entry.state = SlotState::Vacant;
        entry.id = 0;
        let left = entry.target.take();
        if entry.flags.has(Flags::EXTRA)
            && let Some(extras) = &mut self.extras
        {
            extras.remove(slot);
        }
        left
    }

    /// Returns the extra data of a slot; creates it if there is none.
    pub(crate) fn extra_mut(&mut self, slot: u32) -> &mut Extra {
        let flags = &mut self.slots[slot as usize].flags;
        let extras = self.extras.get_or_insert_with(Box::default);
        if !flags.has(Flags::EXTRA) {
            *flags = flags.with(Flags::EXTRA);
            extras.insert(slot);
        }
        extras.get_mut(slot)
    }

    /// Returns the extra data of a slot, if it has any.
    pub(crate) fn extra(&self, slot: u32) -> Option<&Extra> {
        let has_extra = self.slots[slot as usize].flags.has(Flags::EXTRA);
        self.extras
            .as_ref()
            .filter(|_| has_extra)
            .map(|extras| &extras.entries[extras.numbers[slot as usize] as usize])
    }

    /// Returns the slot with this number, for reading.
    pub(crate) fn at(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    /// Returns how many tasks have not ended.
    #[allow(clippy::cast_possible_truncation, reason = "they are all in memory")]
    pub(crate) fn alive(&self) -> usize {
        (self.spawned - self.ended) as usize
    }

    /// Iterates over the slots that are not vacant, with their keys.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (Key, &Slot)> {
        self.slots.iter().zip(0..).filter_map(|(entry, slot)| Some((entry.id()?.key(slot), entry)))
    }
}

/// The extra data of the slots that have [`Flags::EXTRA`].
#[derive(Default)]
struct Extras {
    /// For each slot, the index into `entries`; only as long as the highest slot that ever had one.
    numbers: Vec<u32>,
    entries: Vec<Extra>,
    vacant: Vec<u32>,
}

impl Extras {
    fn get_mut(&mut self, slot: u32) -> &mut Extra {
        &mut self.entries[self.numbers[slot as usize] as usize]
    }

    fn insert(&mut self, slot: u32) {
        let number = self.vacant.pop().unwrap_or_else(|| {
            self.entries.push(Extra::default());
            u32::try_from(self.entries.len() - 1).expect("there are no more entries than slots")
        });
        let slot = slot as usize;
        if slot >= self.numbers.len() {
            self.numbers.resize(slot + 1, 0);
        }
        self.numbers[slot] = number;
    }

    #[cold]
    fn remove(&mut self, slot: u32) {
        *self.get_mut(slot) = Extra::default();
        self.vacant.push(self.numbers[slot as usize]);
    }
}

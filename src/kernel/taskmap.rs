//! The task map: one slot for every live task, and for every finished one that may still be asked for.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::mem;
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::Arc;

use crate::cancel::Reason;
use crate::kernel::boxes::Vacancies;
use crate::kernel::heritage::Heritage;
use crate::kernel::id::{Key, TaskId};
use crate::kernel::marks::Marks;
use crate::kernel::task::{Boxed, Task};
use crate::kernel::waker::BellIndex;
use crate::report::Explain;
use crate::report::Waiter;

/// What a task is doing.
///
/// ```text
/// vacant ─1─▶ queued ─2─▶ turn ─3─▶ idle     1 insert      4 schedule: woken in its own turn
///    ▲          ▲ ▲       │  │        │      2 begin_turn  6 finish
///    │          │ └5─ again◀4┘        │      3 end_turn    7 schedule
///    │          └─────────7───────────┘      5 end_turn    8 vacate
///    └───8─── done ◀──6── turn
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Waits for its bell.
    Idle,
    /// Is on ready, exactly once.
    Queued,
    /// Is out of the map, for its turn.
    Turn,
    /// The same, and it was woken meanwhile: it goes back to ready after its turn.
    ///
    /// Kept for each slot, since turns nest: a scheduler may run inside a turn of another.
    Again,
    /// Is over; the output is kept for the handle.
    Done,
    Vacant,
}

/// Where a task was put when it was scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a host that is not rung does not know that its child is ready"]
pub(crate) enum Put {
    /// Nowhere: it is there already, or has its turn, or is over.
    Nowhere,
    OnReady,
    /// On the ready queue of its scope, which must be rung.
    AtHost,
}

/// A place in the map: one cache line, so that a turn touches no more of it.
#[repr(align(64))]
pub(crate) struct Slot {
    /// `None` while the task is out for its turn, and always for a root and for the child of a scope. A
    /// finished task's holds its output; a vacant slot's is empty, and waits for a future that fits.
    pub(crate) target: Option<Boxed>,
    /// 0 when vacant.
    id: u64,
    /// How many turns the task has had.
    pub(crate) turns: u64,
    /// The number of its last turn, among all turns of the scheduler: since then it waits.
    pub(crate) last_turn: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Who waits for its end, if that is a task of the same scheduler; others are [`Rare`].
    pub(crate) joiner: Option<Key>,
    /// Its own bell, while clones of it are in foreign hands.
    pub(crate) bell: BellIndex,
    pub(crate) doing: Doing,
    pub(crate) priority: i8,
    pub(crate) marks: Marks,
}

/// What few tasks have, kept aside so that the others do not pay for it.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) name: Option<Arc<str>>,
    /// Who waits for its end through a waker that is not a task's own.
    pub(crate) joiner: Option<Waiter>,
    /// Says what its error is, if it ends with one.
    pub(crate) explain: Option<Explain>,
    /// What it has inherited; out of its place during its turns. It is gone before the slot is vacated: to
    /// drop it is code of the user's.
    pub(crate) heritage: Option<Box<dyn Heritage>>,
    /// Its root region, if anything was ever left below it.
    pub(crate) region: Option<u32>,
    /// Why it is to be dropped at its next turn, if that is because of a request.
    pub(crate) cancelled: Option<Reason>,
}

impl Slot {
    pub(crate) fn id(&self) -> Option<TaskId> {
        NonZeroU64::new(self.id).map(TaskId)
    }

    /// The key of whoever lives here; `slot` is the number of this slot.
    #[inline]
    pub(crate) fn key(&self, slot: u32) -> Key {
        Key { slot, serial: self.id().expect("the slot has a tenant").serial() }
    }

    /// Neither vacant nor over.
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.doing, Doing::Vacant | Doing::Done)
    }
}

/// What is known about a task when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) priority: i8,
    pub(crate) place: &'static Location<'static>,
    pub(crate) marks: Marks,
}

impl Birth {
    /// A task of priority 0.
    pub(crate) fn at(place: &'static Location<'static>) -> Self {
        Birth { priority: 0, place, marks: Marks::default() }
    }
}

/// The slides' `taskmap`: slots in a vector, recycled, found by number.
#[derive(Default)]
pub(crate) struct TaskMap {
    slots: Vec<Slot>,
    vacancies: Vacancies,
    rare: BTreeMap<u32, Rare>,
    /// Tasks that are not over. Those that only wait to be asked for their output do not count.
    alive: usize,
    /// How many tasks were ever made: the last id.
    spawned: u64,
}

impl TaskMap {
    /// Moves a future in, as [`Doing::Queued`]: the caller puts it on ready.
    #[inline]
    pub(crate) fn insert<F: Future + 'static>(&mut self, target: F, birth: Birth) -> (Key, TaskId) {
        if let Some(slot) = self.vacancies.take_furnished(TypeId::of::<F>()) {
            let empty = self.slots[slot as usize].target.as_mut();
            empty.expect("it is furnished").as_mut().refill(&mut Some(target));
            return self.move_in(slot, birth);
        }
        let slot = self.bare_slot(birth.place);
        self.slots[slot as usize].target = Some(Box::pin(Task::Running { target }));
        self.move_in(slot, birth)
    }

    /// The same for a root or for the child of a scope, which bring no box.
    pub(crate) fn insert_guest(&mut self, birth: Birth) -> (Key, TaskId) {
        let slot = self.bare_slot(birth.place);
        self.slots[slot as usize].target = None;
        self.move_in(slot, birth)
    }

    /// Gives a new task what few tasks have: a name, and what it inherits.
    #[inline]
    pub(crate) fn endow(
        &mut self,
        slot: u32,
        name: Option<Arc<str>>,
        heritage: Option<Box<dyn Heritage>>,
    ) {
        if name.is_some() {
            self.rare(slot).name = name;
        }
        if heritage.is_some() {
            self.rare(slot).heritage = heritage;
            self.slots[slot as usize].marks.set(Marks::HEIR);
        }
    }

    /// A vacant slot, made if there is none; what it holds is to be replaced.
    fn bare_slot(&mut self, place: &'static Location<'static>) -> u32 {
        if let Some(slot) = self.vacancies.take_bare() {
            return slot;
        }
        self.slots.push(Slot {
            target: None,
            id: 0,
            turns: 0,
            last_turn: 0,
            spawned_at: place,
            joiner: None,
            bell: BellIndex::NONE,
            doing: Doing::Vacant,
            priority: 0,
            marks: Marks::default(),
        });
        u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 tasks fit into memory")
    }

    #[inline]
    fn move_in(&mut self, slot: u32, birth: Birth) -> (Key, TaskId) {
        self.alive += 1;
        self.spawned += 1;
        let id = TaskId(NonZeroU64::new(self.spawned).expect("counts up from one"));
        let place = &mut self.slots[slot as usize];
        place.id = self.spawned;
        (place.turns, place.last_turn) = (0, 0);
        place.spawned_at = birth.place;
        place.joiner = None;
        place.doing = Doing::Queued;
        (place.priority, place.marks) = (birth.priority, birth.marks);
        (Key { slot, serial: id.serial() }, id)
    }

    /// The slot with this number, whoever lives there.
    pub(crate) fn slot(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    /// The slot of exactly this task; `None` if it has moved out.
    pub(crate) fn tenant(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.is_home_of(key))
    }

    /// The same, to look at.
    pub(crate) fn look(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.slot as usize).filter(|slot| slot.is_home_of(key))
    }

    /// The slot of the task with this id; `None` if it has moved out.
    pub(crate) fn resident(&mut self, slot: u32, id: TaskId) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize).filter(|place| place.id == id.as_u64())
    }

    /// Notes that a task was woken; says where it must be put now.
    #[allow(clippy::inline_always, reason = "every wake goes through here, from several places")]
    #[inline(always)]
    pub(crate) fn wake(&mut self, key: Key) -> Put {
        let Some(slot) = self.tenant(key) else { return Put::Nowhere };
        match slot.doing {
            Doing::Idle => {
                slot.doing = Doing::Queued;
                if slot.marks.has(Marks::HOSTED) { Put::AtHost } else { Put::OnReady }
            }
            Doing::Turn => {
                slot.doing = Doing::Again;
                Put::Nowhere
            }
            Doing::Queued | Doing::Again | Doing::Done | Doing::Vacant => Put::Nowhere,
        }
    }

    /// Ends a task that had its last turn. The output stays for the handle, if there is one; a root and the
    /// child of a scope leave at once. What a detached task has left is returned: the caller empties it and brings it back.
    #[allow(
        clippy::inline_always,
        reason = "the main loop is its one caller; calls cost a third of a turn"
    )]
    #[inline(always)]
    pub(crate) fn finish(&mut self, slot: u32, target: Option<Boxed>) -> Option<Boxed> {
        self.alive -= 1;
        let place = &mut self.slots[slot as usize];
        place.doing = Doing::Done;
        match target {
            Some(unwanted) if place.marks.has(Marks::DETACHED) => Some(unwanted),
            Some(finished) => {
                place.target = Some(finished);
                None
            }
            None => {
                self.vacate(slot);
                None
            }
        }
    }

    /// Moves the output of a finished task into `output`, an `Option<Result<T, Failure>>`; the task is gone.
    #[inline]
    pub(crate) fn take_output(&mut self, slot: u32, output: &mut dyn Any) {
        if let Some(finished) = &mut self.slots[slot as usize].target {
            finished.as_mut().take(output);
        }
        self.vacate(slot);
    }

    /// Brings back the box of a finished task, emptied; the task is gone.
    pub(crate) fn bring_back(&mut self, slot: u32, empty: Boxed) {
        self.slots[slot as usize].target = Some(empty);
        self.vacate(slot);
    }

    /// Empties a slot for the next tenant, of what but an empty box is left in it.
    #[inline]
    fn vacate(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        place.doing = Doing::Vacant;
        place.id = 0;
        if !self.vacancies.add(slot, place.target.as_deref()) {
            place.target = None; // It is empty, so this runs no code of the user.
        }
        if place.marks.has(Marks::RARE) {
            self.forget_rare(slot);
        }
    }

    #[cold]
    fn forget_rare(&mut self, slot: u32) {
        self.rare.remove(&slot);
    }

    /// The rare things of a slot, for writing.
    pub(crate) fn rare(&mut self, slot: u32) -> &mut Rare {
        self.slots[slot as usize].marks.set(Marks::RARE);
        self.rare.entry(slot).or_default()
    }

    /// The rare things of a slot, if it has any.
    pub(crate) fn has_rare(&mut self, slot: u32) -> Option<&mut Rare> {
        let is_rare = self.slots[slot as usize].marks.has(Marks::RARE);
        if is_rare { self.rare.get_mut(&slot) } else { None }
    }

    /// Takes who waits, through a foreign waker, for the end of a task.
    pub(crate) fn take_foreign_joiner(&mut self, slot: u32) -> Option<Waiter> {
        self.has_rare(slot).and_then(|rare| rare.joiner.take())
    }

    /// Who waits, through a foreign waker, for the end of a task.
    pub(crate) fn foreign_joiner(&self, slot: u32) -> Option<&Waiter> {
        self.rare.get(&slot).and_then(|rare| rare.joiner.as_ref())
    }

    /// The key of whoever lives in a slot.
    pub(crate) fn key_of(&self, slot: u32) -> Option<Key> {
        let id = self.slots.get(slot as usize)?.id()?;
        Some(Key { slot, serial: id.serial() })
    }

    pub(crate) fn priority(&self, slot: u32) -> i8 {
        self.slots[slot as usize].priority
    }

    pub(crate) fn name(&self, slot: u32) -> Option<Arc<str>> {
        let place = &self.slots[slot as usize];
        if place.marks.has(Marks::MAIN) {
            return Some(Arc::from("main"));
        }
        self.rare.get(&slot).and_then(|rare| rare.name.clone())
    }

    /// How many tasks are not over.
    pub(crate) fn alive(&self) -> usize {
        self.alive
    }

    /// How many tasks were ever made.
    pub(crate) fn spawned(&self) -> u64 {
        self.spawned
    }

    /// Every slot that is not vacant, with its key.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = (Key, &Slot)> {
        self.slots.iter().zip(0..).filter_map(|(place, slot)| {
            let key = Key { slot, serial: place.id()?.serial() };
            Some((key, place))
        })
    }
}

impl Slot {
    fn is_home_of(&self, key: Key) -> bool {
        self.id().is_some_and(|id| id.serial() == key.serial)
    }
}

const _: () = assert!(mem::size_of::<Slot>() == 64, "a slot is one cache line");

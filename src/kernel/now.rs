//! What changes from turn to turn on a thread, and is put back when turns were nested.

use std::cell::Cell;
use std::num::NonZeroU32;

use crate::kernel::id::{Key, TaskKey};
use crate::report::Place;

/// What changes from turn to turn, and is put back when a nested run is over.
#[derive(Clone)]
pub(crate) struct Now {
    /// The scheduler that runs, or whose tasks are being dropped.
    pub(crate) scheduler: Cell<Option<NonZeroU32>>,
    /// Where the innermost run was entered; `None` outside of all runs.
    pub(crate) run: Cell<Option<Place>>,
    /// The task of that scheduler whose turn it is, or just was.
    pub(crate) task: Cell<Option<Key>>,
    /// Address of the bell that is lent to this turn. 0 as soon as the poll has returned: a ring by a
    /// destructor that runs then must not be taken for one inside the turn, or it would be lost.
    pub(crate) bell: Cell<usize>,
    /// What has happened in this turn.
    pub(crate) noted: Cell<Noted>,
    /// How often a region had been left unhung before this turn, if one was left in it.
    pub(crate) since: Cell<u32>,
    /// The waits that are over in this turn are counted.
    pub(crate) metered: Cell<bool>,
    /// How many timeouts whose deadline has just come are polling what they wrap, further up the stack.
    pub(crate) due: Cell<u32>,
}

impl Now {
    /// Outside of everything.
    pub(crate) const fn new() -> Self {
        Now {
            scheduler: Cell::new(None),
            run: Cell::new(None),
            task: Cell::new(None),
            bell: Cell::new(0),
            noted: Cell::new(Noted(0)),
            since: Cell::new(0),
            metered: Cell::new(false),
            due: Cell::new(0),
        }
    }

    pub(crate) fn task(&self) -> Option<TaskKey> {
        Some(TaskKey::new(self.scheduler.get()?, self.task.get()?))
    }

    /// Goes back to what was before.
    pub(crate) fn put_back(&self, before: &Now) {
        self.scheduler.set(before.scheduler.get());
        self.run.set(before.run.get());
        self.task.set(before.task.get());
        self.bell.set(before.bell.get());
        self.noted.set(before.noted.get());
        self.since.set(before.since.get());
        self.metered.set(before.metered.get());
        self.due.set(before.due.get());
    }
}

/// What has happened in a turn: flags.
#[derive(Clone, Copy)]
pub(crate) struct Noted(u8);

impl Noted {
    const RUNG: u8 = 1;
    const LEFT: u8 = 2;

    pub(crate) const NOTHING: Noted = Noted(0);

    /// The task was woken by its own bell.
    #[inline]
    pub(crate) fn is_rung(self) -> bool {
        self.0 & Noted::RUNG != 0
    }

    /// A region was left unhung.
    #[inline]
    pub(crate) fn has_left(self) -> bool {
        self.0 & Noted::LEFT != 0
    }

    /// The same, and it was.
    #[inline]
    pub(crate) fn rung(self) -> Self {
        Noted(self.0 | Noted::RUNG)
    }

    /// The same, and one was.
    #[inline]
    pub(crate) fn left(self) -> Self {
        Noted(self.0 | Noted::LEFT)
    }
}

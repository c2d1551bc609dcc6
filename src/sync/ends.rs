//! The ends of the channels of a thread, for reports: which task last used each.
//!
//! An end is a sender or a receiver. It shares its record, so that a use of it is two stores and nothing more. A record
//! is not freed with its end, but kept for the next one.

use std::cell::Cell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::rc::Rc;

use crate::kernel::{Key, Place, TaskKey, running};
use crate::report::{ChannelEnd, How, Ownership};
use crate::slab::{KEPT, NO_ENTRY};

/// What may end the waits for a resource, besides the tasks that hold it.
#[derive(Clone, Copy)]
pub(crate) enum EndedBy {
    Nothing,
    /// The ends of this kind of a channel.
    Ends(u64, ChannelEnd),
    /// The receiver of a channel; but not if all of the capacity is held, since then there is no value to receive.
    Receiver {
        channel: u64,
        capacity: u32,
    },
    /// The tasks that hold another resource, with this number: they have reserved a slot of a channel that was closed.
    Reserved(u32),
    /// A single end.
    End(Ownership),
}

/// The record of an end.
pub(crate) struct EndRecord {
    number: u32,
    /// The parts of the key of the task that last used it, each written unchecked, since a use should cost little. Both
    /// are `None` if it was last used outside of all turns; only the scheduler is if it was not used yet.
    scheduler: Cell<Option<NonZeroU32>>,
    task: Cell<Option<Key>>,
    created: Cell<Option<Created>>,
}

impl EndRecord {
    /// Makes the current task the owner.
    #[inline]
    pub(crate) fn record_use(&self) {
        let (scheduler, task) = running();
        self.scheduler.set(scheduler);
        self.task.set(task);
    }

    /// Returns its owner, if that is a task.
    fn owner(&self, Created { by, place, kind, .. }: Created) -> Option<Ownership> {
        let (task, how) = match (self.scheduler.get(), self.task.get()) {
            (Some(scheduler), Some(key)) => (TaskKey { scheduler, key }, How::Used(kind)),
            (None, Some(UNUSED)) => (by?, How::Created(kind)),
            _ => return None,
        };
        Some(Ownership { task, place, how })
    }
}

/// How an end was created.
#[derive(Clone, Copy)]
pub(crate) struct Created {
    pub(crate) by: Option<TaskKey>,
    pub(crate) place: Place,
    pub(crate) channel: u64,
    pub(crate) kind: ChannelEnd,
}

/// All ends of a thread.
pub(crate) struct Ends {
    records: Vec<Rc<EndRecord>>,
    /// The numbers of the records without an end.
    vacant: Vec<u32>,
    /// The number of the next channel; each has its own, for as long as the thread lives.
    next_channel: u64,
}

/// The owner of each end, if it is known, by channel and kind.
pub(crate) type EndOwners = HashMap<(u64, ChannelEnd), Vec<Option<Ownership>>>;

/// Stands for the task of an end that was not used yet.
const UNUSED: Key = Key { slot: 0, serial: NonZeroU32::MIN };

impl Ends {
    pub(crate) const fn new() -> Self {
        Ends { records: Vec::new(), vacant: Vec::new(), next_channel: 0 }
    }

    pub(crate) fn add_channel(&mut self) -> u64 {
        self.next_channel += 1;
        self.next_channel
    }

    /// Adds an end.
    pub(crate) fn add(&mut self, created: Created) -> Rc<EndRecord> {
        let number = self.vacant.pop().unwrap_or_else(|| {
            let number = u32::try_from(self.records.len()).unwrap_or(NO_ENTRY);
            let (scheduler, task, created) = (Cell::new(None), Cell::new(None), Cell::new(None));
            self.records.push(Rc::new(EndRecord { number, scheduler, task, created }));
            number
        });
        let record = &self.records[number as usize];
        record.scheduler.set(None);
        record.task.set(Some(UNUSED));
        record.created.set(Some(created));
        Rc::clone(record)
    }

    /// Removes an end.
    pub(crate) fn remove(&mut self, record: &EndRecord) {
        record.created.set(None);
        self.vacant.push(record.number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.vacant.len() == self.records.len()
    }

    pub(crate) fn has_memory(&self) -> bool {
        self.records.capacity() > 0
    }

    /// Frees the memory, if there are no ends and it is too much to keep or `is_warm` is `false`.
    #[inline]
    pub(crate) fn trim(&mut self, is_warm: bool) {
        if self.is_empty() && (self.records.len() > KEPT || !is_warm) {
            *self = Ends { next_channel: self.next_channel, ..Ends::new() };
        }
    }

    /// Returns the owners of the ends, by channel and kind.
    pub(crate) fn owners(&self) -> EndOwners {
        let mut owners = EndOwners::new();
        for record in &self.records {
            let Some(created) = record.created.get() else { continue };
            let of_kind = owners.entry((created.channel, created.kind)).or_default();
            of_kind.push(record.owner(created));
        }
        owners
    }
}

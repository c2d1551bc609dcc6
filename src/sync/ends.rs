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
use crate::slab::{KEPT, NO_ENTRY, Slab};

/// What may end the waits for a resource, besides the tasks that hold it.
#[derive(Clone, Copy)]
pub(crate) enum EndedBy {
    Nothing,
    /// The ends of this kind of a channel.
    Ends(u32, ChannelEnd),
    /// The receiver of a channel; but not if all of the capacity is held, since then there is no value to receive.
    Receiver {
        channel: u32,
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
    /// The parts of the key of the task that last used it, each written unchecked, since a use should cost little.
    /// `None` if it was not used since it was created, or was last used outside of all turns.
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

    fn used_by(&self) -> Option<TaskKey> {
        Some(TaskKey { scheduler: self.scheduler.get()?, key: self.task.get()? })
    }
}

/// How an end was created.
#[derive(Clone, Copy)]
pub(crate) struct Created {
    pub(crate) by: Option<TaskKey>,
    pub(crate) place: Place,
    pub(crate) channel: u32,
    pub(crate) kind: ChannelEnd,
}

/// All ends of a thread, and the channels that they belong to.
pub(crate) struct Ends {
    records: Vec<Rc<EndRecord>>,
    /// The numbers of the records without an end.
    vacant: Vec<u32>,
    channels: Slab<()>,
}

impl Ends {
    pub(crate) const fn new() -> Self {
        Ends { records: Vec::new(), vacant: Vec::new(), channels: Slab::new() }
    }

    pub(crate) fn add_channel(&mut self) -> u32 {
        self.channels.insert(())
    }

    pub(crate) fn remove_channel(&mut self, number: u32) {
        self.channels.remove(number);
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
        record.created.set(Some(created));
        Rc::clone(record)
    }

    /// Removes an end.
    pub(crate) fn remove(&mut self, record: &EndRecord) {
        record.created.set(None);
        self.vacant.push(record.number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.vacant.len() == self.records.len() && self.channels.is_empty()
    }

    pub(crate) fn has_memory(&self) -> bool {
        self.records.capacity() > 0 // A channel is never created without its ends.
    }

    /// Frees the memory, if there are no ends and it is too much to keep or `is_warm` is `false`.
    #[inline]
    pub(crate) fn trim(&mut self, is_warm: bool) {
        if self.is_empty() && (self.records.len() > KEPT || !is_warm) {
            *self = Ends::new();
        }
    }

    /// Returns the owners of the ends, by channel and kind.
    pub(crate) fn owners(&self) -> HashMap<(u32, ChannelEnd), Vec<Ownership>> {
        let mut owners: HashMap<(u32, ChannelEnd), Vec<Ownership>> = HashMap::new();
        for record in &self.records {
            let Some(Created { by, place, channel, kind }) = record.created.get() else { continue };
            let owner = match record.used_by() {
                Some(task) => Some((task, How::Used(kind))),
                None => by.map(|task| (task, How::Created(kind))),
            };
            if let Some((task, how)) = owner {
                owners.entry((channel, kind)).or_default().push(Ownership { task, place, how });
            }
        }
        owners
    }
}

//! Where a recorder keeps its events: all of them, or the last ones and the state before those.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU32;
use std::panic::Location;

use crate::record::event::{Entry, Event};
use crate::record::header::Header;
use crate::record::recording::Recording;
use crate::record::state::State;
use crate::record::tables::Tables;
use crate::record::texts::{texts_of_event, texts_of_state};
use crate::record::values::{PlaceId, TextId};

/// The events of a recorder, and their texts and places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    pub(crate) header: Header,
    pub(crate) tables: Tables,
    entries: VecDeque<Entry>,
    ring: Option<LastEvents>,
    is_finished: bool,
    /// The time of the last event: time never goes back.
    last: u64,
    /// The last place: most events come from the same place as the one before.
    last_place: Option<(&'static Location<'static>, PlaceId)>,
}

/// What a recorder needs that keeps only the last events.
#[derive(Clone, Debug)]
struct LastEvents {
    capacity: usize,
    /// The state before the first event that is kept: the fold of those that are lost.
    before: State,
    /// When the table of texts has more than this many, those that no event has any more are removed.
    most_texts: usize,
}

/// So many texts may be in the table of a ring in vain.
const SPARE_TEXTS: usize = 1024;

impl Store {
    pub(crate) fn ring(capacity: usize) -> Self {
        let ring = LastEvents { capacity, before: State::default(), most_texts: SPARE_TEXTS };
        Store { ring: Some(ring), ..Store::default() }
    }

    /// Returns how many events there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of a text, which is good until the next event.
    pub(crate) fn text(&mut self, text: &str) -> TextId {
        if self.is_finished {
            return TextId(NonZeroU32::MIN); // of an event that is dropped
        }
        self.tables.text(text)
    }

    pub(crate) fn place(&mut self, location: &'static Location<'static>) -> PlaceId {
        match self.last_place {
            Some((last, place)) if std::ptr::eq(last, location) => place,
            _ => {
                let place = self.tables.location(location);
                self.last_place = Some((location, place));
                place
            }
        }
    }

    /// Adds an event.
    pub(crate) fn push(
        &mut self,
        time: u64,
        location: Option<&'static Location<'static>>,
        event: Event,
    ) {
        if self.is_finished {
            return;
        }
        self.last = self.last.max(time);
        let place = location.map(|location| self.place(location));
        self.entries.push_back(Entry { time: self.last, place, event });
        if let Some(ring) = &mut self.ring {
            if self.entries.len() > ring.capacity
                && let Some(lost) = self.entries.pop_front()
            {
                ring.before.apply(&lost);
                self.header.dropped += 1;
            }
            if self.tables.text_count() > ring.most_texts {
                self.forget_texts();
            }
        }
    }

    /// Removes the texts that no event has any more. Each text that is removed was added by an event of its own, so on
    /// average an event pays for a few.
    fn forget_texts(&mut self) {
        let Some(ring) = &mut self.ring else { return };
        self.tables.retain_texts(|renumber| {
            let mut visit = |text: &mut TextId| *text = renumber(*text);
            texts_of_state(&mut ring.before, &mut visit);
            self.entries.iter_mut().for_each(|entry| texts_of_event(&mut entry.event, &mut visit));
        });
        ring.most_texts = 2 * self.tables.text_count() + SPARE_TEXTS;
    }

    /// Takes everything out, as a recording. What is pushed from now on is dropped.
    pub(crate) fn finish(&mut self) -> Recording {
        let all = mem::replace(self, Store { is_finished: true, ..Store::default() });
        let mut entries = all.entries;
        if all.header.dropped > 0
            && let Some(LastEvents { before, .. }) = all.ring
        {
            let (time, state) = (before.time, Box::new(before));
            entries.push_front(Entry { time, place: None, event: Event::Snapshot { state } });
        }
        Recording {
            header: all.header,
            tables: all.tables,
            entries: entries.into(),
            is_cut_off: false,
        }
    }
}

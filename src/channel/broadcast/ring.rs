//! The values that some receiver has yet to receive, and the number of receivers at each.
//!
//! Each slot counts the receivers that will receive its value next. Receiving a value or removing a receiver therefore
//! updates two counters, however many receivers and values there are. A value is removed when no receiver is at it or
//! before it, or when a new one needs its slot.

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;

pub(super) struct Ring<T> {
    /// The first one always has a receiver at it: slots before that are removed.
    slots: VecDeque<RingSlot<T>>,
    capacity: usize,
    /// The number of values ever sent, and thereby the number of the next one.
    sent: u64,
    /// The number of receivers that have received all values.
    at_end: usize,
    receivers: usize,
}

struct RingSlot<T> {
    value: Rc<T>,
    /// The number of receivers that will receive this value next. The first slot also counts the receivers that have
    /// lagged behind it and lost values.
    next_for: usize,
}

/// The number of the value that a receiver should receive next.
pub(super) type Position = u64;

/// The result of reading at a position.
pub(super) enum RingRead<T> {
    Value(Rc<T>),
    /// This many values were lost to the receiver.
    Lagged(u64),
    Nothing,
}

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Ring { slots: VecDeque::new(), capacity, sent: 0, at_end: 0, receivers: 0 }
    }

    /// Adds a receiver, for values sent from now on.
    pub(super) fn enter(&mut self) -> Position {
        self.at_end += 1;
        self.receivers += 1;
        self.sent
    }

    /// Adds a value. Returns the one that it displaced.
    pub(super) fn push(&mut self, value: Rc<T>) -> Option<Rc<T>> {
        debug_assert!(self.receivers > 0, "a value without receivers is not kept");
        self.slots.push_back(RingSlot { value, next_for: mem::take(&mut self.at_end) });
        self.sent += 1;
        if self.slots.len() <= self.capacity {
            return None;
        }
        let lost = self.slots.pop_front()?;
        if let Some(first) = self.slots.front_mut() {
            first.next_for += lost.next_for;
        }
        Some(lost.value)
    }

    /// Reads the value at a position, and advances the position.
    pub(super) fn read(&mut self, position: &mut Position) -> RingRead<T> {
        let oldest = self.oldest();
        if let Some(lost) = oldest.checked_sub(*position).filter(|&lost| lost > 0) {
            *position = oldest;
            return RingRead::Lagged(lost);
        }
        let index = self.index(*position);
        let Some(slot) = self.slots.get_mut(index) else { return RingRead::Nothing };
        slot.next_for -= 1;
        let is_unneeded = index == 0 && slot.next_for == 0;
        let value = Rc::clone(&slot.value);
        match self.slots.get_mut(index + 1) {
            Some(next) => next.next_for += 1,
            None => self.at_end += 1,
        }
        *position += 1;
        if is_unneeded {
            self.slots.pop_front(); // `value` still refers to it, so no destructor runs here.
        }
        RingRead::Value(value)
    }

    /// Removes a receiver. Returns the values that no other receiver needs.
    pub(super) fn leave(&mut self, position: Position) -> Vec<Rc<T>> {
        self.receivers -= 1;
        let index = self.index(position);
        match self.slots.get_mut(index) {
            Some(slot) => slot.next_for -= 1,
            None => self.at_end -= 1,
        }
        let unneeded = self.slots.iter().take_while(|slot| slot.next_for == 0).count();
        self.slots.drain(..unneeded).map(|slot| slot.value).collect()
    }

    /// Returns the number of values that a receiver has not received, including those it has lost.
    pub(super) fn left(&self, position: Position) -> u64 {
        self.sent - position
    }

    /// Returns the number of values that some receiver has yet to receive.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn receivers(&self) -> usize {
        self.receivers
    }

    fn oldest(&self) -> Position {
        self.sent - self.slots.len() as u64
    }

    /// Returns the index of the slot that a receiver is at: the first one, if its next value was lost.
    fn index(&self, position: Position) -> usize {
        usize::try_from(position.saturating_sub(self.oldest())).unwrap_or(usize::MAX)
    }
}

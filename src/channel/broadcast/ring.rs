//! The values that somebody still has to receive, and how many receivers are where.
//!
//! Each value knows how many receivers will receive it next. So a receiver that receives, or goes, changes
//! two numbers, whatever number of receivers and values there are. A value is let go when nobody is at it or
//! before it, or when there is no room for another one.

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;

pub(super) struct Ring<T> {
    /// The first one has a receiver that will receive it next: those before it are gone.
    slots: VecDeque<RingSlot<T>>,
    capacity: usize,
    /// How many values were ever sent. This is the number of the next one.
    sent: u64,
    /// How many receivers have received everything.
    at_end: usize,
    receivers: usize,
}

struct RingSlot<T> {
    value: Rc<T>,
    /// How many receivers will receive this one next. At the first one there are also those who are slower
    /// than that: what they should have received next is gone.
    next_for: usize,
}

/// The number of the value that a receiver should receive next.
pub(super) type Position = u64;

/// What is at a position.
pub(super) enum RingRead<T> {
    Value(Rc<T>),
    /// So many values are gone that should have been received.
    Lagged(u64),
    Nothing,
}

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Ring { slots: VecDeque::new(), capacity, sent: 0, at_end: 0, receivers: 0 }
    }

    /// Lets one more receiver in, for what will be sent from now on.
    pub(super) fn enter(&mut self) -> Position {
        self.at_end += 1;
        self.receivers += 1;
        self.sent
    }

    /// Adds a value. Returns the one that had to make room.
    pub(super) fn push(&mut self, value: Rc<T>) -> Option<Rc<T>> {
        debug_assert!(self.receivers > 0, "a value that nobody will receive is not kept");
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

    /// Receives what is at a position, and moves on.
    pub(super) fn read(&mut self, position: &mut Position) -> RingRead<T> {
        let oldest = self.oldest();
        if let Some(lost) = oldest.checked_sub(*position).filter(|&lost| lost > 0) {
            *position = oldest;
            return RingRead::Lagged(lost);
        }
        let index = self.index(*position);
        let Some(slot) = self.slots.get_mut(index) else { return RingRead::Nothing };
        slot.next_for -= 1;
        let is_let_go = index == 0 && slot.next_for == 0;
        let value = Rc::clone(&slot.value);
        match self.slots.get_mut(index + 1) {
            Some(next) => next.next_for += 1,
            None => self.at_end += 1,
        }
        *position += 1;
        if is_let_go {
            self.slots.pop_front(); // Its value is in our hands, so nothing of the user's is dropped.
        }
        RingRead::Value(value)
    }

    /// Lets a receiver go. Returns what nobody will receive now.
    pub(super) fn leave(&mut self, position: Position) -> Vec<Rc<T>> {
        self.receivers -= 1;
        let index = self.index(position);
        match self.slots.get_mut(index) {
            Some(slot) => slot.next_for -= 1,
            None => self.at_end -= 1,
        }
        let unwanted = self.slots.iter().take_while(|slot| slot.next_for == 0).count();
        self.slots.drain(..unwanted).map(|slot| slot.value).collect()
    }

    /// How many values a receiver has still to receive, with those that are gone.
    pub(super) fn left(&self, position: Position) -> u64 {
        self.sent - position
    }

    /// How many values somebody has still to receive.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn receivers(&self) -> usize {
        self.receivers
    }

    fn oldest(&self) -> Position {
        self.sent - self.slots.len() as u64
    }

    /// Where a receiver is in the ring; at the first, if what it should receive next is gone.
    fn index(&self, position: Position) -> usize {
        usize::try_from(position.saturating_sub(self.oldest())).unwrap_or(usize::MAX)
    }
}

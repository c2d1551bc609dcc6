//! The state that both sides of a channel share: the values, and three lists of waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use crate::channel::TryRecvError;
use crate::channel::end::{Closed, End};
use crate::channel::handle::HasSenders;
use crate::channel::used::ChannelNumber;
use crate::kernel::Place;
use crate::report::ChannelEnd;
use crate::sync::EndedBy;
use crate::sync::gate::{CLOSED, Gate, MAX_PERMITS};
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Ticket, Waiters};
use crate::watch::is_detailed;

pub(super) struct Chan<T> {
    /// Never borrowed while user code runs.
    values: RefCell<VecDeque<T>>,
    /// One permit for each slot that is neither filled nor reserved. Closed with the channel.
    slots: Gate,
    max_capacity: u32,
    senders: Cell<usize>,
    receiver_is_gone: Cell<bool>,
    /// Where the receiver waits.
    pub(super) messages: Waiters,
    /// Set when the channel is closed.
    pub(super) end: End,
    number: ChannelNumber,
}

/// An empty queue with a larger capacity than this frees its memory.
const KEPT: usize = 1 << 10;

impl<T> Chan<T> {
    pub(super) fn new(capacity: u32) -> Self {
        Chan {
            values: RefCell::new(VecDeque::new()),
            slots: Gate::consumed(&"room in channel", capacity),
            max_capacity: capacity,
            senders: Cell::new(0),
            receiver_is_gone: Cell::new(false),
            messages: Waiters::new(&"a message on channel"),
            end: End::new(&"the closing of channel"),
            number: ChannelNumber::new(),
        }
    }

    pub(super) fn set_name(&self, name: Arc<str>) {
        self.messages.begin_ended_by(|| self.by_senders());
        self.slots.waiters().begin_ended_by(|| self.by_receiver());
        self.slots.waiters().set_name(Arc::clone(&name));
        self.messages.set_name(Arc::clone(&name));
        self.end.set_name(name);
    }

    // ----- for reports -----

    /// What may end a wait for a value: the senders; but after the channel was closed, only the slots that are reserved.
    pub(super) fn by_senders(&self) -> EndedBy {
        if self.end.is_closed() {
            self.slots.waiters().by_holders()
        } else {
            EndedBy::Ends(self.number.get(), ChannelEnd::Sender)
        }
    }

    /// What may end a wait for a slot, besides the tasks that have reserved one.
    fn by_receiver(&self) -> EndedBy {
        EndedBy::Receiver { channel: self.number.get(), capacity: self.max_capacity }
    }

    /// Records that the current task has reserved a slot, until the ticket is given back.
    pub(super) fn hold_slot(&self, place: Place) -> Ticket {
        self.slots.waiters().begin_ended_by(|| self.by_receiver());
        self.slots.waiters().hold(1, place)
    }

    /// Waits until the channel is closed.
    pub(super) fn closed(&self, place: Place) -> Closed<'_> {
        self.end.wait(place, EndedBy::Ends(self.number.get(), ChannelEnd::Receiver))
    }

    // ----- sending -----

    /// Waits for a slot.
    #[inline]
    pub(super) fn reserve(&self, place: Place) -> Queued<'_, Chan<T>> {
        Queued::new(self, 1, place)
    }

    /// Takes a slot if one is free and no wait is queued. `false` may also mean that the channel is closed.
    #[inline]
    pub(super) fn take_slot(&self) -> bool {
        self.slots.take_one()
    }

    /// Takes a slot if one is free and no wait is queued.
    #[inline]
    pub(super) fn try_reserve(&self, place: Place) -> TryReserve {
        match self.slots.try_take(1, place) {
            Ok(grant) if is_slot(&grant) => TryReserve::Reserved,
            Ok(_) => TryReserve::Closed,
            Err(_) => TryReserve::Full,
        }
    }

    /// Puts a value into a reserved slot.
    #[inline]
    pub(super) fn push(&self, value: T) {
        if self.receiver_is_gone.get() {
            return drop(value); // The slot was reserved before that.
        }
        self.values.borrow_mut().push_back(value);
        if is_detailed() {
            self.emit_sent();
        }
        if !self.messages.is_empty() {
            self.messages.wake_first(0);
        }
    }

    /// Removes the record of a reserved slot.
    pub(super) fn release_slot(&self, ticket: Ticket) {
        self.slots.waiters().leave(ticket);
    }

    /// Gives back a reserved slot unused.
    pub(super) fn give_back_slot(&self) {
        self.slots.add(1);
        self.notify_if_closed();
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.permits() as usize
    }

    pub(super) fn max_capacity(&self) -> usize {
        self.max_capacity as usize
    }

    // ----- receiving -----

    /// Takes the next value; `None` if there will never be one.
    #[inline]
    pub(super) fn look(&self) -> Poll<Option<T>> {
        match self.pop() {
            Some(value) => Poll::Ready(Some(value)),
            None if self.may_go_on() || !self.is_over() => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let value = {
            let mut values = self.values.borrow_mut();
            let value = values.pop_front()?;
            if values.capacity() > KEPT {
                trim(&mut values);
            }
            value
        };
        if is_detailed() {
            self.emit_received();
        }
        self.slots.add(1);
        Some(value)
    }

    #[cold]
    fn emit_sent(&self) {
        let capacity = self.max_capacity();
        self.messages.sent(self.len(), (capacity < MAX_PERMITS as usize).then_some(capacity));
    }

    /// The channel is about to be closed, if it is not yet: by its receiver, or since all senders are gone.
    #[cold]
    fn emit_closed(&self) {
        if !self.end.is_closed() {
            self.messages.closed();
            self.slots.waiters().closed();
        }
    }

    #[cold]
    fn emit_received(&self) {
        self.messages.received(self.len());
    }

    pub(super) fn try_pop(&self) -> Result<T, TryRecvError> {
        match self.look() {
            Poll::Ready(value) => value.ok_or(TryRecvError::Disconnected),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Moves up to `limit` values to the end of `into`. Returns how many; 0 if there will never be one.
    pub(super) fn look_for_many(&self, into: &mut Vec<T>, limit: usize) -> Poll<usize> {
        let number = {
            let mut values = self.values.borrow_mut();
            let number = limit.min(values.len());
            into.extend(values.drain(..number));
            number
        };
        if number == 0 && !self.is_over() {
            return Poll::Pending;
        }
        if number > 0 && is_detailed() {
            self.emit_received();
        }
        // At most the capacity, which is a `u32`.
        self.slots.add(u32::try_from(number).unwrap_or(u32::MAX));
        Poll::Ready(number)
    }

    pub(super) fn len(&self) -> usize {
        self.values.borrow().len()
    }

    /// Closes the channel: only slots that are already reserved can still be used.
    pub(super) fn close(&self) {
        if is_detailed() {
            self.emit_closed();
        }
        self.slots.close();
        self.end.close();
        if self.messages.is_listed() {
            self.messages.set_ended_by(self.by_senders());
        }
        self.notify_if_closed();
    }

    /// Closes the channel and drops its values: the receiver was dropped.
    pub(super) fn abandon(&self) {
        self.receiver_is_gone.set(true);
        self.close();
        let values = self.values.take(); // The borrow ends here.
        drop(values);
    }

    // ----- closing -----

    pub(super) fn has_senders(&self) -> bool {
        self.senders.get() > 0
    }

    /// Whether new sends are possible: a cheap check before [`Chan::is_over`].
    #[inline]
    fn may_go_on(&self) -> bool {
        self.has_senders() && !self.end.is_closed()
    }

    /// The channel is empty, and no value can be sent any more.
    fn is_over(&self) -> bool {
        self.len() == 0 && (!self.has_senders() || self.is_closed_and_settled())
    }

    /// Closed, with no slot reserved.
    fn is_closed_and_settled(&self) -> bool {
        self.end.is_closed() && self.capacity() + self.len() == self.max_capacity()
    }

    /// Wakes the receiver of a closed channel once no slot is reserved any more.
    fn notify_if_closed(&self) {
        if self.is_closed_and_settled() {
            self.messages.wake_first(0);
        }
    }

    /// Adds the fields that the `Debug` of both sides prints.
    pub(super) fn debug(&self, f: &mut fmt::DebugStruct<'_, '_>, waiters: &Waiters) {
        f.field("len", &self.len());
        f.field("is_closed", &self.end.is_closed());
        waiters.debug(f);
    }
}

/// Frees the memory of an empty queue. Out of line, since few queues are ever that long.
#[cold]
fn trim<T>(values: &mut VecDeque<T>) {
    if values.is_empty() {
        *values = VecDeque::new();
    }
}

/// The result of [`Chan::try_reserve`].
pub(super) enum TryReserve {
    Reserved,
    Full,
    Closed,
}

/// Returns whether a wait was granted a slot; if not, the channel was closed.
#[inline]
pub(super) fn is_slot(grant: &Grant) -> bool {
    !matches!(grant, Grant::Word(CLOSED))
}

/// A wait for a slot is a wait at the gate. In addition, a slot that is given back may be the last one that the
/// receiver of a closed channel waits for.
impl<T> Source for Chan<T> {
    fn waiters(&self) -> &Waiters {
        self.slots.waiters()
    }

    #[inline]
    fn try_take(&self, wanted: u32, place: Place) -> Result<Grant, u32> {
        let taken = self.slots.try_take(wanted, place);
        if taken.is_err() {
            self.slots.waiters().begin_ended_by(|| self.by_receiver()); // It waits now.
        }
        taken
    }

    fn left_waiting(&self) {
        self.slots.left_waiting();
    }

    fn give_back(&self, grant: Left) {
        self.slots.give_back(grant);
        self.notify_if_closed();
    }
}

impl<T> HasSenders for Chan<T> {
    fn senders(&self) -> &Cell<usize> {
        &self.senders
    }

    fn number(&self) -> &ChannelNumber {
        &self.number
    }

    fn senders_are_gone(&self) {
        if is_detailed() {
            self.emit_closed();
        }
        self.messages.wake_first(0);
    }
}

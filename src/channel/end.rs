//! The closing of a channel, as its senders see it: nothing more will be received.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::Place;
use crate::sync::waiters::{WaitKind, Waiters};
use crate::sync::{EndedBy, Event, EventWait};
use crate::watch::is_detailed;

/// Whether the channel is closed, and the tasks that wait for that.
pub(crate) struct End(Event);

impl End {
    pub(crate) const fn new(kind: WaitKind) -> Self {
        End(Event::of_kind(kind))
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.0.set_name(name);
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_set()
    }

    /// Marks the channel closed, and wakes all tasks that wait for that.
    #[inline]
    pub(crate) fn close(&self) {
        self.0.set();
    }

    /// The same, for observers that receive details too. `values` is the list of the waits for values.
    pub(crate) fn close_with(&self, values: &Waiters) {
        if is_detailed() && !self.is_closed() {
            values.closed();
        }
        self.close();
    }

    /// Reopens the channel. A task that was already woken still completes its wait.
    pub(crate) fn reopen(&self) {
        self.0.clear();
    }

    /// Returns whether a task waits for the closing.
    #[inline]
    pub(crate) fn has_waits(&self) -> bool {
        self.0.has_waits()
    }

    /// Sets which ends may close the channel, for reports.
    pub(crate) fn set_ended_by(&self, ended_by: EndedBy) {
        self.0.set_ended_by(ended_by);
    }

    /// Waits until the channel is closed; reports show which ends may do that.
    pub(crate) fn wait(&self, place: Place, ended_by: EndedBy) -> Closed<'_> {
        self.set_ended_by(ended_by);
        Closed { wait: self.0.wait_at(place) }
    }
}

/// The future of every `closed` method. It completes when nothing more will be received.
#[must_use = "a future does nothing until it is awaited"]
pub struct Closed<'a> {
    wait: EventWait<'a>,
}

impl Future for Closed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.wait).poll(cx)
    }
}

impl fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("place", &self.wait.place()).finish_non_exhaustive()
    }
}

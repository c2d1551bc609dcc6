//! The end of a channel: the other side is gone, or wants no more.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::Place;
use crate::sync::{Event, EventWait};

/// Whether the end has come, and the tasks that wait for it.
pub(crate) struct End(Event);

impl End {
    pub(crate) const fn new(kind: &'static str) -> Self {
        End(Event::of_kind(kind))
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.0.set_name(name);
    }

    #[inline]
    pub(crate) fn has_come(&self) -> bool {
        self.0.is_set()
    }

    /// The end comes: every task that waits for it is woken.
    #[inline]
    pub(crate) fn come(&self) {
        self.0.set();
    }

    /// It was not the end after all. A task that was woken before does not hear of that.
    pub(crate) fn undo(&self) {
        self.0.clear();
    }

    pub(crate) fn wait(&self, place: Place) -> Closed<'_> {
        Closed { wait: self.0.wait_at(place) }
    }
}

/// The future of every `closed`: it is over when nothing is left that would receive.
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

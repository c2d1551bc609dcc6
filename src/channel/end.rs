//! The end of a channel: the other side is gone, or wants no more.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Place, Waiters};

/// Whether the end has come, and those who wait for it.
pub(crate) struct End {
    has_come: Cell<bool>,
    waiters: Waiters,
}

impl End {
    pub(crate) const fn new(kind: &'static str) -> Self {
        End { has_come: Cell::new(false), waiters: Waiters::new(kind) }
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.waiters.set_name(name);
    }

    #[inline]
    pub(crate) fn has_come(&self) -> bool {
        self.has_come.get()
    }

    /// The end comes: everybody is told.
    #[inline]
    pub(crate) fn come(&self) {
        self.has_come.set(true);
        if !self.waiters.is_empty() {
            self.waiters.wake_all(0);
        }
    }

    /// It was not the end after all. Whoever was told before does not hear of that.
    pub(crate) fn undo(&self) {
        self.has_come.set(false);
    }

    pub(crate) fn wait(&self, place: Place) -> Closed<'_> {
        Closed { queued: Queued::new(self, 0, place) }
    }
}

impl Source for End {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    fn try_take(&self, _wanted: u32, _place: Place) -> Result<Grant, u32> {
        if self.has_come.get() { Ok(Grant::Word(0)) } else { Err(self.waiters.round()) }
    }

    fn give_back(&self, _grant: Left) {}
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = f.debug_struct("End");
        end.field("has_come", &self.has_come.get());
        self.waiters.debug(&mut end);
        end.finish()
    }
}

/// The future of every `closed`: it is over when nobody is left who would receive.
#[must_use = "a future does nothing until it is awaited"]
pub struct Closed<'a> {
    queued: Queued<'a, End>,
}

impl Future for Closed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.queued).poll(cx).map(drop)
    }
}

impl fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

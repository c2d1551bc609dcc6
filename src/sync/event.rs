//! An event: a flag that tasks can wait for.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kernel::Place;
use crate::sync::ends::EndedBy;
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, WaitKind, Waiters};

/// A flag that tasks can wait for: setting it wakes all waiters, and while it is set no task waits.
///
/// [`set`](Event::set) wakes every task that is waiting at that moment, in FIFO order, even if
/// [`clear`](Event::clear) follows immediately. To wake one task at a time, see
/// [`Notify`](crate::sync::Notify).
///
/// It is `!Send` and uses no atomics.
///
/// # Example
///
/// ```
/// use std::rc::Rc;
/// use turnwise::{block_on, spawn, sync::Event, yield_now};
///
/// block_on(async {
///     let opened = Rc::new(Event::new().named("opened"));
///     let guests = ["alice", "bob"].map(|name| {
///         let opened = Rc::clone(&opened);
///         spawn(async move {
///             opened.wait().await;
///             format!("{name} goes in")
///         })
///     });
///     yield_now().await;
///     opened.set();
///     let [alice, bob] = guests;
///     assert_eq!(alice.await.unwrap(), "alice goes in");
///     assert_eq!(bob.await.unwrap(), "bob goes in");
/// });
/// ```
#[doc(alias = "ManualResetEvent")]
pub struct Event {
    is_set: Cell<bool>,
    waiters: Waiters,
}

impl Event {
    /// Creates an event that is not set.
    pub const fn new() -> Self {
        Event::of_kind(&"event")
    }

    /// Creates an event that reports show as a `kind`.
    pub(crate) const fn of_kind(kind: WaitKind) -> Self {
        Event { is_set: Cell::new(false), waiters: Waiters::new(kind) }
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.waiters.set_name(name);
    }

    /// Returns whether a task waits for it.
    #[inline]
    pub(crate) fn has_waits(&self) -> bool {
        !self.waiters.is_empty()
    }

    /// Sets what may set the event, for reports.
    pub(crate) fn set_ended_by(&self, ended_by: EndedBy) {
        self.waiters.set_ended_by(ended_by);
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.set_name(name.into());
        self
    }

    /// Sets the event and wakes all waiters, in FIFO order.
    ///
    /// They continue in their next turns, even if the event is cleared before that. Setting an event that is
    /// already set has no effect.
    #[doc(alias = "notify_all")]
    #[inline]
    pub fn set(&self) {
        self.is_set.set(true);
        if !self.waiters.is_empty() {
            self.waiters.wake_all(SET);
        }
    }

    /// Clears the event: waits that start from now on last until it is set again.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.is_set.set(false);
    }

    /// Returns whether the event is set.
    pub fn is_set(&self) -> bool {
        self.is_set.get()
    }

    /// Waits until the event is set; completes immediately if it already is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes it from the wait list and has no other effect.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Event;
    ///
    /// turnwise::block_on(async {
    ///     let event = Event::new();
    ///     event.set();
    ///     event.wait().await;
    ///     event.wait().await; // as often as you like
    ///     event.clear();
    ///     assert!(!event.is_set());
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn wait(&self) -> EventWait<'_> {
        self.wait_at(Location::caller())
    }

    /// Like [`wait`](Event::wait), for a wait that started at `place`.
    #[inline]
    pub(crate) fn wait_at(&self, place: Place) -> EventWait<'_> {
        EventWait { queued: Queued::new(self, 0, place) }
    }
}

/// The word of a completed wait.
const SET: u32 = 0;

impl Source for Event {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    #[inline]
    fn try_take(&self, _: u32, _: Place) -> Result<Grant, u32> {
        if self.is_set.get() { Ok(Grant::Word(SET)) } else { Err(0) }
    }

    /// All waits were woken, so there is nothing to pass on.
    fn give_back(&self, _: Left) {}
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut event = f.debug_struct("Event");
        event.field("is_set", &self.is_set.get());
        self.waiters.debug(&mut event);
        event.finish()
    }
}

/// The future of [`Event::wait`].
#[must_use = "a future does nothing until it is awaited"]
pub struct EventWait<'a> {
    queued: Queued<'a, Event>,
}

impl EventWait<'_> {
    /// Where the wait started.
    pub(crate) fn place(&self) -> Place {
        self.queued.place()
    }
}

impl Future for EventWait<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.queued).poll(cx).map(drop)
    }
}

impl fmt::Debug for EventWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWait").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

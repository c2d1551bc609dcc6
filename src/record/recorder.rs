//! The recorder: collects the events of a run.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::machine::{Instant, real_time, real_time_since};
use crate::record::event::Event;
use crate::record::header::ClockKind;
use crate::record::paths::relative;
use crate::record::printable::nanoseconds;
use crate::record::recording::Recording;
use crate::record::store::Store;
use crate::record::values::{PlaceId, TextId};
use crate::time::Time;
use crate::watch::emit_details;

/// Collects the events of a run.
///
/// [`attach`](Self::attach) makes it an observer of a scheduler. Or it is fed by hand and needs no executor: each event
/// has a method of its name, so a scheduler of your own can be recorded too. Then the place of an event is the line that
/// calls the method, and its time is that of the real clock, counted from the creation of the recorder, until
/// [`at`](Self::at) sets the time.
///
/// A recorder that is attached can also be fed by hand: [`note`](Self::note) and [`out`](Self::out) add to what the
/// scheduler does, and have the time of its clock. Other events would contradict those of the scheduler.
///
/// Clones share their events. A recorder is for one scheduler: two number their tasks alike.
///
/// # Example
///
/// By hand:
///
/// ```
/// use turnwise::record::{Actor, EndReason, Outcome, Recorder, Replay};
///
/// let recorder = Recorder::new();
/// recorder.spawn(1, "foo", Actor::Outside);
/// recorder.schedule(1);
/// recorder.poll(1);
/// recorder.out(1, "I'm foo");
/// recorder.returned(1, Outcome::Ready);
/// recorder.done(1, Outcome::Ready);
/// recorder.end(EndReason::Done);
///
/// let replay = Replay::new(recorder.finish());
/// let sentences: Vec<String> = replay.steps().map(|step| step.to_string()).collect();
/// assert_eq!(sentences, [
///     "Code outside the tasks spawns foo: a new entry in the task map.",
///     "foo joins the back of the ready queue, place 1 of 1.",
///     "Turn 1: the scheduler takes foo from the front of the ready queue and polls it.",
///     "foo prints \"I'm foo\".",
///     "The poll returns Ready: foo has run to its end.",
///     "foo is out of the task map: finished.",
///     "The task map is empty: the run ends.",
/// ]);
/// ```
#[derive(Clone)]
pub struct Recorder {
    events: Rc<Events>,
}

struct Events {
    store: RefCell<Store>,
    start: Instant,
    /// The time that [`Recorder::at`] has set.
    time: Cell<Option<u64>>,
    /// The number of turns, of a recorder that is fed by hand.
    turns: Cell<u64>,
    /// A scheduler has it.
    is_attached: Cell<bool>,
    /// The clock of that scheduler, once it is built.
    clock: RefCell<Weak<Time>>,
}

impl Recorder {
    /// Creates a recorder that keeps all events. The program is named after the source file of the caller.
    #[track_caller]
    pub fn new() -> Self {
        Recorder::with(Store::default(), Location::caller())
    }

    /// Creates a recorder that keeps the last `capacity` events. If earlier ones are lost, the recording starts with the
    /// state that they led to, as a [`Snapshot`](Event::Snapshot).
    #[track_caller]
    pub fn ring(capacity: usize) -> Self {
        Recorder::with(Store::ring(capacity), Location::caller())
    }

    fn with(mut store: Store, caller: &'static Location<'static>) -> Self {
        store.header.program = relative(caller.file());
        let (store, start) = (RefCell::new(store), real_time());
        let (time, turns, is_attached) = (Cell::new(None), Cell::new(0), Cell::new(false));
        let clock = RefCell::new(Weak::new());
        Recorder { events: Rc::new(Events { store, start, time, turns, is_attached, clock }) }
    }

    /// Sets the name of the program: a path relative to its package.
    #[must_use = "it returns the recorder"]
    pub fn program(self, path: &str) -> Self {
        self.events.store.borrow_mut().header.program = relative(path);
        self
    }

    /// Sets the title.
    #[must_use = "it returns the recorder"]
    pub fn title(self, title: &str) -> Self {
        self.events.store.borrow_mut().header.title = Some(title.to_owned());
        self
    }

    /// Sets the template for links into the sources: `{path}` and `{line}` are replaced.
    #[must_use = "it returns the recorder"]
    pub fn link(self, template: &str) -> Self {
        self.events.store.borrow_mut().header.link = Some(template.to_owned());
        self
    }

    /// Sets the time of the events that follow; from now on, the clock is virtual. Time does not go back: a time before
    /// that of the last event counts as the same.
    ///
    /// It does nothing if the recorder is attached: the time is that of the scheduler's clock.
    pub fn at(&self, time: Duration) {
        if self.events.is_attached.get() {
            return;
        }
        self.events.time.set(Some(nanoseconds(time)));
        self.set_clock(ClockKind::Virtual);
    }

    /// Takes the recording out. Events that the recorder or a clone of it gets from now on are not recorded.
    ///
    /// The scheduler may still exist. If it was dropped before, the recording shows how the tasks that were left were
    /// dropped with it: as cancelled.
    pub fn finish(&self) -> Recording {
        emit_details();
        self.events.store.borrow_mut().finish()
    }

    /// Returns a copy of the recording so far. The recorder goes on.
    pub fn so_far(&self) -> Recording {
        emit_details();
        self.events.store.borrow().clone().finish()
    }

    // ----- for observers -----

    /// Records that a scheduler has it; returns `false` if one does already.
    pub(crate) fn set_attached(&self) -> bool {
        !self.events.is_attached.replace(true)
    }

    /// Sets the clock of the scheduler that has it.
    pub(crate) fn set_time(&self, time: &Rc<Time>) {
        let is_virtual = time.clock.is_virtual();
        self.set_clock(if is_virtual { ClockKind::Virtual } else { ClockKind::Real });
        *self.events.clock.borrow_mut() = Rc::downgrade(time);
    }

    /// Says by what clock the times are.
    fn set_clock(&self, clock: ClockKind) {
        self.events.store.borrow_mut().header.clock = clock;
    }

    /// Returns the number of a text, for one of the events until the next call of [`record`](Self::record).
    pub(crate) fn text(&self, text: &str) -> TextId {
        self.events.store.borrow_mut().text(text)
    }

    /// Returns the number of a place, for a part of an event.
    pub(crate) fn place(&self, place: &'static Location<'static>) -> PlaceId {
        self.events.store.borrow_mut().place(place)
    }

    /// Adds an event. `time` is in nanoseconds since the recording began.
    pub(crate) fn record(
        &self,
        time: u64,
        place: Option<&'static Location<'static>>,
        event: Event,
    ) {
        self.events.store.borrow_mut().push(time, place, event);
    }

    // ----- by hand -----

    /// Adds an event that happens now.
    pub(crate) fn record_now(&self, place: &'static Location<'static>, event: Event) {
        if self.events.is_attached.get() {
            emit_details(); // they happened before
        }
        self.record(self.now(), Some(place), event);
    }

    fn now(&self) -> u64 {
        let Events { start, time, is_attached, clock, .. } = &*self.events;
        if is_attached.get() {
            // Without its scheduler, it is still the time of the last event: no event is earlier than that.
            return clock
                .borrow()
                .upgrade()
                .map_or(0, |time| time.clock.now().max(0).unsigned_abs());
        }
        time.get().unwrap_or_else(|| nanoseconds(real_time_since(*start)))
    }

    /// Returns the number of the next turn.
    pub(crate) fn next_turn(&self) -> u64 {
        let turn = self.events.turns.get().saturating_add(1);
        self.events.turns.set(turn);
        turn
    }
}

impl Default for Recorder {
    #[track_caller]
    fn default() -> Self {
        Recorder::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Recorder");
        if let Ok(store) = self.events.store.try_borrow() {
            debug.field("events", &store.len());
        }
        debug.finish_non_exhaustive()
    }
}

//! The events of a recording: everything that can happen in a run, as small plain data.
//!
//! An event is at most 32 bytes, and with its time and place at most 48, so a million of them fit into 48 MB. Texts and
//! places are in tables of the [`Recording`](crate::record::Recording), and an event has their numbers.

use std::mem;
use std::num::NonZeroU32;

use crate::record::state::State;
use crate::record::values::{Actor, Ask, Awaited, EndReason, Outcome, PlaceId, TextId};

/// One event of a recording, with its time and place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The time since the recording began, in nanoseconds, by the scheduler's clock.
    pub time: u64,
    /// Where the task or code that acted stood, if that is known.
    pub place: Option<PlaceId>,
    /// What happened.
    pub event: Event,
}

const _: () = assert!(mem::size_of::<Event>() <= 32, "events are small: there are millions");
const _: () = assert!(mem::size_of::<Entry>() <= 48, "the same, with time and place");

/// What happened.
///
/// Each kind is described with its name in the file, and with its effect on the [`State`](crate::record::State).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// `spawn`: a task was spawned. It is in the task map, and not ready yet.
    Spawn {
        /// The new task.
        task: u64,
        /// Its name.
        name: Option<TextId>,
        /// What spawned it.
        by: Actor,
    },
    /// `schedule`: a task was put on the ready queue. The only event that does so. The child of an open scope is ready
    /// too, and is not on that queue: the scope has one of its own.
    Schedule {
        /// The task.
        task: u64,
        /// Its index in the queue, if that is not the end.
        at: Option<u32>,
    },
    /// `poll`: a task leaves the ready queue, and its turn starts. Turns nest: those of the children of a scope.
    Poll {
        /// The task.
        task: u64,
        /// The number of the turn, among all turns of the scheduler, from 1.
        turn: u64,
    },
    /// `return`: a turn has ended.
    Return {
        /// The task.
        task: u64,
        /// How.
        outcome: Outcome,
    },
    /// `wake`: the waker of a task was called. A `schedule` of that task follows, immediately or at the end of its own
    /// turn; if none does, the wake had no effect.
    Wake {
        /// The task.
        task: u64,
        /// What called it.
        by: Actor,
    },
    /// `wait`: a task waits for something, until `unwait`.
    Wait {
        /// The task.
        task: u64,
        /// What it waits for.
        on: Awaited,
    },
    /// `unwait`: the wait is over: what was waited for has come, or the future that waited was dropped.
    Unwait {
        /// The task.
        task: u64,
        /// What it waited for.
        on: Awaited,
    },
    /// `done`: a task has ended, and leaves the task map.
    Done {
        /// The task.
        task: u64,
        /// How: never [`Outcome::Pending`].
        outcome: Outcome,
        /// The message of its panic, or its error.
        message: Option<TextId>,
    },
    /// `drop`: the future of a task was dropped outside of a turn.
    Drop {
        /// The task.
        task: u64,
    },
    /// `abort`: a task is to be dropped at its next turn, without a clean-up.
    Abort {
        /// The task.
        task: u64,
        /// What aborted it.
        by: Actor,
    },
    /// `shutdown`: a shutdown of the scheduler has begun, which asks every task to end, or has ended.
    Shutdown {
        /// Whether it has begun.
        has_begun: bool,
    },
    /// `ask`: a cancel request was made on a task, or on a part of it.
    Ask(Box<Ask>),
    /// `answer`: a cancel request has had its effect: what was asked has ended, or has dealt with it.
    Answer(Box<Ask>),
    /// `catch`: a task has caught a cancel request, and cleans up until `cleaned`.
    Catch {
        /// The task.
        task: u64,
        /// The reason of the request.
        why: TextId,
    },
    /// `resume`: a clean-up passes its request on. Its `cleaned` follows.
    Resume {
        /// The task.
        task: u64,
        /// The reason of the request.
        why: TextId,
    },
    /// `cleaned`: a clean-up has ended.
    Cleaned {
        /// The task.
        task: u64,
    },
    /// `mask`: a task holds cancel requests back, or stops doing so.
    Mask {
        /// The task.
        task: u64,
        /// Whether it holds them back.
        on: bool,
    },
    /// `scope`: a scope was opened, or has ended.
    Scope {
        /// The scope.
        scope: u64,
        /// The task that polls it.
        task: u64,
        /// Whether it was opened.
        is_open: bool,
    },
    /// `child`: a task was spawned in a scope. It is polled in the turns of the task that polls the scope.
    Child {
        /// The scope.
        scope: u64,
        /// The task.
        task: u64,
    },
    /// `timer_set`: a timer was put into the heap.
    TimerSet {
        /// The timer.
        timer: u64,
        /// The task that waits for it; 0 if that is not known.
        task: u64,
        /// Its deadline, in nanoseconds since the recording began; [`u64::MAX`] for one that never comes.
        at: u64,
    },
    /// `timer_fire`: a timer is due, and leaves the heap.
    TimerFire {
        /// The timer.
        timer: u64,
    },
    /// `timer_cancel`: a timer leaves the heap before its deadline.
    TimerCancel {
        /// The timer.
        timer: u64,
    },
    /// `park`: nothing is ready, and the scheduler sleeps or, with a virtual clock, jumps.
    Park {
        /// Until when, in nanoseconds since the recording began; [`u64::MAX`] if only a wake ends it.
        until: u64,
    },
    /// `unpark`: the scheduler is awake again.
    Unpark {
        /// What ended the sleep.
        by: Actor,
    },
    /// `res`: a lock, a channel or the like was first used, or got its name.
    Resource {
        /// The resource.
        resource: u64,
        /// Its kind: "mutex", "event".
        kind: TextId,
        /// Its own name.
        name: Option<TextId>,
    },
    /// `acquire`: a task holds a resource from now on, or holds more of it.
    Acquire {
        /// The task; 0 outside of all tasks.
        task: u64,
        /// The resource.
        resource: u64,
        /// How much of it: permits.
        count: u32,
    },
    /// `release`: a task gives a resource back, or some of it.
    Release {
        /// The task; 0 outside of all tasks.
        task: u64,
        /// The resource.
        resource: u64,
        /// How much of it: permits.
        count: u32,
    },
    /// `send`: a value was put into a channel.
    Send {
        /// The task; 0 outside of all tasks.
        task: u64,
        /// The channel.
        resource: u64,
        /// How many values are in it now.
        length: u32,
        /// How many fit into it.
        capacity: Option<NonZeroU32>,
    },
    /// `recv`: a value was taken out of a channel.
    Receive {
        /// The task; 0 outside of all tasks.
        task: u64,
        /// The channel.
        resource: u64,
        /// How many values are in it now.
        length: u32,
    },
    /// `close`: a channel was closed, or a resource was dropped.
    Close {
        /// The resource.
        resource: u64,
        /// Whether it is gone.
        is_gone: bool,
    },
    /// `block`: a blocking job was handed to a pool.
    Block {
        /// The job.
        job: u64,
        /// The task that handed it over; 0 outside of all tasks.
        task: u64,
        /// Its name.
        name: Option<TextId>,
    },
    /// `job_done`: a blocking job has ended.
    JobDone {
        /// The job.
        job: u64,
    },
    /// `out`: the program has printed a line, with `say!`.
    Out {
        /// The task; 0 outside of all tasks.
        task: u64,
        /// The line.
        text: TextId,
    },
    /// `note`: a remark of the program's author, with `note!`.
    Note {
        /// The task; 0 outside of all tasks.
        task: u64,
        /// The remark.
        text: TextId,
    },
    /// `slow`: a turn took too long.
    Slow {
        /// The task.
        task: u64,
        /// How long, in nanoseconds.
        took: u64,
    },
    /// `order`: a policy has reordered the ready queue, at the start of a pass.
    Order {
        /// The tasks, the front first.
        tasks: Box<[u64]>,
    },
    /// `deadlock`: a cycle of tasks, each waiting for something that the next one owns.
    Deadlock {
        /// Tasks and what they wait for, in turns.
        cycle: Box<[Awaited]>,
    },
    /// `snapshot`: the whole state: the first event of a recording whose beginning is lost.
    Snapshot {
        /// The state.
        state: Box<State>,
    },
    /// `end`: the run has ended.
    End {
        /// Why.
        why: EndReason,
    },
    /// An event of a newer writer: this version does not know its kind, or a word in it. It has no effect.
    Unknown {
        /// Its kind.
        kind: TextId,
        /// Its line in the file.
        line: TextId,
    },
}

impl Event {
    /// Returns the task that the event is about; `None` if it is about none, or about code outside of all tasks.
    pub fn task(&self) -> Option<u64> {
        let task = match *self {
            Event::Spawn { task, .. }
            | Event::Schedule { task, .. }
            | Event::Poll { task, .. }
            | Event::Return { task, .. }
            | Event::Wake { task, .. }
            | Event::Wait { task, .. }
            | Event::Unwait { task, .. }
            | Event::Done { task, .. }
            | Event::Drop { task }
            | Event::Abort { task, .. }
            | Event::Catch { task, .. }
            | Event::Resume { task, .. }
            | Event::Cleaned { task }
            | Event::Mask { task, .. }
            | Event::Scope { task, .. }
            | Event::Child { task, .. }
            | Event::TimerSet { task, .. }
            | Event::Acquire { task, .. }
            | Event::Release { task, .. }
            | Event::Send { task, .. }
            | Event::Receive { task, .. }
            | Event::Block { task, .. }
            | Event::Out { task, .. }
            | Event::Note { task, .. }
            | Event::Slow { task, .. } => task,
            Event::Ask(ref ask) | Event::Answer(ref ask) => ask.task,
            _ => 0,
        };
        (task != 0).then_some(task)
    }

    /// Returns the task that acted, and that therefore stood at the place of the event: for `spawn`, `wake`, `abort`
    /// and `ask` the one that did it, else the task that the event is about.
    pub fn actor(&self) -> Option<u64> {
        let by = match self {
            Event::Spawn { by, .. } | Event::Wake { by, .. } | Event::Abort { by, .. } => by,
            Event::Ask(ask) => &ask.by,
            _ => return self.task(),
        };
        match *by {
            Actor::Task(task) => Some(task),
            _ => None,
        }
    }
}

//! The state of a scheduler at one moment of a recording: the tasks that live, and all that concerns them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::record::values::{Ask, Awaited, EndReason, PlaceId, TextId};

/// The state of a scheduler at one moment of a recording.
///
/// It has what lives: a task that has ended, a timer that has fired and a resource that was dropped are not part of it.
/// A copy shares its tasks with the original until one of them changes, so it costs little.
///
/// Whatever the recording says, every task in `running` and `ready` is in `tasks`, and in one of the two at most once;
/// and the children of a scope are the tasks with that scope. Other numbers may lead nowhere: an owner may have ended,
/// and a task may wait for a resource that the recording does not have.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// The time, in nanoseconds since the recording began.
    pub time: u64,
    /// The number of the last turn.
    pub turn: u64,
    /// The tasks whose turns are under way, the outermost first: usually one, or none.
    pub running: Vec<u64>,
    /// The ready queue, the front first.
    pub ready: VecDeque<u64>,
    /// The tasks that have not ended.
    pub tasks: BTreeMap<u64, Arc<LiveTask>>,
    /// The timers in the heap.
    pub timers: BTreeMap<u64, LiveTimer>,
    /// Locks, channels and the like.
    pub resources: BTreeMap<u64, Arc<LiveResource>>,
    /// The open scopes.
    pub scopes: BTreeMap<u64, LiveScope>,
    /// The blocking jobs that have not ended.
    pub jobs: BTreeMap<u64, LiveJob>,
    /// While the scheduler sleeps: until when, in nanoseconds since the recording began ([`u64::MAX`] if only a wake
    /// ends the sleep).
    pub parked: Option<u64>,
    /// Why the run has ended, if it has.
    pub ended: Option<EndReason>,
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskPhase {
    /// It was spawned, and is not ready yet.
    #[default]
    Spawned,
    /// It is on the ready queue, or in the queue of its scope.
    Ready,
    /// It is taking its turn. Or the turn has just ended, and the task is about to be put back on the ready queue, since
    /// it was woken in its turn, or to leave the task map.
    Running,
    /// It waits for a wake.
    Waiting,
}

/// A task that has not ended.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LiveTask {
    /// Its name.
    pub name: Option<TextId>,
    /// What it is doing.
    pub phase: TaskPhase,
    /// Whether it was woken in its turn.
    pub is_woken: bool,
    /// The number of turns it has taken.
    pub turns: u64,
    /// The number of its last turn, among all turns of the scheduler; 0 before the first.
    pub last_turn: u64,
    /// Where it was last seen.
    pub place: Option<PlaceId>,
    /// Where it was spawned.
    pub spawned_at: Option<PlaceId>,
    /// What it waits for: one entry for each branch of a join or select.
    pub waits: VecDeque<LiveWait>,
    /// The cancel requests on it and its parts, in the order in which they were made.
    pub requests: Vec<Ask>,
    /// How many clean-ups of it are under way.
    pub clean_ups: u32,
    /// How many masks hold requests back.
    pub masks: u32,
    /// The scope that it is a child of.
    pub scope: Option<u64>,
}

/// A wait of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveWait {
    /// What the task waits for.
    pub on: Awaited,
    /// Where.
    pub place: Option<PlaceId>,
}

/// A timer in the heap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveTimer {
    /// The task that waits for it; 0 if that is not known.
    pub task: u64,
    /// Its deadline, in nanoseconds since the recording began; [`u64::MAX`] for one that never comes.
    pub at: u64,
    /// Where it was created.
    pub place: Option<PlaceId>,
}

/// A lock, a channel or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveResource {
    /// Its kind: "mutex", "event".
    pub kind: TextId,
    /// Its own name.
    pub name: Option<TextId>,
    /// The tasks that hold it, in the order in which they got it, and how many permits each holds: 1 of a mutex.
    pub owners: Vec<(u64, u32)>,
    /// The tasks of `owners`.
    pub(crate) owner_ids: BTreeSet<u64>,
    /// The tasks that wait for it, the first one first.
    pub waiters: VecDeque<u64>,
    /// Of a channel: how many values are in it.
    pub length: Option<u32>,
    /// Of a channel: how many values fit into it.
    pub capacity: Option<NonZeroU32>,
    /// Whether it was closed.
    pub is_closed: bool,
}

/// An open scope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveScope {
    /// The task that polls it.
    pub task: u64,
    /// Its tasks that have not ended.
    pub children: BTreeSet<u64>,
    /// Where it was created.
    pub place: Option<PlaceId>,
}

/// A blocking job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveJob {
    /// The task that handed it over; 0 outside of all tasks.
    pub task: u64,
    /// Its name.
    pub name: Option<TextId>,
    /// Where it was handed over.
    pub place: Option<PlaceId>,
}

impl State {
    /// Returns a task, if it has not ended.
    pub fn task(&self, task: u64) -> Option<&LiveTask> {
        self.tasks.get(&task).map(|task| &**task)
    }

    /// Returns a resource, if it is known and was not dropped.
    pub fn resource(&self, resource: u64) -> Option<&LiveResource> {
        self.resources.get(&resource).map(|resource| &**resource)
    }

    /// Returns the task whose turn it is.
    pub fn current(&self) -> Option<u64> {
        self.running.last().copied()
    }

    /// Returns the scopes that tasks wait for, by these tasks: a task waits for the children of its open scopes.
    pub(crate) fn scope_waits(&self) -> BTreeMap<u64, Vec<Awaited>> {
        let mut waits: BTreeMap<u64, Vec<Awaited>> = BTreeMap::new();
        for (&scope, known) in &self.scopes {
            let on = Awaited::Scope(scope);
            let is_said = |task: &LiveTask| task.waits.iter().any(|wait| wait.on == on);
            let is_wait = self.task(known.task).is_some_and(|task| !is_said(task));
            if is_wait && !known.children.is_empty() {
                waits.entry(known.task).or_default().push(on);
            }
        }
        waits
    }

    /// Returns how much a copy of this state copies, in elements of its lists.
    pub(crate) fn size(&self) -> usize {
        let waits = self.tasks.values().map(|task| 1 + task.waits.len() + task.requests.len());
        let resources = self.resources.values();
        let lines = resources.map(|resource| 1 + resource.owners.len() + resource.waiters.len());
        let scopes = self.scopes.values().map(|scope| 1 + scope.children.len());
        let lists = self.running.len() + self.ready.len() + self.timers.len() + self.jobs.len();
        lists + waits.sum::<usize>() + lines.sum::<usize>() + scopes.sum::<usize>()
    }
}

//! What each task did in a run, as spans of events: what every picture of a run is drawn from.

use std::collections::{BTreeSet, HashMap};

use crate::record::event::{Entry, Event};
use crate::record::names::Names;
use crate::record::recording::Recording;
use crate::record::state::{LiveTask, LiveWait, State, TaskPhase};
use crate::record::values::{Actor, Awaited, Outcome};

/// What each task did in a run.
///
/// All positions are indices of events, and a span is from the event that starts it up to, and without, the one that
/// ends it.
pub(crate) struct Tracks {
    pub(crate) names: Names,
    /// The tasks, in the order in which they appear.
    pub(crate) all: Vec<Track>,
    /// Where in `all` a task is.
    pub(crate) of_tasks: HashMap<u64, usize>,
    pub(crate) turns: Vec<TurnStart>,
    pub(crate) wakes: Vec<Woken>,
    pub(crate) ends: Vec<TaskEnd>,
    /// When the scheduler sleeps: from `park` to `unpark`.
    pub(crate) sleeps: Vec<(usize, usize)>,
    /// The number of events.
    pub(crate) length: usize,
    /// The scopes of each task.
    scopes: HashMap<u64, BTreeSet<u64>>,
}

/// What one task did.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) task: u64,
    pub(crate) turns: u64,
    /// One after the other; none while the task is not there.
    pub(crate) spans: Vec<TrackSpan>,
    /// What the task does now, if it is there.
    open: Option<TrackSpan>,
}

/// A task was in one phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrackSpan {
    pub(crate) phase: TaskPhase,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// When it runs: the number of the turn.
    pub(crate) turn: u64,
    /// When it runs: the `return` of the turn, or else where the span ends; until then its poll lasts.
    pub(crate) returned: usize,
    /// How the turn returned, if it did.
    pub(crate) outcome: Option<Outcome>,
    /// What it waits for: the first of its waits.
    pub(crate) wait: Option<LiveWait>,
    /// How many more waits it has.
    pub(crate) more_waits: usize,
}

/// A turn starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnStart {
    pub(crate) at: usize,
    pub(crate) turn: u64,
}

/// A waker is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Woken {
    pub(crate) at: usize,
    pub(crate) task: u64,
    pub(crate) by: Actor,
    /// Whether the task will be put on the ready queue for it.
    pub(crate) has_effect: bool,
    /// Whether the task has called it itself, in its turn.
    pub(crate) is_own: bool,
}

/// A task ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskEnd {
    pub(crate) at: usize,
    pub(crate) track: usize,
    pub(crate) outcome: Outcome,
}

impl Tracks {
    /// Reads a whole recording. `visit` is called with the index of each event and the state after it.
    pub(crate) fn read(recording: &Recording, mut visit: impl FnMut(usize, &State)) -> Self {
        let mut tracks = Tracks {
            names: Names::default(),
            all: Vec::new(),
            of_tasks: HashMap::new(),
            turns: Vec::new(),
            wakes: Vec::new(),
            ends: Vec::new(),
            sleeps: Vec::new(),
            length: recording.entries().len(),
            scopes: HashMap::new(),
        };
        let (mut state, mut asleep) = (State::default(), None);
        for (at, entry) in recording.entries().iter().enumerate() {
            tracks.step_scopes(entry);
            tracks.names.add(entry);
            match entry.event {
                Event::Snapshot { .. } => tracks.jump(at, entry, &mut state),
                _ => tracks.step(at, entry, &mut state),
            }
            match (asleep, state.parked) {
                (None, Some(_)) => asleep = Some(at),
                (Some(from), None) => {
                    tracks.sleeps.push((from, at));
                    asleep = None;
                }
                _ => {}
            }
            visit(at, &state);
        }
        tracks.sleeps.extend(asleep.map(|from| (from, tracks.length)));
        for track in &mut tracks.all {
            track.close(tracks.length);
        }
        tracks
    }

    /// An event changes the phase of one task at most.
    fn step(&mut self, at: usize, entry: &Entry, state: &mut State) {
        let Some(task) = entry.event.task() else { return state.apply(entry) };
        let before = state.task(task).map(|task| (task.phase, task.is_woken));
        if let Event::Wake { by, .. } = entry.event {
            self.wake(at, task, by, before);
        }
        state.apply(entry);
        let after = state.task(task);
        match entry.event {
            Event::Poll { turn, .. } if after.is_some() => {
                let number = self.track(task);
                self.turns.push(TurnStart { at, turn });
                let track = &mut self.all[number];
                track.turns = track.turns.saturating_add(1);
                track.go(at, after, None);
                return;
            }
            Event::Return { outcome, .. } => {
                if let Some(&number) = self.of_tasks.get(&task) {
                    self.all[number].end_poll(at, outcome);
                }
            }
            Event::Done { outcome, .. } if before.is_some() => {
                let track = self.track(task);
                self.ends.push(TaskEnd { at, track, outcome });
            }
            _ => {}
        }
        if before.map(|before| before.0) != after.map(|after| after.phase) {
            let scope = after.and_then(|after| self.scope_wait(task, after, state));
            let track = self.track(task);
            self.all[track].go(at, after, scope);
        }
    }

    /// A task that waits for nothing else waits for the children of its scope, if it has one.
    fn scope_wait(&self, task: u64, known: &LiveTask, state: &State) -> Option<LiveWait> {
        if known.phase != TaskPhase::Waiting || !known.waits.is_empty() {
            return None;
        }
        let has_children = |&&scope: &&u64| {
            let known = state.scopes.get(&scope).filter(|known| known.task == task);
            known.is_some_and(|known| !known.children.is_empty())
        };
        let scope = self.scopes.get(&task)?.iter().find(has_children)?;
        let place = state.scopes.get(scope)?.place;
        Some(LiveWait { on: Awaited::Scope(*scope), place })
    }

    /// Scopes are open from now on, or no more.
    fn step_scopes(&mut self, entry: &Entry) {
        match entry.event {
            Event::Scope { scope, task, is_open: true } => {
                self.scopes.entry(task).or_default().insert(scope);
            }
            Event::Scope { scope, is_open: false, .. } => {
                if let Some(open) =
                    self.names.scope_task(scope).and_then(|task| self.scopes.get_mut(&task))
                {
                    open.remove(&scope);
                }
            }
            Event::Snapshot { ref state } => {
                for (&scope, known) in &state.scopes {
                    self.scopes.entry(known.task).or_default().insert(scope);
                }
            }
            Event::Done { task, .. } => {
                self.scopes.remove(&task);
            }
            _ => {}
        }
    }

    /// A snapshot changes everything.
    fn jump(&mut self, at: usize, entry: &Entry, state: &mut State) {
        for task in state.tasks.keys() {
            let track = self.track(*task);
            self.all[track].close(at);
        }
        state.apply(entry);
        for (&task, known) in &state.tasks {
            let track = self.track(task);
            let scope = self.scope_wait(task, known, state);
            self.all[track].go(at, Some(known), scope);
        }
    }

    fn wake(&mut self, at: usize, task: u64, by: Actor, before: Option<(TaskPhase, bool)>) {
        let has_effect = before.is_some_and(|(phase, is_woken)| match phase {
            TaskPhase::Ready => false,
            TaskPhase::Running => !is_woken,
            TaskPhase::Spawned | TaskPhase::Waiting => true,
        });
        let is_running = before.is_some_and(|(phase, _)| phase == TaskPhase::Running);
        let is_own = is_running && by == Actor::Task(task);
        self.wakes.push(Woken { at, task, by, has_effect, is_own });
    }

    /// Returns where in `all` a task is, which is added if it is new.
    fn track(&mut self, task: u64) -> usize {
        *self.of_tasks.entry(task).or_insert_with(|| {
            self.all.push(Track { task, turns: 0, spans: Vec::new(), open: None });
            self.all.len() - 1
        })
    }

    /// Returns the tracks to be shown, in their order: all, or those of the busiest `most - 1` tasks; and how many more
    /// there are.
    pub(crate) fn busiest(&self, most: usize) -> (Vec<usize>, usize) {
        let mut shown: Vec<usize> = (0..self.all.len()).collect();
        if shown.len() > most {
            shown.sort_by_key(|&track| std::cmp::Reverse(self.all[track].turns));
            shown.truncate(most - 1);
            shown.sort_unstable();
        }
        let more = self.all.len() - shown.len();
        (shown, more)
    }
}

impl Track {
    /// The task is in another phase, or has another turn.
    fn go(&mut self, at: usize, task: Option<&LiveTask>, scope: Option<LiveWait>) {
        self.close(at);
        self.open = task.map(|task| TrackSpan {
            phase: task.phase,
            from: at,
            to: usize::MAX,
            turn: task.last_turn,
            returned: usize::MAX,
            outcome: None,
            wait: task.waits.front().copied().or(scope),
            more_waits: task.waits.len().saturating_sub(1),
        });
    }

    /// The turn has returned, and the task may stay where it is until its `schedule` or `done`.
    fn end_poll(&mut self, at: usize, outcome: Outcome) {
        if let Some(open) = &mut self.open
            && open.phase == TaskPhase::Running
            && open.outcome.is_none()
        {
            (open.returned, open.outcome) = (at, Some(outcome));
        }
    }

    fn close(&mut self, at: usize) {
        if let Some(open) = self.open.take() {
            self.spans.push(TrackSpan { to: at, returned: open.returned.min(at), ..open });
        }
    }
}

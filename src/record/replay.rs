//! A replay: the state at any moment of a recording, as easily backwards as forwards.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::record::error::RecordingError;
use crate::record::event::{Entry, Event};
use crate::record::names::Names;
use crate::record::printable::nanoseconds;
use crate::record::recording::Recording;
use crate::record::sentence_shared::snapshot_sentence;
use crate::record::state::State;
use crate::record::tables::SourcePlace;
use crate::record::values::Awaited;
use crate::record::wording::Wording;

/// A recording that can be looked at moment by moment, backwards and forwards.
///
/// At position `n`, the first `n` events have happened; 0 is before all of them. A seek takes little time wherever it
/// goes: states are kept at intervals, and share what is the same in them.
///
/// # Example
///
/// ```
/// use turnwise::record::{Actor, Outcome, Recorder, Replay};
///
/// let recorder = Recorder::new();
/// recorder.spawn(1, "foo", Actor::Outside);
/// recorder.schedule(1);
/// recorder.poll(1);
///
/// let mut replay = Replay::new(recorder.finish());
/// replay.seek(2);
/// assert_eq!(replay.state().ready, [1]);
/// replay.seek(replay.len());
/// assert_eq!(replay.state().running, [1]);
/// let last = replay.event(2).unwrap().to_string();
/// assert_eq!(last, "Turn 1: the scheduler takes foo from the front of the ready queue and polls it.");
/// replay.seek(0);
/// assert!(replay.state().tasks.is_empty());
/// ```
pub struct Replay {
    recording: Recording,
    names: Names,
    /// Positions and states, the first one at 0.
    checkpoints: Vec<(usize, State)>,
    /// The turns by their numbers, and the indices of their `poll`s.
    turns: Vec<(u64, usize)>,
    position: usize,
    state: State,
}

/// There are at least this many events between two checkpoints.
const LEAST_DISTANCE: usize = 256;

impl Replay {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of [`Recording::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Replay, RecordingError> {
        Ok(Replay::new(Recording::open(path)?))
    }

    /// Replays a recording. The position is 0.
    pub fn new(recording: Recording) -> Self {
        let (mut names, mut turns) = (Names::default(), Vec::new());
        let mut state = State::default();
        let mut checkpoints = vec![(0, state.clone())];
        let mut next = LEAST_DISTANCE;
        for (index, entry) in recording.entries().iter().enumerate() {
            names.add(entry);
            if let Event::Poll { turn, .. } = entry.event {
                turns.push((turn, index));
            }
            state.apply(entry);
            if index + 1 == next {
                checkpoints.push((next, state.clone()));
                // A copy of a state costs what it is large, so large ones are further apart.
                next += LEAST_DISTANCE.max(4 * state.size());
            }
        }
        // In order already, except in a recording that was put together by hand.
        turns.sort_by_key(|&(turn, _)| turn);
        Replay { recording, names, checkpoints, turns, position: 0, state: State::default() }
    }

    /// Returns the recording.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Returns the number of events.
    pub fn len(&self) -> usize {
        self.recording.entries().len()
    }

    /// Returns whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.recording.entries().is_empty()
    }

    // ----- moments -----

    /// Returns how many events have happened.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Returns the state at the position.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes to the moment after the first `position` events, or to the end if there are not as many.
    pub fn seek(&mut self, position: usize) {
        let position = position.min(self.len());
        let (start, checkpoint) = self.checkpoint(position);
        if self.position > position || self.position < start {
            self.state = checkpoint.clone();
            self.position = start;
        }
        for entry in &self.recording.entries[self.position..position] {
            self.state.apply(entry);
        }
        self.position = position;
    }

    /// Returns the last checkpoint that is not after a position.
    fn checkpoint(&self, position: usize) -> (usize, &State) {
        let after = self.checkpoints.partition_point(|&(start, _)| start <= position);
        let (start, state) = &self.checkpoints[after - 1];
        (*start, state)
    }

    /// Returns the position just before a turn starts; `None` if the recording does not have the turn.
    pub fn turn_start(&self, turn: u64) -> Option<usize> {
        let at = self.turns.partition_point(|&(other, _)| other < turn);
        self.turns.get(at).filter(|&&(other, _)| other == turn).map(|&(_, index)| index)
    }

    /// Returns the position at a time: after all events that have happened by then.
    pub fn at_time(&self, time: Duration) -> usize {
        let time = nanoseconds(time);
        self.recording.entries().partition_point(|entry| entry.time <= time)
    }

    // ----- events -----

    /// Returns an event with its sentence; `None` after the last one. The event with index `n` leads from position `n`
    /// to `n + 1`.
    ///
    /// To read all of them, [`steps`](Self::steps) is faster.
    pub fn event(&self, index: usize) -> Option<Step<'_>> {
        let entry = self.recording.entries().get(index)?;
        if self.position == index {
            return Some(self.step(index, entry, &self.state));
        }
        let (start, checkpoint) = self.checkpoint(index);
        let mut state = checkpoint.clone();
        self.recording.entries[start..index].iter().for_each(|entry| state.apply(entry));
        Some(self.step(index, entry, &state))
    }

    /// Returns all events in order, with their sentences.
    pub fn steps(&self) -> Steps<'_> {
        Steps { replay: self, index: 0, state: State::default() }
    }

    /// `before` is the state before the event.
    fn step<'r>(&'r self, index: usize, entry: &'r Entry, before: &State) -> Step<'r> {
        let wording = self.wording(before);
        let turn = match entry.event {
            Event::Poll { turn, .. } => turn,
            _ => before.turn,
        };
        let place = entry.place.and_then(|place| self.recording.place(place));
        let sentence = match entry.event {
            Event::Snapshot { .. } => {
                snapshot_sentence(if index == 0 { self.recording.header.dropped } else { 0 })
            }
            ref event => wording.sentence(entry.time, event),
        };
        Step { index, turn, entry, place, sentence }
    }

    fn wording<'r>(&'r self, state: &'r State) -> Wording<'r> {
        Wording { tables: &self.recording.tables, names: &self.names, state }
    }

    // ----- names -----

    /// Returns a task's name, with its id if another task has the same name, or "task 7" if it has none. Control
    /// characters are escaped. The task may have ended.
    pub fn task_label(&self, task: u64) -> String {
        self.awaited_label(Awaited::Task(task))
    }

    /// Returns what something is called at the position that a task waits for: `mutex "db"`, "timer 3", the name of a
    /// task.
    pub fn awaited_label(&self, on: Awaited) -> String {
        self.wording(&self.state).awaited(on)
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("recording", &self.recording)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// One event of a [`Replay`]; `Display` prints one plain sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step<'r> {
    /// The index of the event, from 0.
    pub index: usize,
    /// The number of the turn that it is a part of, or of the last one before it.
    pub turn: u64,
    /// The event, with its time and place.
    pub entry: &'r Entry,
    /// Its place.
    pub place: Option<SourcePlace<'r>>,
    sentence: String,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.sentence)
    }
}

/// All events of a [`Replay`], as [`Replay::steps`] returns them.
#[derive(Clone, Debug)]
pub struct Steps<'r> {
    replay: &'r Replay,
    index: usize,
    /// The state before the event at `index`.
    state: State,
}

impl<'r> Iterator for Steps<'r> {
    type Item = Step<'r>;

    fn next(&mut self) -> Option<Step<'r>> {
        let entry = self.replay.recording.entries().get(self.index)?;
        let step = self.replay.step(self.index, entry, &self.state);
        self.state.apply(entry);
        self.index += 1;
        Some(step)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.replay.len() - self.index;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Steps<'_> {}

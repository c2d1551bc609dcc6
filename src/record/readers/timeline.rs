//! The timeline of a run as text, for terminals, tests and documents.

use std::fmt;

use crate::record::printable::span;
use crate::record::readers::blocks::{Blocks, Label, SignRow};
use crate::record::readers::rows::{Rows, numbered};
use crate::record::readers::tracks::{Track, Tracks};
use crate::record::recording::Recording;
use crate::record::state::TaskPhase;
use crate::record::values::Outcome;

/// The timeline of a run as text: a row for each task, as [`Recording::timeline`] returns it. `Display` prints it.
///
/// ```text
/// #  running        -  ready (in the queue)     .  waiting        (blank) not there
/// *  finished       x  cancelled                !  panicked
/// @  woke itself    ^  was woken               z  in the turn row: the scheduler sleeps
/// ```
///
/// A task that wakes itself does so during its turn, as in a yield, and is polled again.
///
/// There are two views. [`turns`](Self::turns) has a column for each turn, which shows the tasks as they are when the
/// turn starts, and the task of the turn with its end, if it ends. [`events`](Self::events) has a column for each event,
/// which shows the tasks as they are after it.
///
/// Of more than 40 tasks, the 39 with the most turns are shown.
#[derive(Clone, Copy, Debug)]
#[must_use = "it prints itself"]
pub struct Timeline<'r> {
    recording: &'r Recording,
    has_events: bool,
    is_ascii: bool,
    has_times: bool,
    width: Option<usize>,
}

impl Recording {
    /// Returns the timeline as text: a column for each turn, in ASCII, in one block however long it is. The methods of
    /// [`Timeline`] change that.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Actor, Outcome, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// for (task, name) in [(1, "foo"), (2, "bar")] {
    ///     recorder.spawn(task, name, Actor::Outside);
    ///     recorder.schedule(task);
    /// }
    /// for task in [1, 2] {
    ///     recorder.poll(task);
    ///     recorder.wake(task, Actor::Task(task));
    ///     recorder.returned(task, Outcome::Pending);
    ///     recorder.schedule(task);
    /// }
    /// for task in [1, 2] {
    ///     recorder.poll(task);
    ///     recorder.returned(task, Outcome::Ready);
    ///     recorder.done(task, Outcome::Ready);
    /// }
    /// let recording = recorder.finish();
    ///
    /// let turns = "
    /// turn   1 2 3 4
    /// 1 foo  # - *
    /// 2 bar  - # - *
    /// ";
    /// assert_eq!(recording.timeline().to_string(), turns.trim_start());
    ///
    /// let events = "
    /// turn  |    1   2   3  4
    /// 1 foo | ---#@#-----##*
    /// 2 bar |   -----#@#----##*
    /// ";
    /// assert_eq!(recording.timeline().events().to_string(), events.trim_start());
    /// ```
    pub fn timeline(&self) -> Timeline<'_> {
        let (has_events, is_ascii, has_times) = (false, true, false);
        Timeline { recording: self, has_events, is_ascii, has_times, width: None }
    }
}

impl Timeline<'_> {
    /// Shows a column for each turn. This is the default.
    pub fn turns(self) -> Self {
        Timeline { has_events: false, ..self }
    }

    /// Shows a column for each event.
    pub fn events(self) -> Self {
        Timeline { has_events: true, ..self }
    }

    /// Sets whether only ASCII characters are used, which is the default; or else lines and arrows: `█ ─ ┄ ● ✕ ! ↺ ↑ z`.
    pub fn ascii(self, is_ascii: bool) -> Self {
        Timeline { is_ascii, ..self }
    }

    /// Sets whether a second row shows the times: where it changes, and only where there is room.
    pub fn times(self, has_times: bool) -> Self {
        Timeline { has_times, ..self }
    }

    /// Breaks the timeline into blocks of lines of at most so many characters. A block leaves out the tasks that are not
    /// there. However small the width is, there is room for some columns.
    pub fn width(self, characters: usize) -> Self {
        Timeline { width: Some(characters), ..self }
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tracks = Tracks::read(self.recording, |_, _| {});
        let rows = Rows::of(&tracks);
        let mut labels = Vec::new();
        for &track in &rows.shown {
            labels.push(numbered(self.recording, &tracks, tracks.all[track].task, 20));
        }
        let mut blocks = if self.has_events {
            self.event_blocks(&tracks, &rows)
        } else {
            self.turn_blocks(&tracks, &rows)
        };
        for (line, label) in blocks.lines.iter_mut().zip(labels) {
            line.label = label;
        }
        blocks.more = rows.more;
        blocks.is_ascii = self.is_ascii;
        blocks.print(f, self.width)
    }
}

impl Timeline<'_> {
    // ----- a column for each event -----

    fn event_blocks(&self, tracks: &Tracks, rows: &Rows) -> Blocks {
        let mut blocks = Blocks::narrow(tracks.length);
        for &track in &rows.shown {
            let mut cells = vec![b' '; tracks.length];
            for span in &tracks.all[track].spans {
                cells[span.from..span.to].fill(phase_sign(span.phase));
            }
            blocks.lines.push(SignRow::new(cells));
        }
        let row_of = |task| rows.of_tracks[*tracks.of_tasks.get(&task)?];
        for wake in tracks.wakes.iter().filter(|wake| wake.has_effect) {
            let Some(row) = row_of(wake.task) else { continue };
            blocks.lines[row].cells[wake.at] = if wake.is_own { b'@' } else { b'^' };
        }
        for end in &tracks.ends {
            let Some(row) = rows.of_tracks[end.track] else { continue };
            blocks.lines[row].cells[end.at] = end_sign(end.outcome);
        }
        let turns = tracks.turns.iter().map(|turn| Label::new(turn.at, turn.turn.to_string()));
        blocks.turns = turns.collect();
        for &(from, to) in &tracks.sleeps {
            blocks.asleep.extend(from..to);
        }
        if self.has_times {
            blocks.times = Some(self.times_at(0..tracks.length));
        }
        blocks
    }

    // ----- a column for each turn -----

    fn turn_blocks(&self, tracks: &Tracks, rows: &Rows) -> Blocks {
        let turns = &tracks.turns;
        let headings = headings(tracks);
        let mut blocks = Blocks::wide(headings);
        for &track in &rows.shown {
            blocks.lines.push(SignRow::new(turn_cells(&tracks.all[track], tracks)));
        }
        for end in &tracks.ends {
            let column = turns.partition_point(|turn| turn.at <= end.at);
            let (Some(row), Some(column)) = (rows.of_tracks[end.track], column.checked_sub(1))
            else {
                continue;
            };
            blocks.lines[row].cells[column] = end_sign(end.outcome);
        }
        if self.has_times {
            blocks.times = Some(self.times_at(turns.iter().map(|turn| turn.at)));
        }
        blocks
    }

    // ----- times -----

    /// Returns labels for the times of columns, given by their events: where the time changes.
    fn times_at(&self, events: impl Iterator<Item = usize>) -> Vec<Label> {
        let (mut labels, mut last) = (Vec::new(), None);
        for (column, event) in events.enumerate() {
            let time = self.recording.entries()[event].time;
            if last != Some(time) {
                last = Some(time);
                let text = span(time).to_string().replace(' ', "");
                let text = if self.is_ascii { text.replace('µ', "u") } else { text };
                labels.push(Label::new(column, format!("+{text}")));
            }
        }
        labels
    }
}

/// The numbers of the turns, and a `z` for a sleep before one.
fn headings(tracks: &Tracks) -> Vec<String> {
    let (mut sleeps, mut headings) = (tracks.sleeps.iter().peekable(), Vec::new());
    for turn in &tracks.turns {
        let mut has_slept = false;
        while sleeps.next_if(|&&(from, _)| from < turn.at).is_some() {
            has_slept = true;
        }
        headings.push(format!("{}{}", if has_slept { "z" } else { "" }, turn.turn));
    }
    headings
}

fn turn_cells(track: &Track, tracks: &Tracks) -> Vec<u8> {
    let mut spans = track.spans.iter().peekable();
    let cells = tracks.turns.iter().map(|turn| {
        while spans.next_if(|span| span.to <= turn.at).is_some() {}
        let span = spans.peek().filter(|span| span.from <= turn.at);
        span.map_or(b' ', |span| phase_sign(span.phase))
    });
    cells.collect()
}

fn phase_sign(phase: TaskPhase) -> u8 {
    match phase {
        TaskPhase::Spawned => b' ',
        TaskPhase::Ready => b'-',
        TaskPhase::Running => b'#',
        TaskPhase::Waiting => b'.',
    }
}

fn end_sign(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pending | Outcome::Ready => b'*',
        Outcome::Cancelled => b'x',
        Outcome::Panic => b'!',
    }
}

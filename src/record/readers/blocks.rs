//! Rows of signs under a row of turns, and how they are broken into blocks that fit a width.

use std::fmt::{self, Write};
use std::ops::Range;

/// Rows of signs: one for the turns, then one for each task.
pub(crate) struct Blocks {
    /// Of a view with wide columns: what is above each. One of narrow columns has `turns` instead.
    headings: Option<Vec<String>>,
    /// At which character each column starts, if it is not broken; and the end of the last one.
    starts: Vec<usize>,
    length: usize,
    /// Of a view with narrow columns: the numbers of the turns.
    pub(crate) turns: Vec<Label>,
    /// The columns in which the scheduler sleeps.
    pub(crate) asleep: Vec<usize>,
    pub(crate) times: Option<Vec<Label>>,
    pub(crate) lines: Vec<SignRow>,
    /// How many more tasks there are.
    pub(crate) more: usize,
    pub(crate) is_ascii: bool,
}

/// A row of signs.
pub(crate) struct SignRow {
    pub(crate) label: String,
    /// One sign of ASCII for each column.
    pub(crate) cells: Vec<u8>,
}

/// A text that starts at a column, and takes as many as it needs.
pub(crate) struct Label {
    column: usize,
    text: String,
}

/// So many characters of a line are for columns, however narrow it should be.
const LEAST_ROOM: usize = 16;

impl SignRow {
    pub(crate) fn new(cells: Vec<u8>) -> Self {
        SignRow { label: String::new(), cells }
    }
}

impl Label {
    pub(crate) fn new(column: usize, text: String) -> Self {
        Label { column, text }
    }
}

impl Blocks {
    /// Columns of one character each.
    pub(crate) fn narrow(length: usize) -> Self {
        let (turns, asleep, lines) = (Vec::new(), Vec::new(), Vec::new());
        let (headings, times) = (None, None);
        let (starts, is_ascii, more) = ((0..=length).collect(), true, 0);
        Blocks { headings, starts, length, turns, asleep, times, lines, more, is_ascii }
    }

    /// Columns as wide as what is above them.
    pub(crate) fn wide(headings: Vec<String>) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        starts.extend(headings.iter().map(|heading| {
            end += heading.len() + 1;
            end
        }));
        let narrow = Blocks::narrow(headings.len());
        Blocks { headings: Some(headings), starts, ..narrow }
    }

    pub(crate) fn print(
        &self,
        f: &mut fmt::Formatter<'_>,
        most_width: Option<usize>,
    ) -> fmt::Result {
        let labels = self.lines.iter().map(|line| self.label(&line.label).chars().count());
        let width = labels.max().unwrap_or(0).max("turn".len());
        let room = most_width.map(|most| most.saturating_sub(width + 2).max(LEAST_ROOM));
        let ranges = self.ranges(room);
        for (number, range) in ranges.iter().enumerate() {
            if number > 0 {
                f.write_char('\n')?;
            }
            let room = room.unwrap_or(usize::MAX);
            self.print_block(f, width, range.clone(), (room, ranges.len() > 1))?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "{} {more} more", if self.is_ascii { "..." } else { "…" }),
        }
    }

    fn label<'t>(&self, label: &'t str) -> std::borrow::Cow<'t, str> {
        if !self.is_ascii || label.is_ascii() {
            return label.into();
        }
        let ascii = |character: char| match character {
            '…' => "..".into(),
            character if character.is_ascii() => character.to_string(),
            character => character.escape_default().to_string(),
        };
        label.chars().map(ascii).collect::<String>().into()
    }

    /// Returns the columns of each block; at least one block.
    fn ranges(&self, room: Option<usize>) -> Vec<Range<usize>> {
        // The space before a wide column is not needed at the end of a line.
        let last_space = usize::from(self.headings.is_some());
        let room = room.map_or(usize::MAX, |room| room.saturating_add(last_space));
        let (mut ranges, mut start) = (Vec::new(), 0);
        for column in 0..self.length {
            if column > start && self.starts[column + 1] - self.starts[start] > room {
                ranges.push(start..column);
                start = column;
            }
        }
        ranges.push(start..self.length);
        ranges
    }

    fn print_block(
        &self,
        f: &mut fmt::Formatter<'_>,
        width: usize,
        range: Range<usize>,
        (room, is_one_of_many): (usize, bool),
    ) -> fmt::Result {
        self.print_turns(f, width, range.clone(), room)?;
        if let Some(times) = &self.times {
            self.print_row(f, width, "time", &self.placed(times, range.clone(), room))?;
        }
        for line in &self.lines {
            let cells = &line.cells[range.clone()];
            if is_one_of_many && cells.iter().all(|&cell| cell == b' ') {
                continue;
            }
            let row = self.row(cells, range.start);
            self.print_row(f, width, &self.label(&line.label), &row)?;
        }
        Ok(())
    }

    /// Writes the labels of a range of columns into one row, each at its column; those for which there is no room are
    /// left out.
    fn placed(&self, labels: &[Label], range: Range<usize>, room: usize) -> String {
        let (mut row, mut length) = (String::new(), 0);
        let first = labels.partition_point(|label| label.column < range.start);
        for label in labels[first..].iter().take_while(|label| label.column < range.end) {
            let at = self.starts[label.column] - self.starts[range.start];
            let end = at + label.text.chars().count();
            if (length > 0 && at <= length) || end > room {
                continue;
            }
            row.extend(std::iter::repeat_n(' ', at - length));
            row.push_str(&label.text);
            length = end;
        }
        row
    }

    fn print_turns(
        &self,
        f: &mut fmt::Formatter<'_>,
        width: usize,
        range: Range<usize>,
        room: usize,
    ) -> fmt::Result {
        let row = if let Some(headings) = &self.headings {
            headings[range].join(" ")
        } else {
            let mut row = self.placed(&self.turns, range.clone(), room).into_bytes();
            let first = self.asleep.partition_point(|&column| column < range.start);
            for &column in self.asleep[first..].iter().take_while(|&&column| column < range.end) {
                let at = column - range.start;
                if at >= row.len() {
                    row.resize(at + 1, b' ');
                }
                if row[at] == b' ' {
                    row[at] = b'z';
                }
            }
            String::from_utf8(row).unwrap_or_default()
        };
        self.print_row(f, width, "turn", &row)
    }

    /// Writes signs below their columns.
    fn row(&self, cells: &[u8], start: usize) -> String {
        let mut row = String::with_capacity(cells.len());
        for (at, &cell) in cells.iter().enumerate() {
            let column = start + at;
            let width = self.starts[column + 1] - self.starts[column];
            let is_after_space = self.headings.is_some() && at == 0;
            let width = width - usize::from(is_after_space);
            row.extend(std::iter::repeat_n(' ', width - 1));
            row.push(self.sign(cell));
        }
        row
    }

    fn sign(&self, cell: u8) -> char {
        if self.is_ascii {
            return char::from(cell);
        }
        match cell {
            b'#' => '█',
            b'-' => '─',
            b'.' => '┄',
            b'*' => '●',
            b'x' => '✕',
            b'@' => '↺',
            b'^' => '↑',
            other => char::from(other),
        }
    }

    fn print_row(
        &self,
        f: &mut fmt::Formatter<'_>,
        width: usize,
        label: &str,
        row: &str,
    ) -> fmt::Result {
        let gap = if self.headings.is_some() { "  " } else { " |" };
        writeln!(f, "{}", format!("{label:<width$}{gap}{row}").trim_end())
    }
}

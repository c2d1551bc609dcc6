//! A picture that is being drawn: where things are in it, and the bars of its rows.

use std::fmt::{Arguments, Write};

use crate::record::readers::escape::xml;
use crate::record::readers::rows::{Rows, numbered};
use crate::record::readers::svg_style::{LABELS, RULE};
use crate::record::readers::tracks::Tracks;
use crate::record::recording::Recording;
use crate::record::state::TaskPhase;

/// A picture that is being drawn.
pub(crate) struct Picture<'r> {
    pub(crate) recording: &'r Recording,
    pub(crate) tracks: &'r Tracks,
    pub(crate) rows: &'r Rows,
    /// So many pixels wide is an event.
    pub(crate) scale: f64,
    pub(crate) row_height: f64,
    /// Without the line below the rows.
    pub(crate) height: f64,
    pub(crate) svg: String,
}

impl Picture<'_> {
    pub(crate) fn add(&mut self, element: Arguments<'_>) {
        let _ = writeln!(self.svg, "{element}");
    }

    /// Returns where an event starts.
    #[expect(clippy::cast_precision_loss, reason = "a picture has less precision")]
    pub(crate) fn x(&self, event: usize) -> f64 {
        LABELS + event as f64 * self.scale
    }

    /// Returns the middle of a row.
    #[expect(clippy::cast_precision_loss, reason = "there are at most 40")]
    pub(crate) fn y(&self, row: usize) -> f64 {
        RULE + (row as f64 + 0.5) * self.row_height
    }

    pub(crate) fn label(&self, row: usize, most: usize) -> String {
        let task = self.tracks.all[self.rows.shown[row]].task;
        xml(numbered(self.recording, self.tracks, task, most))
    }

    /// Returns the class for the colour of a row.
    pub(crate) fn class(&self, row: usize) -> u64 {
        class(self.tracks.all[self.rows.shown[row]].task)
    }

    pub(crate) fn bar(&mut self, row: usize, phase: TaskPhase, from: f64, to: f64, title: &str) {
        let (y, class, x, width) = (self.y(row), self.class(row), px(from), px(to - from));
        let title = format!("<title>{title}</title>");
        match phase {
            TaskPhase::Spawned => {}
            TaskPhase::Running => self.add(format_args!(
                "<rect class=\"run t{class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"22\" rx=\"4\">{title}</rect>",
                px(y - 11.0),
            )),
            TaskPhase::Ready => self.add(format_args!(
                "<rect class=\"ready t{class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"7\">{title}</rect>",
                px(y - 3.5),
            )),
            TaskPhase::Waiting => {
                let (y, end) = (px(y), px(to));
                self.add(format_args!(
                    "<line class=\"wait t{class}\" x1=\"{x}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\">{title}</line>",
                ));
            }
        }
    }
}

pub(crate) fn class(task: u64) -> u64 {
    task.wrapping_sub(1) % 8 + 1
}

/// Returns about how wide a text is: fonts differ, so this is on the safe side.
#[expect(clippy::cast_precision_loss, reason = "a text is not as long")]
pub(crate) fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * 7.5
}

/// Writes a length, with a tenth of a pixel if it needs one.
pub(crate) fn px(length: f64) -> String {
    let text = format!("{length:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

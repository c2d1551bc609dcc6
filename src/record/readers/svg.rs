//! The timeline of a run as an SVG picture.

use crate::record::printable::span;
use crate::record::readers::escape::xml;
use crate::record::readers::picture::{Picture, px, width_of};
use crate::record::readers::rows::Rows;
use crate::record::readers::svg_style::{ALL_ROWS, EVENT, LABELS, MOST_WIDTH, ROWS, RULE, STYLE};
use crate::record::readers::tracks::{TrackSpan, Tracks};
use crate::record::recording::Recording;
use crate::record::state::TaskPhase;

impl Recording {
    /// Returns the timeline as an SVG picture, light or dark as the reader's system is.
    ///
    /// It has a row for each task, of more than 40 tasks for the 39 with the most turns, and each event is as wide as the
    /// others. A solid bar is a turn, a thin one is the ready queue, and a dashed line is a wait. An arrow is a wake, and
    /// a ring a task
    /// that wakes itself during its turn, as in a yield. A task ends with a dot, a cross if it was cancelled, or a triangle if it panicked. Where there is
    /// less than a pixel for each event, it shows where turns are.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Actor, Outcome, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// recorder.spawn(1, "<foo>", Actor::Outside);
    /// recorder.schedule(1);
    /// recorder.poll(1);
    /// recorder.returned(1, Outcome::Ready);
    /// recorder.done(1, Outcome::Ready);
    ///
    /// let picture = recorder.finish().to_svg();
    /// assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    /// assert!(picture.contains("1 &lt;foo&gt;"));
    /// ```
    pub fn to_svg(&self) -> String {
        let tracks = Tracks::read(self, |_, _| {});
        let rows = Rows::of(&tracks);
        #[expect(clippy::cast_precision_loss, reason = "a picture has less precision")]
        let (length, count) = (tracks.length as f64, rows.shown.len().max(1) as f64);
        let scale = (MOST_WIDTH - LABELS).min(EVENT * length) / length.max(1.0);
        let row_height = (ALL_ROWS / count).clamp(ROWS.0, ROWS.1);
        let mut picture = Picture {
            recording: self,
            tracks: &tracks,
            rows: &rows,
            scale,
            row_height,
            height: RULE + row_height * count,
            svg: String::new(),
        };
        picture.draw();
        picture.svg
    }
}

impl Picture<'_> {
    fn draw(&mut self) {
        let width = px(LABELS + self.x(self.tracks.length) - self.x(0));
        let rest = if self.rows.more > 0 { 22.0 } else { 6.0 };
        let height = px(self.height + rest);
        let title = self.recording.title().unwrap_or(self.recording.program());
        self.add(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" class=\"turnwise\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"panel\" width=\"{width}\" height=\"{height}\"/>",
            xml(title),
        ));
        self.sleeps();
        self.labels(&width);
        self.times();
        let is_fine = self.scale >= 1.0;
        for row in 0..self.rows.shown.len() {
            if is_fine { self.bars(row) } else { self.pixels(row) }
        }
        if is_fine {
            self.switches();
            self.wakes();
            self.reasons();
        }
        self.ends();
        self.add(format_args!("</svg>"));
    }

    // ----- around the bars -----

    fn sleeps(&mut self) {
        let mut last = f64::MIN;
        for &(from, to) in &self.tracks.sleeps {
            let (start, end) = (self.x(from).max(last), self.x(to).max(self.x(from) + 1.0));
            if end - start < 0.5 {
                continue;
            }
            last = end;
            let until = self.recording.entries().get(to);
            let until = until.map(|entry| format!(" until +{}", span(entry.time)));
            let (x, width, height) = (px(start), px(end - start), px(self.height));
            self.add(format_args!(
                "<rect class=\"asleep\" x=\"{x}\" width=\"{width}\" height=\"{height}\"><title>asleep{}</title></rect>",
                until.unwrap_or_default(),
            ));
        }
    }

    fn labels(&mut self, width: &str) {
        for row in 0..self.rows.shown.len() {
            let (y, class) = (self.y(row), self.class(row));
            let (full, short) = (self.label(row, 200), self.label(row, 13));
            let line = px(y - self.row_height / 2.0);
            self.add(format_args!(
                "<line class=\"line\" x2=\"{width}\" y1=\"{line}\" y2=\"{line}\"/>\n\
                 <circle class=\"run t{class}\" cx=\"10\" cy=\"{}\" r=\"4\"/>\n\
                 <text class=\"label\" x=\"20\" y=\"{}\">{short}<title>{full}</title></text>",
                px(y),
                px(y + 4.5),
            ));
        }
        if self.rows.more > 0 {
            let (y, more) = (px(self.height + 15.0), self.rows.more);
            self.add(format_args!("<text class=\"muted\" x=\"20\" y=\"{y}\">… {more} more</text>"));
        }
    }

    /// Writes the times where they change, as far as there is room.
    fn times(&mut self) {
        let (mut last, mut free) = (None, LABELS);
        for (at, entry) in self.recording.entries().iter().enumerate() {
            if last == Some(entry.time) {
                continue;
            }
            last = Some(entry.time);
            let (x, text) = (self.x(at), format!("+{}", span(entry.time)));
            let end = x + 8.0 + width_of(&text);
            if x < free || end > self.x(self.tracks.length).max(LABELS + 60.0) {
                continue;
            }
            free = end;
            self.add(format_args!("<text class=\"muted\" x=\"{}\" y=\"17\">{text}</text>", px(x)));
        }
    }

    // ----- bars -----

    fn bars(&mut self, row: usize) {
        let tracks = self.tracks;
        for span in &tracks.all[self.rows.shown[row]].spans {
            let (from, to) = (self.x(span.from), self.x(span.to));
            let title = self.title(row, span);
            self.bar(row, span.phase, from, to, &title);
            let number = span.turn.to_string();
            let text = match to - from {
                60.0.. if width_of(&number) < 22.0 => format!("turn {number}"),
                24.0.. if width_of(&number) + 6.0 < to - from => number,
                _ => continue,
            };
            if span.phase == TaskPhase::Running {
                let (x, y) = (px(f64::midpoint(from, to)), px(self.y(row) + 4.0));
                self.add(format_args!("<text class=\"on\" x=\"{x}\" y=\"{y}\">{text}</text>"));
            }
        }
    }

    fn title(&self, row: usize, span: &TrackSpan) -> String {
        let label = self.label(row, 200);
        let what = match span.phase {
            TaskPhase::Spawned => "spawned".into(),
            TaskPhase::Ready => "ready".into(),
            TaskPhase::Running => format!("turn {}", span.turn),
            TaskPhase::Waiting => format!("waits{}", xml(self.reason(span, " for "))),
        };
        match (span.from + 1, span.to) {
            (from, to) if from == to => format!("{label}: {what}, event {to}"),
            (from, to) => format!("{label}: {what}, events {from} to {to}"),
        }
    }

    fn reason(&self, span: &TrackSpan, before: &str) -> String {
        let Some(wait) = span.wait else { return String::new() };
        let on = self.tracks.names.awaited(&self.recording.tables, wait.on);
        match span.more_waits {
            0 => format!("{before}{on}"),
            more => format!("{before}{on} and {more} more"),
        }
    }

    /// Draws a row with less than a pixel for each event: in each pixel what is most important.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a picture is not wide"
    )]
    fn pixels(&mut self, row: usize) {
        let mut pixels = vec![TaskPhase::Spawned; (MOST_WIDTH - LABELS) as usize];
        let tracks = self.tracks;
        for span in &tracks.all[self.rows.shown[row]].spans {
            let start = ((self.x(span.from) - LABELS) as usize).min(pixels.len() - 1);
            let end = ((self.x(span.to) - LABELS).ceil() as usize).clamp(start + 1, pixels.len());
            for pixel in &mut pixels[start..end] {
                if rank(*pixel) < rank(span.phase) {
                    *pixel = span.phase;
                }
            }
        }
        let (label, mut start) = (self.label(row, 200), 0);
        for run in pixels.chunk_by(|one, other| one == other) {
            let what = match run[0] {
                TaskPhase::Spawned => "spawned",
                TaskPhase::Ready => "ready",
                TaskPhase::Running => "takes turns",
                TaskPhase::Waiting => "waits",
            };
            #[expect(clippy::cast_precision_loss, reason = "it is exact")]
            let (from, to) = (start as f64, (start + run.len()) as f64);
            let events = [from, to].map(|pixel| (pixel / self.scale) as usize);
            let title = format!("{label}: {what}, events {} to {}", events[0] + 1, events[1]);
            self.bar(row, run[0], LABELS + from, LABELS + to, &title);
            start += run.len();
        }
    }

    /// Writes what tasks wait for, where there is room, over the arrows.
    fn reasons(&mut self) {
        let tracks = self.tracks;
        for (row, &track) in self.rows.shown.iter().enumerate() {
            let spans = tracks.all[track].spans.iter();
            for span in spans.filter(|span| span.phase == TaskPhase::Waiting) {
                let (text, room) = (self.reason(span, ""), self.x(span.to) - self.x(span.from));
                let width = width_of(&text) + 8.0;
                if room <= 64.0 || width > room || text.is_empty() {
                    continue;
                }
                let text = xml(text);
                let middle = f64::midpoint(self.x(span.from), self.x(span.to));
                let (x, y, width) = (px(middle - width / 2.0), self.y(row), px(width));
                self.add(format_args!(
                    "<rect class=\"panel\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"16\"/>\n\
                     <text class=\"reason\" x=\"{}\" y=\"{}\">{text}</text>",
                    px(y - 8.0),
                    px(middle),
                    px(y + 4.0),
                ));
            }
        }
    }
}

fn rank(phase: TaskPhase) -> u8 {
    match phase {
        TaskPhase::Spawned => 0,
        TaskPhase::Waiting => 1,
        TaskPhase::Ready => 2,
        TaskPhase::Running => 3,
    }
}

//! The signs of an SVG timeline: wakes, also of a task by itself, the switches between tasks, and how tasks end.

use crate::record::readers::picture::{Picture, px};
use crate::record::readers::svg_style::{EVENT, RULE};
use crate::record::readers::tracks::{TaskEnd, Woken};
use crate::record::state::TaskPhase;
use crate::record::values::Outcome;

/// Wakes are drawn if there are at most this many: more of them would hide the rest.
const MOST_WAKES: usize = 160;

impl Picture<'_> {
    /// Joins each turn with the next one.
    pub(crate) fn switches(&mut self) {
        let mut runs = Vec::new();
        for (row, &track) in self.rows.shown.iter().enumerate() {
            let spans = self.tracks.all[track].spans.iter();
            let spans = spans.filter(|span| span.phase == TaskPhase::Running);
            runs.extend(spans.map(|span| (span.from, span.to, row)));
        }
        runs.sort_unstable();
        for pair in runs.windows(2) {
            let ((_, end, row), (start, _, next)) = (pair[0], pair[1]);
            if row != next && end <= start {
                let [x1, x2] = [end, start].map(|at| px(self.x(at)));
                let [y1, y2] = [row, next].map(|row| px(self.y(row)));
                self.add(format_args!(
                    "<line class=\"switch\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
                ));
            }
        }
    }

    fn row_of(&self, task: u64) -> Option<usize> {
        self.rows.of_tracks[*self.tracks.of_tasks.get(&task)?]
    }

    pub(crate) fn wakes(&mut self) {
        let tracks = self.tracks;
        let wakes: Vec<&Woken> = tracks.wakes.iter().filter(|wake| wake.has_effect).collect();
        if wakes.len() > MOST_WAKES {
            return;
        }
        for wake in wakes {
            let Some(row) = self.row_of(wake.task) else { continue };
            let (x, y) = (self.x(wake.at) + self.scale / 2.0, self.y(row));
            if wake.is_own {
                let (class, x, y) = (self.class(row), px(x), px(y - 11.0));
                self.add(format_args!(
                    "<circle class=\"ring t{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5.5\"><title>wakes itself</title></circle>"
                ));
                continue;
            }
            let from = wake.by.task().and_then(|task| self.row_of(task));
            self.arrow(x, from.filter(|&from| from != row), row);
        }
    }

    fn arrow(&mut self, x: f64, waker: Option<usize>, row: usize) {
        let (from, class) = match waker {
            Some(waker) if waker < row => (self.y(waker) + 11.0, self.class(waker)),
            Some(waker) => (self.y(waker) - 11.0, self.class(waker)),
            None => (RULE - 4.0, 0),
        };
        let y = self.y(row);
        let (edge, back) = if from < y { (y - 11.0, -10.0) } else { (y + 11.0, 10.0) };
        let [left, right, x] = [x - 3.5, x + 3.5, x].map(px);
        let [from, edge, back] = [from, edge, edge + back].map(px);
        if waker.is_none() {
            self.add(format_args!("<circle class=\"head t0\" cx=\"{x}\" cy=\"{from}\" r=\"4\"/>"));
        }
        self.add(format_args!(
            "<path class=\"wake t{class}\" d=\"M{x} {from}V{back}\"/>\n\
             <path class=\"head t{class}\" d=\"M{left} {back}H{right}L{x} {edge}Z\"/>"
        ));
    }

    pub(crate) fn ends(&mut self) {
        let (tracks, mut last) = (self.tracks, vec![f64::MIN; self.rows.shown.len()]);
        for &TaskEnd { at, track, outcome } in &tracks.ends {
            let Some(row) = self.rows.of_tracks[track] else { continue };
            let (x, y) = (self.x(at) + self.scale.min(EVENT) / 2.0, self.y(row));
            if x - last[row] < 1.0 {
                continue;
            }
            last[row] = x;
            let class = self.class(row);
            let [left, right, top, bottom] = [x - 4.0, x + 4.0, y - 4.0, y + 4.0].map(px);
            let [x, y] = [x, y].map(px);
            match outcome {
                Outcome::Pending | Outcome::Ready => self.add(format_args!(
                    "<circle class=\"head t{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"><title>finished</title></circle>"
                )),
                Outcome::Cancelled => self.add(format_args!(
                    "<path class=\"cross t{class}\" d=\"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}\">\
                     <title>cancelled</title></path>"
                )),
                Outcome::Panic => self.add(format_args!(
                    "<path class=\"head t{class}\" d=\"M{x} {top}l9 16h-18z\"><title>panicked</title></path>\n\
                     <text class=\"on\" x=\"{x}\" y=\"{}\">!</text>",
                    px(self.y(row) + 9.0),
                )),
            }
        }
    }
}

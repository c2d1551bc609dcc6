//! The arrows of a Chrome trace: from a wake to the poll that it leads to, and from a `send` to its `recv`.

use std::collections::{HashMap, VecDeque};

use crate::record::readers::trace_line::{Traced, What};
use crate::record::readers::tracks::Tracks;
use crate::record::state::TaskPhase;

/// A point of a trace that an arrow can start at: a time and a thread.
pub(crate) type FlowOrigin = (u64, u64);

/// The arrows of a trace, and where they may start. All of them have both ends, each within a slice.
pub(crate) struct Flows<'r> {
    tracks: &'r Tracks,
    /// By track: the span that is, or was last, current.
    spans: Vec<usize>,
    /// By task: the last wake that had an effect.
    wakes: HashMap<u64, FlowOrigin>,
    /// By channel: where each of its values was sent; `None` if that was outside of a poll.
    values: HashMap<u64, VecDeque<Option<FlowOrigin>>>,
    count: u64,
}

impl<'r> Flows<'r> {
    pub(crate) fn new(tracks: &'r Tracks) -> Self {
        let spans = vec![0; tracks.all.len()];
        Flows { tracks, spans, wakes: HashMap::new(), values: HashMap::new(), count: 0 }
    }

    /// Returns whether a task is in a poll that has started before an event and ends after it. Must be called in the
    /// order of events.
    pub(crate) fn is_polled(&mut self, task: u64, at: usize) -> bool {
        let Some(&track) = self.tracks.of_tasks.get(&task) else { return false };
        let (spans, current) = (&self.tracks.all[track].spans, &mut self.spans[track]);
        while spans.get(*current).is_some_and(|span| span.to <= at) {
            *current += 1;
        }
        spans.get(*current).is_some_and(|span| {
            span.phase == TaskPhase::Running && span.from < at && at < span.returned
        })
    }

    pub(crate) fn wake(&mut self, task: u64, origin: FlowOrigin) {
        self.wakes.insert(task, origin);
    }

    pub(crate) fn poll(&mut self, task: u64, end: FlowOrigin, to: &mut Vec<Traced<'r>>) {
        if let Some(origin) = self.wakes.remove(&task) {
            self.arrow("wake", origin, end, to);
        }
    }

    pub(crate) fn send(&mut self, channel: u64, origin: Option<FlowOrigin>) {
        self.values.entry(channel).or_default().push_back(origin);
    }

    pub(crate) fn receive(
        &mut self,
        channel: u64,
        end: Option<FlowOrigin>,
        to: &mut Vec<Traced<'r>>,
    ) {
        let origin = self.values.get_mut(&channel).and_then(VecDeque::pop_front).flatten();
        if let (Some(origin), Some(end)) = (origin, end) {
            self.arrow("value", origin, end, to);
        }
    }

    pub(crate) fn forget(&mut self, channel: u64) {
        self.values.remove(&channel);
    }

    fn arrow(
        &mut self,
        kind: &'static str,
        origin: FlowOrigin,
        end: FlowOrigin,
        to: &mut Vec<Traced<'r>>,
    ) {
        self.count += 1;
        let point = |(start, thread), what| Traced { start, duration: 0, thread, what };
        to.push(point(origin, What::FlowStart(kind, self.count)));
        to.push(point(end, What::FlowEnd(kind, self.count)));
    }
}

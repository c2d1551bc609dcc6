//! A run as a trace in Chrome's format, which Perfetto opens.
//!
//! The rules come from Perfetto's importer: slices of a track nest, so each task has a track with one slice after the
//! other; threads are known by their numbers alone; an arrow has both ends within slices, and is known by its category,
//! name and number.

use std::collections::HashMap;
use std::fmt::Write;

use crate::record::event::Event;
use crate::record::header::ClockKind;
use crate::record::readers::escape::push_json;
use crate::record::readers::flows::Flows;
use crate::record::readers::trace_line::{TraceTexts, Traced, What};
use crate::record::readers::tracks::Tracks;
use crate::record::recording::Recording;
use crate::record::state::TaskPhase;
use crate::record::values::Outcome;

impl Recording {
    /// Returns the run as a trace in Chrome's JSON format, for <https://ui.perfetto.dev> and `chrome://tracing`.
    ///
    /// It has a track for each task, with its polls, waits and times in the ready queue, and one for the scheduler, with
    /// all turns and sleeps. Arrows lead from a wake to the poll that it causes, and from a `send` to its `recv`.
    ///
    /// Under a virtual clock, each event takes a microsecond in addition, so that turns can be seen and are in order.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Actor, Outcome, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// recorder.at(std::time::Duration::ZERO); // a virtual clock
    /// recorder.spawn(1, "foo", Actor::Outside);
    /// recorder.schedule(1);
    /// recorder.poll(1);
    /// recorder.returned(1, Outcome::Ready);
    ///
    /// let trace = recorder.finish().to_chrome_trace();
    /// let poll = r#"{"ph":"X","pid":1,"tid":101,"name":"poll foo","cat":"run","ts":2,"dur":1,"args":{"turn":1,"event":3}}"#;
    /// assert!(trace.contains(poll));
    /// ```
    pub fn to_chrome_trace(&self) -> String {
        let (mut counts, mut last) = (Vec::new(), [0; 3]);
        let tracks = Tracks::read(self, |at, state| {
            let now = [state.ready.len(), state.tasks.len(), state.timers.len()];
            if now != last {
                last = now;
                counts.push((at, now));
            }
        });
        let trace = Trace {
            recording: self,
            tracks: &tracks,
            times: times(self),
            threads: threads(&tracks),
        };
        let mut events = Vec::new();
        trace.tasks(&mut events);
        trace.scheduler(&mut events);
        trace.points(&mut events);
        events.extend(
            counts
                .into_iter()
                .map(|(at, counts)| trace.point(at, 0, SCHEDULER, What::Counts(counts))),
        );
        events.sort_by_key(|event| (event.start, std::cmp::Reverse(event.duration)));
        trace.print(&events)
    }
}

/// The number of the scheduler's track.
const SCHEDULER: u64 = 1;
/// A task's track has its number, and this.
const TASKS: u64 = 100;
/// Tasks with ids from here have tracks with numbers in a row, as those of threads are small.
const LARGE: u64 = 1 << 30;
/// The last time in a trace; those after it would leave no room in a signed number of 64 bits.
const LAST: u64 = 1 << 62;

struct Trace<'r> {
    recording: &'r Recording,
    tracks: &'r Tracks,
    times: Times,
    /// By track.
    threads: Vec<u64>,
}

/// When the events are in a trace, in nanoseconds.
struct Times {
    /// One more is the end.
    starts: Vec<u64>,
    /// There is at least this much between two events.
    gap: u64,
}

fn times(recording: &Recording) -> Times {
    let is_virtual = recording.clock() == ClockKind::Virtual;
    let gap = if is_virtual { 1000 } else { 8 };
    let (mut starts, mut next) = (Vec::with_capacity(recording.entries().len() + 1), 0);
    for (at, entry) in (0..).zip(recording.entries()) {
        let time = entry.time.min(LAST);
        // By the real clock, events of one moment are put a little apart.
        let start = if is_virtual { time + gap * at } else { next.max(time) };
        next = start + gap;
        starts.push(start);
    }
    starts.push(next);
    Times { starts, gap }
}

fn threads(tracks: &Tracks) -> Vec<u64> {
    let mut large = LARGE;
    let number = |task: u64| {
        if task < LARGE - TASKS {
            return TASKS + task;
        }
        large += 1;
        large - 1
    };
    tracks.all.iter().map(|track| track.task).map(number).collect()
}

impl<'r> Trace<'r> {
    fn slice(&self, from: usize, to: usize, thread: u64, what: What<'r>) -> Traced<'r> {
        let (start, end) = (self.times.starts[from], self.times.starts[to]);
        Traced { start, duration: end - start, thread, what }
    }

    /// A point in time, so many quarters of the least gap after an event.
    fn point(&self, at: usize, quarters: u64, thread: u64, what: What<'r>) -> Traced<'r> {
        let start = self.times.starts[at] + self.times.gap / 4 * quarters;
        Traced { start, duration: 0, thread, what }
    }

    /// Returns the track of a task; the scheduler's for code outside of all tasks.
    fn thread(&self, task: u64) -> u64 {
        self.tracks.of_tasks.get(&task).map_or(SCHEDULER, |&track| self.threads[track])
    }

    fn tasks(&self, to: &mut Vec<Traced<'r>>) {
        for (track, &thread) in self.tracks.all.iter().zip(&self.threads) {
            for span in &track.spans {
                let (end, what) = match span.phase {
                    TaskPhase::Spawned => continue,
                    TaskPhase::Ready => (span.to, What::Ready(span)),
                    TaskPhase::Running => (span.returned, What::Run(span, track.task)),
                    TaskPhase::Waiting => (span.to, What::Wait(span)),
                };
                to.push(self.slice(span.from, end, thread, what));
            }
        }
    }

    /// The turns and sleeps, on the track of the scheduler, where they nest: when one ends, so do those within it.
    fn scheduler(&self, to: &mut Vec<Traced<'r>>) {
        let mut open = OpenTurns::default();
        let mut turns = self.tracks.turns.iter().peekable();
        for (at, entry) in self.recording.entries().iter().enumerate() {
            let turn = turns.next_if(|turn| turn.at == at);
            match entry.event {
                Event::Poll { task, turn: number } if turn.is_some() => {
                    open.start(Some(task), at, What::Turn(number, task, None));
                }
                Event::Park { until } => open.start(None, at, What::Asleep(until)),
                Event::Return { task, outcome } => {
                    let ended = open.end(Some(task), Some(outcome));
                    to.extend(ended.map(|(from, what)| self.slice(from, at, SCHEDULER, what)));
                }
                Event::Done { task, .. } => {
                    let ended = open.end(Some(task), None);
                    to.extend(ended.map(|(from, what)| self.slice(from, at, SCHEDULER, what)));
                }
                Event::Unpark { .. } => {
                    let ended = open.end(None, None);
                    to.extend(ended.map(|(from, what)| self.slice(from, at, SCHEDULER, what)));
                }
                _ => {}
            }
        }
        let rest = open.stack.into_iter().map(|(_, from, what)| (from, what));
        let end = self.tracks.length;
        to.extend(rest.map(|(from, what)| self.slice(from, end, SCHEDULER, what)));
    }

    /// What has no length: arrows, wakes and texts.
    fn points(&self, to: &mut Vec<Traced<'r>>) {
        let mut flows = Flows::new(self.tracks);
        let mut wakes = self.tracks.wakes.iter().peekable();
        let mut turns = self.tracks.turns.iter().peekable();
        for (at, entry) in self.recording.entries().iter().enumerate() {
            let within = |task| (self.times.starts[at] + self.times.gap / 4, self.thread(task));
            let turn = turns.next_if(|turn| turn.at == at);
            match entry.event {
                Event::Poll { task, .. } if turn.is_some() => flows.poll(task, within(task), to),
                Event::Wake { task, by } => {
                    match (wakes.next_if(|wake| wake.at == at), by.task()) {
                        (Some(wake), by_task) if wake.has_effect => {
                            let by_task = by_task.filter(|&by| flows.is_polled(by, at));
                            if by_task.is_none() {
                                let wake = self.point(at, 0, SCHEDULER, What::WakeBy(by));
                                to.push(Traced { duration: self.times.gap / 2, ..wake });
                            }
                            flows.wake(task, within(by_task.unwrap_or(0)));
                        }
                        _ => to.push(self.point(at, 1, self.thread(task), What::NoEffect)),
                    }
                }
                Event::Send { task, resource, .. } => {
                    let origin = flows.is_polled(task, at).then(|| within(task));
                    flows.send(resource, origin);
                }
                Event::Receive { task, resource, .. } => {
                    let end = flows.is_polled(task, at).then(|| within(task));
                    flows.receive(resource, end, to);
                }
                Event::Close { resource, is_gone: true } => flows.forget(resource),
                Event::Out { .. } | Event::Note { .. } | Event::Ask(_) | Event::Done { .. } => {
                    let thread = self.thread(entry.event.task().unwrap_or(0));
                    to.push(self.point(at, 1, thread, What::Instant(at)));
                }
                _ => {}
            }
        }
    }

    fn print(&self, events: &[Traced<'r>]) -> String {
        let mut text = "{\"otherData\":{\"turnwise\":1,\"program\":".to_owned();
        push_json(&mut text, self.recording.program());
        text.push_str("},\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":");
        push_json(&mut text, format_args!("turnwise {}", self.recording.program()));
        text.push_str("}}");
        push_thread(&mut text, SCHEDULER, 0, "scheduler");
        for (order, (track, &thread)) in (1..).zip(self.tracks.all.iter().zip(&self.threads)) {
            let name =
                self.tracks.names.name(track.task).map_or("", |name| self.recording.text(name));
            let name = format!("#{} {name}", track.task);
            push_thread(&mut text, thread, order, name.trim_end());
        }
        let texts = TraceTexts { recording: self.recording, tracks: self.tracks };
        for event in events {
            text.push_str(",\n");
            texts.push(&mut text, event);
        }
        text.push_str("\n]}\n");
        text
    }
}

fn push_thread(to: &mut String, thread: u64, order: u64, name: &str) {
    let start = format!(",\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{thread},\"name\":");
    let _ = write!(to, "{start}\"thread_name\",\"args\":{{\"name\":");
    push_json(to, name);
    let _ = write!(to, "}}}}{start}\"thread_sort_index\",\"args\":{{\"sort_index\":{order}}}}}");
}

/// The turns and sleeps that have not ended, the outermost first: each with its task (none for a sleep) and start.
#[derive(Default)]
struct OpenTurns<'r> {
    stack: Vec<(Option<u64>, usize, What<'r>)>,
    /// How many of the stack each task has.
    counts: HashMap<Option<u64>, usize>,
}

impl<'r> OpenTurns<'r> {
    fn start(&mut self, task: Option<u64>, at: usize, what: What<'r>) {
        self.stack.push((task, at, what));
        *self.counts.entry(task).or_default() += 1;
    }

    /// Returns what ends with the innermost turn of a task: the turn, and those within it.
    fn end(
        &mut self,
        task: Option<u64>,
        outcome: Option<Outcome>,
    ) -> impl Iterator<Item = (usize, What<'r>)> {
        let is_open = self.counts.get(&task).is_some_and(|&count| count > 0);
        let is_it = |(of, _, _): &(Option<u64>, usize, What<'r>)| *of == task;
        let at = if is_open { self.stack.iter().rposition(is_it) } else { None };
        let ended = self.stack.split_off(at.unwrap_or(self.stack.len()));
        for (of, _, _) in &ended {
            self.counts.entry(*of).and_modify(|count| *count -= 1);
        }
        ended.into_iter().enumerate().map(move |(number, (_, from, what))| match what {
            What::Turn(turn, task, _) if number == 0 => (from, What::Turn(turn, task, outcome)),
            what => (from, what),
        })
    }
}

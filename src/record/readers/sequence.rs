//! The polls and wakes of a run as a sequence diagram, in Mermaid.

use std::collections::HashMap;
use std::fmt::Write;

use crate::record::event::Event;
use crate::record::printable::span;
use crate::record::readers::escape::mermaid;
use crate::record::readers::rows::numbered;
use crate::record::readers::tracks::{Tracks, Woken};
use crate::record::recording::Recording;
use crate::record::values::{Actor, Outcome};

/// A diagram has at most this many messages: a longer one is not drawn well.
const MOST_MESSAGES: usize = 60;

impl Recording {
    /// Returns a sequence diagram in Mermaid: the polls of the tasks, how they return, the wakes that have an effect, and
    /// the sleeps of the scheduler. It has the first 60 of them, and a note with the number of the others.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Actor, Outcome, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// recorder.spawn(1, "foo", Actor::Outside);
    /// recorder.schedule(1);
    /// recorder.poll(1);
    /// recorder.returned(1, Outcome::Ready);
    /// recorder.done(1, Outcome::Ready);
    ///
    /// let diagram = "\
    /// sequenceDiagram
    ///     participant S as scheduler
    ///     participant T1 as 1 foo
    ///     S->>+T1: poll (turn 1)
    ///     T1-->>-S: Ready
    /// ";
    /// assert_eq!(recorder.finish().to_mermaid(), diagram);
    /// ```
    pub fn to_mermaid(&self) -> String {
        let tracks = Tracks::read(self, |_, _| {});
        let mut diagram = Diagram::default();
        let mut wakes = tracks.wakes.iter().peekable();
        for (at, entry) in self.entries().iter().enumerate() {
            let wake = wakes.next_if(|wake| wake.at == at);
            match entry.event {
                Event::Poll { task, turn } if tracks.of_tasks.contains_key(&task) => {
                    diagram.poll(task, turn);
                }
                Event::Return { task, outcome } if tracks.of_tasks.contains_key(&task) => {
                    diagram.returned(task, outcome);
                }
                Event::Wake { .. } => diagram.wake(wake.filter(|wake| wake.has_effect)),
                Event::Park { until: u64::MAX } => {
                    diagram.note("asleep until something wakes a task");
                }
                Event::Park { until } => diagram.note(&format!("asleep until +{}", span(until))),
                _ => {}
            }
        }
        let mut text = "sequenceDiagram\n    participant S as scheduler\n".to_owned();
        for task in diagram.participants {
            let name = mermaid(numbered(self, &tracks, task, 30));
            let _ = writeln!(text, "    participant T{task} as {name}");
        }
        text.push_str(&diagram.messages);
        if diagram.count > MOST_MESSAGES {
            let more = diagram.count - MOST_MESSAGES;
            let _ = writeln!(text, "    Note over S: and {more} more messages");
        }
        text
    }
}

#[derive(Default)]
struct Diagram {
    /// The tasks that have messages.
    participants: Vec<u64>,
    messages: String,
    /// The number of messages, also of those that are not written.
    count: usize,
    /// Of each participant: how many of its polls have not returned.
    active: HashMap<u64, u32>,
}

impl Diagram {
    fn poll(&mut self, task: u64, turn: u64) {
        if self.has_room() {
            self.participant(task);
            *self.active.entry(task).or_default() += 1;
            let _ = writeln!(self.messages, "    S->>+T{task}: poll (turn {turn})");
        }
    }

    fn returned(&mut self, task: u64, outcome: Outcome) {
        if !self.has_room() {
            return;
        }
        self.participant(task);
        let active = self.active.entry(task).or_default();
        // Mermaid refuses to end what is not active.
        let end = if *active > 0 { "-" } else { "" };
        *active = active.saturating_sub(1);
        let outcome = match outcome {
            Outcome::Pending => "Pending",
            Outcome::Ready => "Ready",
            Outcome::Panic => "panic",
            Outcome::Cancelled => "cancelled",
        };
        let _ = writeln!(self.messages, "    T{task}-->>{end}S: {outcome}");
    }

    fn wake(&mut self, wake: Option<&Woken>) {
        let Some(&Woken { task, by, .. }) = wake else { return };
        if !self.has_room() {
            return;
        }
        self.participant(task);
        let (from, how) = match by {
            Actor::Task(by) if by != 0 => {
                self.participant(by);
                (format!("T{by}"), if by == task { "wakes itself" } else { "wake" })
            }
            Actor::Timer(_) => ("S".into(), "wake by a timer"),
            Actor::Remote => ("S".into(), "wake from another thread"),
            Actor::Io(_) => ("S".into(), "wake by I/O"),
            Actor::Request => ("S".into(), "wake by a cancel request"),
            Actor::Task(_) | Actor::Outside => ("S".into(), "wake from outside"),
        };
        let _ = writeln!(self.messages, "    {from}-)T{task}: {how}");
    }

    fn note(&mut self, text: &str) {
        if self.has_room() {
            let _ = writeln!(self.messages, "    Note over S: {text}");
        }
    }

    fn has_room(&mut self) -> bool {
        self.count += 1;
        self.count <= MOST_MESSAGES
    }

    fn participant(&mut self, task: u64) {
        if !self.participants.contains(&task) {
            self.participants.push(task);
        }
    }
}

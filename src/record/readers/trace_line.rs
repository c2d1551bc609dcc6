//! The lines of a Chrome trace: one event each.

use std::fmt::Write;

use crate::record::event::Event;
use crate::record::readers::escape::push_json;
use crate::record::readers::tracks::{TrackSpan, Tracks};
use crate::record::recording::Recording;
use crate::record::values::{Actor, Outcome, PlaceId};
use crate::record::words::{actor_text, awaited_text, outcome_word};

/// An event of a trace. Times are in nanoseconds.
pub(crate) struct Traced<'r> {
    pub(crate) start: u64,
    /// Of a slice; 0 for the other kinds.
    pub(crate) duration: u64,
    pub(crate) thread: u64,
    pub(crate) what: What<'r>,
}

/// What an event of a trace shows.
#[derive(Clone, Copy)]
pub(crate) enum What<'r> {
    Ready(&'r TrackSpan),
    Run(&'r TrackSpan, u64),
    Wait(&'r TrackSpan),
    /// On the track of the scheduler: a turn of a task, and how it returned.
    Turn(u64, u64, Option<Outcome>),
    Asleep(u64),
    /// On the track of the scheduler: a wake that no running task makes.
    WakeBy(Actor),
    /// An arrow starts: of this kind and number.
    FlowStart(&'static str, u64),
    FlowEnd(&'static str, u64),
    NoEffect,
    /// The event with this index, of those that have no length.
    Instant(usize),
    /// How many tasks are ready and live, and how many timers there are.
    Counts([usize; 3]),
}

/// What the texts of a trace are read from.
pub(crate) struct TraceTexts<'r> {
    pub(crate) recording: &'r Recording,
    pub(crate) tracks: &'r Tracks,
}

impl TraceTexts<'_> {
    /// Appends the line of an event.
    pub(crate) fn push(&self, to: &mut String, traced: &Traced<'_>) {
        let (phase, name, category) = self.heading(traced.what);
        let _ = write!(to, "{{\"ph\":\"{phase}\",\"pid\":1");
        if phase != 'C' {
            let _ = write!(to, ",\"tid\":{}", traced.thread);
        }
        to.push_str(",\"name\":");
        push_json(to, name);
        if phase != 'C' {
            let _ = write!(to, ",\"cat\":\"{category}\"");
        }
        match traced.what {
            What::FlowStart(_, id) => {
                let _ = write!(to, ",\"id\":{id}");
            }
            What::FlowEnd(_, id) => {
                let _ = write!(to, ",\"id\":{id},\"bp\":\"e\"");
            }
            What::NoEffect | What::Instant(_) => to.push_str(",\"s\":\"t\""),
            _ => {}
        }
        to.push_str(",\"ts\":");
        push_micros(to, traced.start);
        if phase == 'X' {
            to.push_str(",\"dur\":");
            push_micros(to, traced.duration);
        }
        self.push_args(to, traced.what);
        to.push('}');
    }

    /// Returns the kind, the name and the category of an event.
    fn heading(&self, what: What<'_>) -> (char, String, &'static str) {
        let task = |task| self.tracks.names.task(&self.recording.tables, task);
        match what {
            What::Ready(_) => ('X', "ready".into(), "ready"),
            What::Run(_, of) => ('X', format!("poll {}", task(of)), "run"),
            What::Wait(span) => ('X', self.wait(span), "wait"),
            What::Turn(turn, of, _) => ('X', format!("turn {turn}: {}", task(of)), "turn"),
            What::Asleep(_) => ('X', "asleep".into(), "park"),
            What::WakeBy(by) => ('X', format!("wake by {}", actor_text(by, None)), "wake"),
            What::FlowStart(kind, _) => ('s', kind.into(), kind),
            What::FlowEnd(kind, _) => ('f', kind.into(), kind),
            What::NoEffect => ('i', "wake (no effect)".into(), "wake"),
            What::Instant(at) => {
                let (name, category) = self.instant(at);
                ('i', name, category)
            }
            What::Counts(_) => ('C', "scheduler".into(), ""),
        }
    }

    fn wait(&self, span: &TrackSpan) -> String {
        let Some(wait) = span.wait else { return "wait".into() };
        let on = self.tracks.names.awaited(&self.recording.tables, wait.on);
        match span.more_waits {
            0 => format!("wait {on}"),
            more => format!("wait {on} and {more} more"),
        }
    }

    fn instant(&self, at: usize) -> (String, &'static str) {
        let text = |text| self.recording.text(text).to_owned();
        match &self.recording.entries()[at].event {
            Event::Out { text: line, .. } => (text(*line), "out"),
            Event::Note { text: remark, .. } => (text(*remark), "note"),
            Event::Ask(ask) => (format!("asked to end: {}", text(ask.why)), "cancel"),
            Event::Done { outcome, message, .. } => {
                let how = match outcome {
                    Outcome::Pending | Outcome::Ready => "finished",
                    Outcome::Panic => "panicked",
                    Outcome::Cancelled => "cancelled",
                };
                let message = message.map(|message| format!(": {}", text(message)));
                (format!("{how}{}", message.unwrap_or_default()), "done")
            }
            _ => (String::new(), "event"),
        }
    }

    fn push_args(&self, to: &mut String, what: What<'_>) {
        let _ = match what {
            What::Ready(span) => write!(to, ",\"args\":{{\"event\":{}}}", span.from + 1),
            What::Run(span, _) => {
                let (turn, event) = (span.turn, span.from + 1);
                write!(to, ",\"args\":{{\"turn\":{turn},\"event\":{event}}}")
            }
            What::Wait(span) => {
                let _ = write!(to, ",\"args\":{{\"event\":{}", span.from + 1);
                if let Some(wait) = span.wait {
                    let _ = write!(to, ",\"on\":\"{}\"", awaited_text(wait.on));
                    self.push_place(to, wait.place);
                }
                to.write_char('}')
            }
            What::Turn(_, _, outcome) => match outcome {
                Some(outcome) => {
                    write!(to, ",\"args\":{{\"returned\":\"{}\"}}", outcome_word(outcome))
                }
                None => Ok(()),
            },
            What::Asleep(until) if until < u64::MAX => {
                write!(to, ",\"args\":{{\"until_ns\":{until}}}")
            }
            What::Instant(at) => {
                let _ = write!(to, ",\"args\":{{\"event\":{}", at + 1);
                self.push_place(to, self.recording.entries()[at].place);
                to.write_char('}')
            }
            What::Counts([ready, live, timers]) => {
                write!(to, ",\"args\":{{\"ready\":{ready},\"live\":{live},\"timers\":{timers}}}")
            }
            What::Asleep(_)
            | What::WakeBy(_)
            | What::FlowStart(..)
            | What::FlowEnd(..)
            | What::NoEffect => Ok(()),
        };
    }

    fn push_place(&self, to: &mut String, place: Option<PlaceId>) {
        if let Some(place) = place.and_then(|place| self.recording.place(place)) {
            to.push_str(",\"loc\":");
            push_json(to, place);
        }
    }
}

/// Appends nanoseconds as microseconds.
fn push_micros(to: &mut String, nanoseconds: u64) {
    let _ = write!(to, "{}", nanoseconds / 1000);
    let rest = nanoseconds % 1000;
    let _ = match rest {
        0 => Ok(()),
        rest if rest % 100 == 0 => write!(to, ".{}", rest / 100),
        rest if rest % 10 == 0 => write!(to, ".{:02}", rest / 10),
        rest => write!(to, ".{rest:03}"),
    };
}

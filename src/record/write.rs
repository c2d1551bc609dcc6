//! Writing an event as a line of the file.

use std::borrow::Cow;

use crate::record::event::{Entry, Event};
use crate::record::id::Id;
use crate::record::line::{Line, kind_of};
use crate::record::snapshot::StateLine;
use crate::record::tables::Tables;
use crate::record::values::TextId;
use crate::record::words::{
    actor_text, awaited_text, ending_word, outcome_word, reason_word, resource_text, spot_text,
};

/// Appends an event as a line. `before` is the time of the event before it.
pub(crate) fn write_line(
    to: &mut Vec<u8>,
    tables: &Tables,
    entry: &Entry,
    before: u64,
) -> serde_json::Result<()> {
    if let Event::Unknown { line, .. } = entry.event {
        to.extend_from_slice(tables.get_text(line).as_bytes());
        to.push(b'\n');
        return Ok(());
    }
    let mut line = Line { t: (entry.time != before).then_some(Id(entry.time)), ..Line::default() };
    line.loc = entry.place.and_then(|place| spot_text(tables, place)).map(Cow::Owned);
    line.fill(tables, &entry.event);
    serde_json::to_writer(&mut *to, &line)?;
    to.push(b'\n');
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the fields are options")]
fn id(id: u64) -> Option<Id> {
    Some(Id(id))
}

/// Leaves out a task that is none.
fn some_task(task: u64) -> Option<Id> {
    (task != 0).then_some(Id(task))
}

#[expect(clippy::unnecessary_wraps, reason = "the fields are options")]
fn word(word: &'static str) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(word))
}

impl<'l> Line<'l> {
    fn fill(&mut self, tables: &'l Tables, event: &Event) {
        let text = |text: TextId| Some(Cow::Borrowed(tables.get_text(text)));
        self.e = Cow::Borrowed(kind_of(event).unwrap_or("unknown"));
        match *event {
            Event::Spawn { task, name, by } => {
                (self.task, self.name) = (id(task), name.and_then(text));
                self.by = Some(actor_text(by, None));
            }
            Event::Schedule { task, at } => {
                (self.task, self.at) = (id(task), at.map(|at| Id(at.into())));
            }
            Event::Poll { task, turn } => (self.task, self.turn) = (id(task), id(turn)),
            Event::Return { task, outcome } => {
                (self.task, self.r) = (id(task), word(outcome_word(outcome)));
            }
            Event::Wake { task, by } | Event::Abort { task, by } => {
                (self.task, self.by) = (id(task), Some(actor_text(by, Some(task))));
            }
            Event::Wait { task, on } | Event::Unwait { task, on } => {
                (self.task, self.on) = (id(task), Some(Cow::Owned(awaited_text(on))));
            }
            Event::Done { task, outcome, message } => {
                (self.task, self.how) = (id(task), word(ending_word(outcome)));
                self.msg = message.and_then(text);
            }
            Event::Drop { task } | Event::Cleaned { task } => self.task = id(task),
            Event::Catch { task, why } | Event::Resume { task, why } => {
                (self.task, self.why) = (id(task), text(why));
            }
            Event::Ask(ref ask) | Event::Answer(ref ask) => {
                (self.task, self.why) = (id(ask.task), text(ask.why));
                let is_ask = matches!(event, Event::Ask(_));
                self.by = is_ask.then(|| actor_text(ask.by, Some(ask.task)));
                self.part = ask.part.and_then(|part| spot_text(tables, part)).map(Cow::Owned);
            }
            Event::Shutdown { has_begun } => {
                self.r = word(if has_begun { "begin" } else { "end" });
            }
            Event::Mask { task, on } => {
                (self.task, self.r) = (id(task), word(if on { "on" } else { "off" }));
            }
            Event::Scope { scope, task, is_open } => {
                (self.scope, self.task) = (id(scope), id(task));
                self.r = word(if is_open { "open" } else { "end" });
            }
            Event::Child { scope, task } => (self.scope, self.task) = (id(scope), id(task)),
            Event::TimerSet { timer, task, at } => {
                (self.timer, self.task) = (id(timer), some_task(task));
                self.at = (at != u64::MAX).then_some(Id(at));
            }
            Event::TimerFire { timer } | Event::TimerCancel { timer } => self.timer = id(timer),
            Event::Park { until } => self.until = (until != u64::MAX).then_some(Id(until)),
            Event::Unpark { by } => self.by = Some(actor_text(by, None)),
            _ => self.fill_rest(tables, event),
        }
    }

    fn fill_rest(&mut self, tables: &'l Tables, event: &Event) {
        let text = |text: TextId| Some(Cow::Borrowed(tables.get_text(text)));
        match *event {
            Event::Resource { resource, kind, name } => {
                (self.res, self.kind) = (Some(resource_text(resource).into()), text(kind));
                self.name = name.and_then(text);
            }
            Event::Acquire { task, resource, count } | Event::Release { task, resource, count } => {
                (self.task, self.res) = (some_task(task), Some(resource_text(resource).into()));
                self.n = (count != 1).then_some(count);
            }
            Event::Send { task, resource, length, capacity } => {
                (self.task, self.res) = (some_task(task), Some(resource_text(resource).into()));
                (self.len, self.cap) = (Some(length), capacity);
            }
            Event::Receive { task, resource, length } => {
                (self.task, self.res) = (some_task(task), Some(resource_text(resource).into()));
                self.len = Some(length);
            }
            Event::Close { resource, is_gone } => {
                self.res = Some(resource_text(resource).into());
                self.r = if is_gone { word("gone") } else { None };
            }
            Event::Block { job, task, name } => {
                (self.job, self.task) = (id(job), some_task(task));
                self.name = name.and_then(text);
            }
            Event::JobDone { job } => self.job = id(job),
            Event::Out { task, text: line } | Event::Note { task, text: line } => {
                (self.task, self.text) = (some_task(task), text(line));
            }
            Event::Slow { task, took } => (self.task, self.ns) = (id(task), id(took)),
            Event::Order { ref tasks } => {
                self.tasks = Some(tasks.iter().copied().map(Id).collect());
            }
            Event::Deadlock { ref cycle } => {
                self.cycle = Some(cycle.iter().map(|&step| awaited_text(step)).collect());
            }
            Event::Snapshot { ref state } => {
                self.state = Some(Box::new(StateLine::of(tables, state)));
            }
            Event::End { why } => self.why = word(reason_word(why)),
            _ => {}
        }
    }
}

//! Reading an event from a line of the file.

use crate::record::event::{Entry, Event};
use crate::record::id::Id;
use crate::record::line::{Line, LineError, is_object};
use crate::record::tables::Tables;
use crate::record::values::{Actor, Ask, TextId};
use crate::record::words::{
    read_actor, read_awaited, read_ending, read_outcome, read_reason, read_resource, read_spot,
};

/// Reads a line. `before` is the time of the event before it: time never goes back.
pub(crate) fn read_line(line: &[u8], tables: &mut Tables, before: u64) -> Result<Entry, LineError> {
    let text = str::from_utf8(line).map_err(|_| LineError::IsNot("UTF-8"))?.trim_ascii();
    if !is_object(line) {
        return Err(LineError::IsNot("an object"));
    }
    let line: Line<'_> = serde_json::from_str(text)?;
    if line.e.is_empty() {
        return Err(LineError::Key("e"));
    }
    let time = line.t.map_or(before, |Id(time)| time.max(before));
    let place = line.loc.as_deref().and_then(|place| read_spot(tables, place));
    let event = match line.event(tables)? {
        Some(event) => event,
        None => Event::Unknown { kind: tables.text(&line.e), line: tables.text(text) },
    };
    Ok(Entry { time, place, event })
}

/// Returns the value of a key that this kind of event needs.
fn need<T>(value: Option<T>, key: &'static str) -> Result<T, LineError> {
    value.ok_or(LineError::Key(key))
}

/// `None` for an event of a kind that this version does not know, or with a word that it does not know.
type Reading = Result<Option<Event>, LineError>;

impl Line<'_> {
    fn event(&self, tables: &mut Tables) -> Reading {
        Ok(Some(match &*self.e {
            "spawn" => {
                let name = self.name.as_deref().map(|name| tables.text(name));
                Event::Spawn { task: self.task()?, name, by: self.actor(0) }
            }
            "schedule" => {
                let at = self.at.map(|Id(at)| u32::try_from(at).unwrap_or(u32::MAX));
                Event::Schedule { task: self.task()?, at }
            }
            "poll" => Event::Poll { task: self.task()?, turn: need(self.turn, "turn")?.0 },
            "return" => {
                let (task, word) = (self.task()?, need(self.r.as_deref(), "r")?);
                return Ok(read_outcome(word).map(|outcome| Event::Return { task, outcome }));
            }
            "wake" => {
                let task = self.task()?;
                Event::Wake { task, by: self.actor(task) }
            }
            "wait" | "unwait" => return self.wait(),
            "done" => return self.done(tables),
            "drop" => Event::Drop { task: self.task()? },
            "timer_set" => {
                let at = self.at.map_or(u64::MAX, |Id(at)| at);
                Event::TimerSet { timer: self.timer()?, task: self.some_task(), at }
            }
            "timer_fire" => Event::TimerFire { timer: self.timer()? },
            "timer_cancel" => Event::TimerCancel { timer: self.timer()? },
            "park" => Event::Park { until: self.until.map_or(u64::MAX, |Id(until)| until) },
            "unpark" => Event::Unpark { by: self.actor(0) },
            "slow" => Event::Slow { task: self.task()?, took: need(self.ns, "ns")?.0 },
            "snapshot" => {
                let state = need(self.state.as_deref(), "state")?;
                Event::Snapshot { state: Box::new(state.read(tables)) }
            }
            "end" => {
                let why = read_reason(need(self.why.as_deref(), "why")?);
                return Ok(why.map(|why| Event::End { why }));
            }
            _ => return self.request(tables),
        }))
    }

    fn wait(&self) -> Reading {
        let (task, on) = (self.task()?, read_awaited(need(self.on.as_deref(), "on")?));
        Ok(on.map(|on| match &*self.e {
            "wait" => Event::Wait { task, on },
            _ => Event::Unwait { task, on },
        }))
    }

    fn done(&self, tables: &mut Tables) -> Reading {
        let (task, outcome) = (self.task()?, read_ending(need(self.how.as_deref(), "how")?));
        let message = self.msg.as_deref().map(|message| tables.text(message));
        Ok(outcome.map(|outcome| Event::Done { task, outcome, message }))
    }

    /// Cancelling, scopes and jobs.
    fn request(&self, tables: &mut Tables) -> Reading {
        Ok(Some(match &*self.e {
            "ask" | "answer" => {
                let (task, why) = (self.task()?, self.reason(tables)?);
                let part = self.part.as_deref().and_then(|part| read_spot(tables, part));
                let ask = Box::new(Ask { task, part, why, by: self.actor(task) });
                if self.e == "ask" { Event::Ask(ask) } else { Event::Answer(ask) }
            }
            "abort" => {
                let task = self.task()?;
                Event::Abort { task, by: self.actor(task) }
            }
            "shutdown" => match need(self.r.as_deref(), "r")? {
                "begin" => Event::Shutdown { has_begun: true },
                "end" => Event::Shutdown { has_begun: false },
                _ => return Ok(None),
            },
            "order" => {
                let tasks = need(self.tasks.as_ref(), "tasks")?;
                Event::Order { tasks: tasks.iter().map(|&Id(task)| task).collect() }
            }
            "catch" => Event::Catch { task: self.task()?, why: self.reason(tables)? },
            "resume" => Event::Resume { task: self.task()?, why: self.reason(tables)? },
            "cleaned" => Event::Cleaned { task: self.task()? },
            "mask" => match need(self.r.as_deref(), "r")? {
                "on" => Event::Mask { task: self.task()?, on: true },
                "off" => Event::Mask { task: self.task()?, on: false },
                _ => return Ok(None),
            },
            "scope" => {
                let is_open = match need(self.r.as_deref(), "r")? {
                    "open" => true,
                    "end" => false,
                    _ => return Ok(None),
                };
                Event::Scope { scope: self.scope()?, task: self.some_task(), is_open }
            }
            "child" => Event::Child { scope: self.scope()?, task: self.task()? },
            "block" => {
                let name = self.name.as_deref().map(|name| tables.text(name));
                Event::Block { job: need(self.job, "job")?.0, task: self.some_task(), name }
            }
            "job_done" => Event::JobDone { job: need(self.job, "job")?.0 },
            "deadlock" => {
                let steps = need(self.cycle.as_ref(), "cycle")?.iter();
                let Some(cycle) = steps.map(|step| read_awaited(step)).collect() else {
                    return Ok(None);
                };
                Event::Deadlock { cycle }
            }
            _ => return self.resource(tables),
        }))
    }

    /// Locks, channels and texts.
    fn resource(&self, tables: &mut Tables) -> Reading {
        let resource = || need(self.res.as_deref().and_then(read_resource), "res");
        let task = self.some_task();
        let count = self.n.unwrap_or(1);
        Ok(Some(match &*self.e {
            "res" => {
                let name = self.name.as_deref().map(|name| tables.text(name));
                let kind = tables.text(self.kind.as_deref().unwrap_or("resource"));
                Event::Resource { resource: resource()?, kind, name }
            }
            "acquire" => Event::Acquire { task, resource: resource()?, count },
            "release" => Event::Release { task, resource: resource()?, count },
            "send" => {
                let (length, capacity) = (need(self.len, "len")?, self.cap);
                Event::Send { task, resource: resource()?, length, capacity }
            }
            "recv" => {
                Event::Receive { task, resource: resource()?, length: need(self.len, "len")? }
            }
            "close" => {
                let is_gone = self.r.as_deref() == Some("gone");
                Event::Close { resource: resource()?, is_gone }
            }
            "out" | "note" => {
                let text = tables.text(need(self.text.as_deref(), "text")?);
                match &*self.e {
                    "out" => Event::Out { task, text },
                    _ => Event::Note { task, text },
                }
            }
            _ => return Ok(None),
        }))
    }

    fn task(&self) -> Result<u64, LineError> {
        need(self.task, "task").map(|Id(task)| task)
    }

    fn some_task(&self) -> u64 {
        self.task.map_or(0, |Id(task)| task)
    }

    fn timer(&self) -> Result<u64, LineError> {
        need(self.timer, "timer").map(|Id(timer)| timer)
    }

    fn scope(&self) -> Result<u64, LineError> {
        need(self.scope, "scope").map(|Id(scope)| scope)
    }

    fn reason(&self, tables: &mut Tables) -> Result<TextId, LineError> {
        need(self.why.as_deref(), "why").map(|why| tables.text(why))
    }

    fn actor(&self, task: u64) -> Actor {
        read_actor(self.by.as_deref(), task)
    }
}

//! The small texts of the file: places, actors, what is waited for, and the words for outcomes.

use std::borrow::Cow;

use crate::record::state::TaskPhase;
use crate::record::tables::{Spot, Tables};
use crate::record::values::{Actor, Awaited, EndReason, Outcome, PlaceId};

/// Writes a place as `F:L:C`: file, line and column.
pub(crate) fn spot_text(tables: &Tables, place: PlaceId) -> Option<String> {
    let Spot { file, line, column } = tables.get_spot(place)?;
    Some(if column == 0 { format!("{file}:{line}") } else { format!("{file}:{line}:{column}") })
}

/// Reads a place; `None` if it is not in one of the files.
pub(crate) fn read_spot(tables: &mut Tables, text: &str) -> Option<PlaceId> {
    let mut parts = text.splitn(3, ':');
    let (file, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let column = parts.next().map_or(Some(0), |column| column.parse().ok())?;
    let is_known = (file as usize) < tables.files().len() && line > 0;
    is_known.then(|| tables.spot(Spot { file, line, column }))
}

/// Writes an actor; `task` is the task that the event is about, which is called "self".
pub(crate) fn actor_text(actor: Actor, task: Option<u64>) -> Cow<'static, str> {
    match actor {
        Actor::Task(by) if task == Some(by) => "self".into(),
        Actor::Task(by) => format!("task:{by}").into(),
        Actor::Timer(timer) => format!("timer:{timer}").into(),
        Actor::Io(io) => format!("io:{io}").into(),
        Actor::Remote => "remote".into(),
        Actor::Request => "request".into(),
        Actor::Outside => "outside".into(),
    }
}

/// Reads an actor. One that this version does not know is something outside.
pub(crate) fn read_actor(text: Option<&str>, task: u64) -> Actor {
    let text = text.unwrap_or_default();
    let (kind, id) = text.split_once(':').unwrap_or((text, ""));
    match (kind, id.parse()) {
        ("self", _) => Actor::Task(task),
        ("task", Ok(id)) => Actor::Task(id),
        ("timer", Ok(id)) => Actor::Timer(id),
        ("io", Ok(id)) => Actor::Io(id),
        ("remote", _) => Actor::Remote,
        ("request", _) => Actor::Request,
        _ => Actor::Outside,
    }
}

pub(crate) fn awaited_text(on: Awaited) -> String {
    match on {
        Awaited::Task(task) => format!("task:{task}"),
        Awaited::Timer(timer) => format!("timer:{timer}"),
        Awaited::Resource(resource) => format!("r{resource}"),
        Awaited::Scope(scope) => format!("s{scope}"),
        Awaited::Job(job) => format!("job:{job}"),
        Awaited::Io(io) => format!("io:{io}"),
    }
}

pub(crate) fn read_awaited(text: &str) -> Option<Awaited> {
    if let Some((kind, id)) = text.split_once(':') {
        let id = id.parse().ok()?;
        return Some(match kind {
            "task" => Awaited::Task(id),
            "timer" => Awaited::Timer(id),
            "job" => Awaited::Job(id),
            "io" => Awaited::Io(id),
            _ => return None,
        });
    }
    let scope = || text.strip_prefix('s').and_then(|id| id.parse().ok()).map(Awaited::Scope);
    read_resource(text).map(Awaited::Resource).or_else(scope)
}

pub(crate) fn resource_text(resource: u64) -> String {
    format!("r{resource}")
}

pub(crate) fn read_resource(text: &str) -> Option<u64> {
    text.strip_prefix('r').and_then(|id| id.parse().ok())
}

pub(crate) fn phase_word(phase: TaskPhase) -> &'static str {
    match phase {
        TaskPhase::Spawned => "spawned",
        TaskPhase::Ready => "ready",
        TaskPhase::Running => "running",
        TaskPhase::Waiting => "waiting",
    }
}

pub(crate) fn read_phase(word: &str) -> Option<TaskPhase> {
    let all = [TaskPhase::Spawned, TaskPhase::Ready, TaskPhase::Running, TaskPhase::Waiting];
    all.into_iter().find(|&phase| phase_word(phase) == word)
}

/// `return.r`
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pending => "pending",
        Outcome::Ready => "ready",
        Outcome::Panic => "panic",
        Outcome::Cancelled => "cancelled",
    }
}

pub(crate) fn read_outcome(word: &str) -> Option<Outcome> {
    let all = [Outcome::Pending, Outcome::Ready, Outcome::Panic, Outcome::Cancelled];
    all.into_iter().find(|&outcome| outcome_word(outcome) == word)
}

/// `done.how`
pub(crate) fn ending_word(outcome: Outcome) -> &'static str {
    if outcome == Outcome::Ready { "ok" } else { outcome_word(outcome) }
}

pub(crate) fn read_ending(word: &str) -> Option<Outcome> {
    if word == "ok" { Some(Outcome::Ready) } else { read_outcome(word) }
}

/// `end.why`
pub(crate) fn reason_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Done => "all done",
        EndReason::Deadlock => "deadlock",
        EndReason::Limit => "limit",
        EndReason::Stopped => "stopped",
        EndReason::Panic => "panic",
    }
}

pub(crate) fn read_reason(word: &str) -> Option<EndReason> {
    let all = [
        EndReason::Done,
        EndReason::Deadlock,
        EndReason::Limit,
        EndReason::Stopped,
        EndReason::Panic,
    ];
    all.into_iter().find(|&reason| reason_word(reason) == word)
}

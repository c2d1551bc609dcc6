//! One line of the file, as a structure of keys.
//!
//! All kinds share one flat structure of optional keys, so that the format is in one place: a key has one meaning
//! wherever it occurs, keys that a reader does not know are ignored, and the order of keys never changes.

use std::borrow::Cow;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::event::Event;
use crate::record::id::Id;
use crate::record::snapshot::StateLine;

/// A line, as it is in the file. The order of fields is the order of keys.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Line<'l> {
    #[serde(borrow)]
    pub(crate) e: Cow<'l, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) t: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timer: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<Id>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) res: Option<Cow<'l, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ns: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) len: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cap: Option<NonZeroU32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) r: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) how: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) msg: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<Cow<'l, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) loc: Option<Cow<'l, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tasks: Option<Vec<Id>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cycle: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Box<StateLine>>,
}

/// Why a line cannot be read.
#[derive(Debug, Error)]
pub(crate) enum LineError {
    #[error("{}", without_line(.0))]
    Json(#[from] serde_json::Error),
    #[error("it is not {0}")]
    IsNot(&'static str),
    #[error("the key `{0}` is missing, or has a value that it cannot have")]
    Key(&'static str),
}

/// Returns whether a line is an object, if it is JSON: for serde, an array of values is as good.
pub(crate) fn is_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

/// The text of an error without the number of the line, which is 1 for each line of its own.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// The name of a kind of event in the file; `None` for one that this version does not know.
pub(crate) fn kind_of(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Spawn { .. } => "spawn",
        Event::Schedule { .. } => "schedule",
        Event::Poll { .. } => "poll",
        Event::Return { .. } => "return",
        Event::Wake { .. } => "wake",
        Event::Wait { .. } => "wait",
        Event::Unwait { .. } => "unwait",
        Event::Done { .. } => "done",
        Event::Drop { .. } => "drop",
        Event::Abort { .. } => "abort",
        Event::Shutdown { .. } => "shutdown",
        Event::Ask(_) => "ask",
        Event::Answer(_) => "answer",
        Event::Catch { .. } => "catch",
        Event::Resume { .. } => "resume",
        Event::Cleaned { .. } => "cleaned",
        Event::Mask { .. } => "mask",
        Event::Scope { .. } => "scope",
        Event::Child { .. } => "child",
        Event::TimerSet { .. } => "timer_set",
        Event::TimerFire { .. } => "timer_fire",
        Event::TimerCancel { .. } => "timer_cancel",
        Event::Park { .. } => "park",
        Event::Unpark { .. } => "unpark",
        Event::Resource { .. } => "res",
        Event::Acquire { .. } => "acquire",
        Event::Release { .. } => "release",
        Event::Send { .. } => "send",
        Event::Receive { .. } => "recv",
        Event::Close { .. } => "close",
        Event::Block { .. } => "block",
        Event::JobDone { .. } => "job_done",
        Event::Out { .. } => "out",
        Event::Note { .. } => "note",
        Event::Slow { .. } => "slow",
        Event::Order { .. } => "order",
        Event::Deadlock { .. } => "deadlock",
        Event::Snapshot { .. } => "snapshot",
        Event::End { .. } => "end",
        Event::Unknown { .. } => return None,
    })
}

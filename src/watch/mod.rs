//! What watches a scheduler: observers, the log of `step`, the hook of `on_wake`, and the record of unread failures.

mod step;
mod hook;
mod details;
mod observers;
mod unread;
mod caught;

pub(crate) use caught::{CaughtPanic, ReportTarget, drop_unread};
pub(crate) use details::{detail, detail_everywhere, is_detailed};
#[allow(unused_imports, reason = "for the feature `record`")]
pub(crate) use details::{happened_at, is_observing};
pub(crate) use hook::hook_waker;
pub(crate) use observers::{
    Installed, Watch, emit, emit_details, panicked, panicked_here, woken_again,
};
pub(crate) use step::TurnLog;
pub(crate) use unread::{Failures, Reporter, Unread, explained, origin, record_error, report};

pub use step::Turn;

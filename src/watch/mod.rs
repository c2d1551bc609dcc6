//! What watches a scheduler: observers, the log of `step`, the hook of `on_wake`, and the record of unread failures.

mod step;
mod hook;
mod observers;
mod unread;
mod caught;

pub(crate) use caught::{CaughtPanic, ReportTarget, drop_unread};
pub(crate) use hook::hook_waker;
pub(crate) use observers::{Watch, emit};
pub(crate) use step::TurnLog;
pub(crate) use unread::{Failures, Reporter, Unread, explained, origin, record_error, report};

pub use step::Turn;

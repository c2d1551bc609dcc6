//! Limits of a turn: how long it may take, and how many results a task may receive in it.

mod meter;
mod wait;

pub(crate) use meter::{Meter, Pause, report_slow_turn};
pub(crate) use wait::{Limited, is_limited, is_used_up, poll_at_once, poll_limited, poll_together};

//! Limits of a turn: how long it may take, and how much a task may get in it.

mod meter;

pub(crate) use meter::{Meter, Pause, is_metered, metered, report_slow_turn};

//! Timers: fired, real and virtual, and cancelled.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/columns.rs"]
mod columns;
#[path = "work/compare.rs"]
mod compare;
mod work;

use work::timers::{rows, virtual_rows};
use work::{Turnwise, Virtual};

fn main() {
    compare::compare(&[rows::<Turnwise>(), virtual_rows::<Virtual>()].concat());
}

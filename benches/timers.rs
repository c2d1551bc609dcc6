//! Timers that fire, real and virtual, or are cancelled; and timeouts.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::timers::{rows, virtual_rows};
use rows::{Turnwise, Virtual};

fn main() {
    compare::compare(&[rows::<Turnwise>(), virtual_rows::<Virtual>()].concat());
}

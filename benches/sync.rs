//! Waiting for each other: locks, permits, events, channels and joins.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/columns.rs"]
mod columns;
#[path = "work/compare.rs"]
mod compare;
mod work;

use work::Turnwise;
use work::tools::Own;

fn main() {
    compare::compare(&work::waits::rows::<Turnwise, Own>());
}

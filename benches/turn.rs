//! Turns: yields over one, a thousand and a hundred thousand tasks; entering and making a scheduler.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/columns.rs"]
mod columns;
#[path = "work/compare.rs"]
mod compare;
mod work;

use work::Turnwise;

fn main() {
    compare::compare(&work::turn::rows::<Turnwise>());
}

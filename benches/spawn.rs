//! Spawning: joined by the thousand, and detached.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/columns.rs"]
mod columns;
#[path = "work/compare.rs"]
mod compare;
mod work;

use work::Turnwise;

fn main() {
    compare::compare(&work::spawn::rows::<Turnwise>());
}

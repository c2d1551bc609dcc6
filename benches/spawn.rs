//! Spawning: joined by the thousand, and detached.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::Turnwise;

fn main() {
    compare::compare(&rows::spawn::rows::<Turnwise>());
}

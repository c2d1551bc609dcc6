//! Blocking jobs: one after another, each awaited; and many at once.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::Turnwise;

fn main() {
    compare::compare(&rows::blocking::rows::<Turnwise>());
}

//! Wakers: cloned, rung in one's own turn, and rung by another thread.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::Turnwise;

fn main() {
    compare::compare(&rows::remote::rows::<Turnwise>());
}

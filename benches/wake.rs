//! Wakers: cloned, woken in the task's own turn, and woken by another thread.

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

//! Turns: yields over one, a thousand and a hundred thousand tasks; entering and creating a scheduler; catches.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::Turnwise;

fn main() {
    compare::compare(&[rows::turn::rows::<Turnwise>(), rows::cancel::rows()].concat());
}

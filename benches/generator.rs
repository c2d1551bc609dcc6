//! Generators: getting a value, beside a boxed iterator, and sending a value, beside a boxed closure.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::generators::Own;

fn main() {
    compare::compare(&rows::generators::rows::<Own>());
}

//! Tasks that wait for each other: locks, permits, events, channels, joins and scopes.

#[path = "rows/clock.rs"]
mod clock;
#[path = "rows/columns.rs"]
mod columns;
#[path = "rows/compare.rs"]
mod compare;
mod rows;

use rows::Turnwise;
use rows::tools::Own;

fn main() {
    compare::compare(&rows::waits::rows::<Turnwise, Own>());
}

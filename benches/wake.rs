//! Wakers: cloned, rung in one's own turn, and rung by another thread.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/columns.rs"]
mod columns;
#[path = "work/compare.rs"]
mod compare;
mod work;

use work::Turnwise;

fn main() {
    compare::compare(&work::remote::rows::<Turnwise>());
}

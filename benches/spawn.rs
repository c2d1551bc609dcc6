//! Spawning: joined by the thousand, and detached.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/compare.rs"]
mod compare;
mod work;

fn main() {
    compare::compare("spawn");
}

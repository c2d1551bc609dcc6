//! Timers: fired, real and virtual, and cancelled.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/compare.rs"]
mod compare;
mod work;

fn main() {
    compare::compare("timers");
}

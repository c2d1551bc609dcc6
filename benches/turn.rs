//! Turns: yields over one, a thousand and a hundred thousand tasks; entering and making a scheduler.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/compare.rs"]
mod compare;
mod work;

fn main() {
    compare::compare("turn");
}

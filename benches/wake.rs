//! Wakers: cloned, rung in one's own turn, and rung by another thread.

#[path = "work/clock.rs"]
mod clock;
#[path = "work/compare.rs"]
mod compare;
mod work;

fn main() {
    compare::compare("wake");
}

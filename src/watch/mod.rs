//! Who is told: observers, and what `step` reads.

mod observers;
mod step;

pub use step::Turn;
pub(crate) use step::{Notes, Trail};

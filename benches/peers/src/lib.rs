//! Measures turnwise beside its peers: see `README.md`.

#[path = "../../work/clock.rs"]
mod clock;
#[path = "../../work/race.rs"]
mod race;
#[path = "../../work/mod.rs"]
mod work;

mod executors;
pub mod options;
mod peers;
mod table;
pub mod run;

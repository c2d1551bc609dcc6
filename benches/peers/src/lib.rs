//! Measures turnwise beside its peers: see `README.md`.

#[path = "../../work/clock.rs"]
mod clock;
#[path = "../../work/race.rs"]
mod race;
#[path = "../../work/tokio_tools.rs"]
mod tokio_tools;
#[path = "../../work/mod.rs"]
mod work;

pub mod options;
pub mod run;
mod peers;
mod executors;
mod toolkits;
mod habits;
pub mod memory;
mod build;
mod table;
mod picture;

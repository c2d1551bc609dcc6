//! Measures turnwise and its peers: see `README.md`.

#[path = "../../rows/clock.rs"]
mod clock;
#[path = "../../rows/race.rs"]
mod race;
#[path = "../../rows/tokio_tools.rs"]
mod tokio_tools;
#[path = "../../rows/mod.rs"]
mod rows;

pub mod options;
pub mod run;
mod peers;
mod executors;
mod toolkits;
mod generators;
mod habits;
pub mod memory;
mod build;
mod table;
mod picture;

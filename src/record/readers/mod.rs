//! What is made of a recording: pictures and tables, each a pure function of it.

mod tracks;
mod escape;
mod rows;
mod blocks;
mod timeline;
mod waits_for;
mod await_tree;
mod sequence;
mod busy;
mod svg_style;
mod picture;
mod svg_signs;
mod svg;
mod trace_line;
mod flows;
mod chrome;

pub use await_tree::AwaitTree;
pub use busy::{BusyTimes, TaskTimes};
pub use timeline::Timeline;
pub use waits_for::WaitDiagram;

#[cfg(all(test, not(turnwise_loom)))]
mod checkers;
#[cfg(all(test, not(turnwise_loom)))]
mod tests;

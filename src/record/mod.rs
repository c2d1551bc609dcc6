//! Recordings: what happened in a run, event by event, to be kept, replayed and drawn. Feature `record`.
//!
//! A [`Recorder`] collects the [`Event`]s of a run, of a scheduler that it is [attached](Recorder::attach) to or by hand.
//! [`Recorder::finish`] returns a [`Recording`], which can be written to a file and read again. A [`Replay`] shows the
//! [`State`] at any moment of it, and says in a plain sentence what each event does:
//!
//! ```
//! use turnwise::record::{Recorder, Recording, Replay};
//! use turnwise::{Scheduler, yield_now};
//!
//! let recorder = Recorder::new().title("one task");
//! let scheduler = recorder.attach(Scheduler::builder().virtual_time()).build();
//! scheduler.block_on(yield_now());
//! let file = recorder.finish().to_jsonl();
//!
//! let mut replay = Replay::new(Recording::parse(&file)?);
//! let sentences: Vec<String> = replay.steps().map(|step| step.to_string()).collect();
//! assert_eq!(sentences[2..6], [
//!     "Turn 1: the scheduler takes main from the front of the ready queue and polls it.",
//!     "main wakes itself during its turn, so it will be polled again.",
//!     "The poll returns Pending, but main is woken already.",
//!     "main joins the back of the ready queue, place 1 of 1.",
//! ]);
//!
//! replay.seek(3);
//! assert_eq!(replay.state().current(), Some(1));
//! # Ok::<(), turnwise::record::RecordingError>(())
//! ```
//!
//! # Which reader answers which question
//!
//! | question | reader | |
//! |---|---|---|
//! | What did each task do, and when? | [`Recording::timeline`] | text, for a terminal, a test or a document |
//! | | [`Recording::to_svg`] | a picture, for a browser or a page |
//! | The same, of a long run: where is the time, and which wake led to which turn? | [`Recording::to_chrome_trace`] | a file that opens in [ui.perfetto.dev](https://ui.perfetto.dev), where it can be zoomed and searched |
//! | Which task polls, and which wakes which? | [`Recording::to_mermaid`] | a sequence diagram in Mermaid, which GitHub draws, of the first 60 polls and wakes |
//! | How long did each task run and wait? | [`Recording::busy_times`] | a table, and its numbers |
//! | What exactly happened, and where in the source? | [`Replay::steps`] | a sentence for each event |
//! | What does each task wait for at one moment? | [`Replay::await_tree`] | text |
//! | Which tasks wait for each other? | [`Replay::wait_diagram`] | a graph for Graphviz or Mermaid, in which cycles are bold |
//! | Is this task ready, and which task holds this lock? | [`Replay::state`] | data |
//!
//! The example `record` shows each of them: `cargo run --features record --example record`. A live process that has no
//! recorder can be asked for its await tree by a [`DumpHandle`](crate::scheduler::DumpHandle).
//!
//! This is the picture of two tasks, which each print a line and yield, twice:
//!
#![doc = include_str!("../../docs/foo_bar.svg")]
//!
//! A solid bar is a turn, with its number; a thin bar is the ready queue. A ring is a task that wakes itself during its turn,
//! as in a yield, and the dot is the end of the task. The picture is light or dark as the reader's system is.
//!
//! # The file
//!
//! A recording is JSON Lines, described key by key in `docs/recording-v1.md`. It is read whatever is in it: an event or a
//! key of a newer version is ignored, a file that is cut off in the middle is read up to its last whole line, and events
//! that contradict each other change nothing in the [`State`].
//!
//! # What it costs
//!
//! An event takes 48 bytes, and its texts are kept once. [`Recorder::ring`] keeps only the last events, and the state
//! before them. `benches/record.rs` measures the time.

mod values;
mod state;
mod event;
mod fold;
mod printable;
mod paths;
mod tables;
mod id;
mod words;
mod snapshot;
mod line;
mod write;
mod parse;
mod header;
mod error;
mod recording;
mod names;
mod wording;
mod sentence_shared;
mod sentence;
mod replay;
mod texts;
mod store;
mod recorder;
mod by_hand;
mod numbers;
mod observe;
mod observe_details;
mod say;
mod readers;

pub use error::RecordingError;
pub use event::{Entry, Event};
pub use header::ClockKind;
pub use readers::{AwaitTree, BusyTimes, TaskTimes, Timeline, WaitDiagram};
pub use recorder::Recorder;
pub use recording::Recording;
pub use replay::{Replay, Step, Steps};
#[doc(hidden)]
pub use say::__said;
pub use state::{
    LiveJob, LiveResource, LiveScope, LiveTask, LiveTimer, LiveWait, State, TaskPhase,
};
pub use tables::{SourceFile, SourcePlace};
pub use values::{Actor, Ask, Awaited, EndReason, Outcome, PlaceId, TextId};

#[cfg(all(test, not(turnwise_loom)))]
mod tests;

//! The columns that have only the rows of generators.

use genawaiter::GeneratorState;
use genawaiter::rc::{Co, Gen};

use crate::peers::{Note, Peer};
use crate::rows::generators::{self, Yields};
use crate::rows::{hidden, work};
use crate::toolkits::NEITHER;

/// Columns beside [`PEERS`](crate::peers::PEERS).
pub(crate) const GENERATORS: &[Peer] = &[Peer {
    name: "genawaiter",
    setup: "genawaiter 0.99: `rc::Gen`",
    on: |row| work(&generators::rows::<Genawaiter>(), row),
    notes: &[NAMES_ITS_BODY, NO_CLOSE],
    ..NEITHER
}];

const NAMES_ITS_BODY: Note = Note {
    rows: &["generator_next", "coroutine_send"],
    text: "has the body in the type of the generator: that saves a virtual call, but the type cannot be named",
    is_less: false,
};
const NO_CLOSE: Note = Note {
    rows: &["coroutine_send"],
    text: "can neither throw nor close: sending a `None` ends the row, where turnwise's body receives an error",
    is_less: true,
};

struct Genawaiter;

impl Yields for Genawaiter {
    fn pull(n: u64) -> u64 {
        let mut values = Gen::new(async |co: Co<u64>| {
            for value in (0..n).rev() {
                co.yield_(value).await;
            }
        });
        let mut sum = 0;
        while let GeneratorState::Yielded(value) = hidden(&mut values).resume() {
            sum += value;
        }
        sum
    }

    fn push(n: u64) -> u64 {
        let mut sink = Gen::new(async |co: Co<(), Option<u64>>| {
            let mut sum = 0;
            while let Some(value) = co.yield_(()).await {
                sum += value;
            }
            sum
        });
        // The first value that is sent starts it, and is lost.
        sink.resume_with(None);
        for value in 0..n {
            hidden(&mut sink).resume_with(Some(value));
        }
        match sink.resume_with(None) {
            GeneratorState::Complete(sum) => sum,
            GeneratorState::Yielded(()) => unreachable!("`None` ends it"),
        }
    }
}

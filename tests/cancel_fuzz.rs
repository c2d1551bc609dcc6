//! Random programs of everything that cancelling concerns: none hangs, none spins, no value is
//! lost, nothing is cancelled that was not asked, nothing is left behind, and it does not matter
//! how groups are formed.
//!
//! 2,000 programs in each run. For others, `TURNWISE_CANCEL_PROGRAMS` is a number of programs, or a
//! range of seeds as `2539..2540`; `.ci/cancel-fuzz` plays a million in release.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

#[path = "cancel_fuzz/asked.rs"]
mod asked;
#[path = "cancel_fuzz/compare.rs"]
mod compare;
#[path = "cancel_fuzz/parts.rs"]
mod parts;
#[path = "cancel_fuzz/play.rs"]
mod play;
#[path = "cancel_fuzz/program.rs"]
mod program;
#[path = "cancel_fuzz/world.rs"]
mod world;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::panic;
use std::thread;

mod folded;

use compare::{Difference, compare};
use play::{Played, play};
use program::{Case, Ending};
use world::Grouping;

/// Nested programs are deep on the stack.
const STACK: usize = 16 << 20;

thread_local! {
    /// This thread plays programs, some of which panic as they should.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn random_programs_end_and_lose_nothing_and_end_nothing_that_was_not_asked() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !IS_QUIET.get() {
            default(info);
        }
    }));
    let seeds = seeds();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut all = Tally::default();
    thread::scope(|scope| {
        let spawn = |first: usize| {
            let seeds = seeds.clone().skip(first).step_by(threads);
            let tally = move || {
                IS_QUIET.set(true);
                seeds.fold(Tally::default(), Tally::with)
            };
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, tally).unwrap()
        };
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        threads.into_iter().for_each(|thread| all.add(thread.join().unwrap()));
    });
    println!("{}", all.summary());
    assert!(all.found.is_empty(), "\n{}\n{}", all.summary(), all.examples());
}

/// The seeds of the programs to play.
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("TURNWISE_CANCEL_PROGRAMS") else { return 1..2_001 };
    let number = |text: &str| -> u64 {
        text.parse().expect("TURNWISE_CANCEL_PROGRAMS is a number, or two as `from..to`")
    };
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 1..number(&text) + 1,
    }
}

/// What was found in many programs.
#[derive(Default)]
struct Tally {
    programs: u64,
    requests_caught: usize,
    /// Logs that differ by the order within an instant.
    within_an_instant: u64,
    /// Logs that differ because a `FuturesUnordered` yields before it has polled all members.
    lazy: u64,
    /// By kind of fault: how often, and the example with the smallest program.
    found: BTreeMap<String, (u64, String)>,
}

impl Tally {
    /// Plays the program of a seed in every way.
    fn with(mut self, seed: u64) -> Self {
        let case = Case::from_seed(seed);
        self.programs += 1;
        let played = Grouping::ALL.map(|grouping| play(&case, grouping));
        for (grouping, played) in Grouping::ALL.into_iter().zip(&played) {
            self.requests_caught += played.requests_caught();
            for fault in &played.faults {
                let example =
                    format!("seed {seed}, {grouping:?}: {fault}\n{}", show(&case, [played]));
                self.fault(kind(fault), example);
            }
        }
        self.compare(seed, &case, &played);
        self
    }

    fn compare(&mut self, seed: u64, case: &Case, played: &[Played; 4]) {
        if case.ending == Ending::Shutdown || case.program.shares() {
            return;
        }
        let [few, others @ ..] = played;
        for (grouping, other) in Grouping::ALL.into_iter().skip(1).zip(others) {
            if case.lends && grouping != Grouping::Many {
                continue;
            }
            match compare(&few.lines, &other.lines) {
                None => {}
                Some(Difference::WithinAnInstant) => self.within_an_instant += 1,
                Some(Difference::Real) if grouping == Grouping::Foreign && is_lazy(case, few) => {
                    self.lazy += 1;
                }
                Some(Difference::Real) => {
                    let example = format!("seed {seed}\n{}", show(case, [few, other]));
                    self.fault(format!("{grouping:?} differs"), example);
                }
            }
        }
    }

    fn fault(&mut self, kind: String, example: String) {
        self.add_found(kind, 1, example);
    }

    fn add_found(&mut self, kind: String, times: u64, example: String) {
        let found = self.found.entry(kind).or_insert_with(|| (0, example.clone()));
        found.0 += times;
        if example.len() < found.1.len() {
            found.1 = example;
        }
    }

    fn add(&mut self, other: Tally) {
        self.programs += other.programs;
        self.requests_caught += other.requests_caught;
        self.within_an_instant += other.within_an_instant;
        self.lazy += other.lazy;
        for (kind, (times, example)) in other.found {
            self.add_found(kind, times, example);
        }
    }

    fn summary(&self) -> String {
        let mut text = format!(
            "{} programs, {} requests caught; {} logs differ within an instant, {} by a foreign \
             group that yields",
            self.programs, self.requests_caught, self.within_an_instant, self.lazy
        );
        for (kind, (times, _)) in &self.found {
            write!(text, "\n{times} x {kind}").unwrap();
        }
        text
    }

    fn examples(&self) -> String {
        let mut text = String::new();
        for (_, example) in self.found.values() {
            write!(text, "\n{example}\n").unwrap();
        }
        text
    }
}

/// Returns whether a foreign group does the same as the crate's own if it is polled until it has
/// polled all members that were woken. It yields after two that wake themselves, and a member that
/// starts to wait later, after the request was taken, is not asked.
fn is_lazy(case: &Case, few: &Played) -> bool {
    let eager = play(case, Grouping::ForeignEager);
    !matches!(compare(&few.lines, &eager.lines), Some(Difference::Real))
}

/// The kind of a fault: its text without names and numbers.
fn kind(fault: &str) -> String {
    let named = fault.split_once(": ").filter(|(name, _)| name.starts_with("program"));
    let text = named.map_or(fault, |(_, text)| text);
    text.chars().filter(|letter| !letter.is_ascii_digit()).take(60).collect()
}

fn show<const N: usize>(case: &Case, played: [&Played; N]) -> String {
    let mut text = format!("{case:?}");
    for played in played {
        for (time, what) in &played.lines {
            write!(text, "\n{time:>8} {what}").unwrap();
        }
        text += "\n";
    }
    text
}

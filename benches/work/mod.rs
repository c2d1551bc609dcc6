//! The rows: one piece of work each, the same for every executor.
//!
//! A row is written once, over [`Executor`], and runs on turnwise and on tokio. Beside them stands `bare`:
//! the same work by a loop written for that row alone.

mod bare;
mod remote;
mod spawn;
mod timers;
mod turn;

use std::fmt::Debug;
use std::hint::black_box;
use std::time::Duration;

use turnwise::Scheduler;

/// Work that is set up and warm: does so many operations, and asserts that it did them.
pub(crate) type Work = Box<dyn FnMut(u64)>;

/// One line of the tables.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How many operations one call of the work is given when it is timed.
    pub(crate) size: u64,
    pub(crate) kind: Kind,
    pub(crate) turnwise: fn() -> Work,
    pub(crate) tokio: Option<fn() -> Work>,
    pub(crate) bare: Option<fn() -> Work>,
}

/// The columns of the tables.
pub(crate) const EXECUTORS: [&str; 3] = ["turnwise", "tokio", "bare"];

impl Row {
    /// Sets the work up on one of the [`EXECUTORS`]; `None` if it cannot be done there.
    pub(crate) fn on(&self, executor: &str) -> Option<fn() -> Work> {
        match executor {
            "turnwise" => Some(self.turnwise),
            "tokio" => self.tokio,
            "bare" => self.bare,
            _ => None,
        }
    }
}

/// The rows of some of the files.
pub(crate) fn rows(of: impl Fn(&str) -> bool) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |(file, _)| of(file)).flat_map(|(_, rows)| *rows)
}

/// What its time is made of, and so how it is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Never waits.
    Computes,
    /// Waits for deadlines most of the time, so only the time of the processor says something.
    Sleeps,
    /// Takes two threads, so only the time on the wall does, and instructions cannot be counted exactly.
    TwoThreads,
}

/// An executor with one thread, and what the rows need of it.
pub(crate) trait Executor: Sized + 'static {
    type Error: Debug;
    type Handle<T: 'static>: Future<Output = Result<T, Self::Error>>;

    fn new() -> Self;

    fn block_on<F: Future>(&self, future: F) -> F::Output;

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output>;

    fn yield_now() -> impl Future<Output = ()> + 'static;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static;
}

/// Turnwise with a real clock.
pub(crate) struct Turnwise(Scheduler);

/// Turnwise with a virtual clock: sleeping takes no time.
pub(crate) struct Virtual(Scheduler);

/// Tokio's `current_thread` runtime with a `LocalSet`, which spawns what is not `Send`, as turnwise does.
pub(crate) struct Tokio {
    runtime: tokio::runtime::Runtime,
    local: tokio::task::LocalSet,
}

impl Executor for Turnwise {
    type Error = turnwise::JoinError;
    type Handle<T: 'static> = turnwise::JoinHandle<T>;

    fn new() -> Self {
        Turnwise(Scheduler::new())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        turnwise::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        turnwise::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        turnwise::sleep(duration)
    }
}

impl Executor for Virtual {
    type Error = turnwise::JoinError;
    type Handle<T: 'static> = turnwise::JoinHandle<T>;

    fn new() -> Self {
        Virtual(Scheduler::builder().virtual_time().build())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        turnwise::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        turnwise::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        turnwise::sleep(duration)
    }
}

impl Executor for Tokio {
    type Error = tokio::task::JoinError;
    type Handle<T: 'static> = tokio::task::JoinHandle<T>;

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Tokio {
            runtime: runtime.expect("a runtime without I/O needs nothing that could fail"),
            local: tokio::task::LocalSet::new(),
        }
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.local.block_on(&self.runtime, future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(duration)
    }
}

/// Random numbers that are the same in every run: xorshift.
#[derive(Clone, Copy)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Random(0x9E37_79B9_7F4A_7C15)
    }

    /// A length of time below 50 ms.
    pub(crate) fn nap(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % 50_000_000)
    }
}

/// The rows, under the names of the files in which criterion runs them.
const ROWS: &[(&str, &[Row])] = &[
    ("spawn", spawn::ROWS),
    ("turn", turn::ROWS),
    ("timers", timers::ROWS),
    ("wake", remote::ROWS),
];

/// Cuts `n` operations into batches of so many; gives the number of the first one of each.
fn batches(n: u64, size: u64) -> impl Iterator<Item = u64> {
    (0..n.div_ceil(size)).map(move |batch| batch * size)
}

/// The same work with what it computes hidden from the optimiser.
fn hidden<T>(value: T) -> T {
    black_box(value)
}

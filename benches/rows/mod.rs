//! The rows: one piece of work each, the same for every executor.
//!
//! A row is written once, over [`Executor`], and runs on turnwise and on every peer. The column `bare` does the same
//! work in a loop written for that row alone.
#![allow(dead_code, reason = "each program that includes it leaves a part unused")]

pub(crate) mod bare;
pub(crate) mod blocking;
pub(crate) mod cancel;
mod executors;
pub(crate) mod generators;
pub(crate) mod remote;
pub(crate) mod spawn;
pub(crate) mod timers;
pub(crate) mod tools;
pub(crate) mod turn;
pub(crate) mod usual;
pub(crate) mod waits;

use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::task::{Poll, Waker};
use std::time::Duration;

pub(crate) use executors::{Executor, Sleeps, Turnwise, Virtual};
use tools::Own;

/// Work that is set up and warm: does this many operations, and asserts that it did them.
pub(crate) type Work = Box<dyn FnMut(u64)>;

/// Sets up the work of a row.
pub(crate) type Setup = fn() -> Work;

/// One row of the tables, on one executor.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The number of operations in a batch; the work cannot do fewer.
    pub(crate) batch: u64,
    /// The number of operations in one call of the work when it is timed.
    pub(crate) size: u64,
    pub(crate) kind: Kind,
    pub(crate) work: Setup,
}

/// What a row spends its time on, which decides how it is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Never waits.
    Computes,
    /// Waits for deadlines most of the time, so only processor time is meaningful.
    Sleeps,
    /// Uses two threads, so only wall time is meaningful, and instructions cannot be counted exactly.
    TwoThreads,
}

/// One column of the tables.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Returns the setup of the row of that name, or `None` if this column lacks the row.
    pub(crate) on: fn(&str) -> Option<Setup>,
}

/// All rows, as they run on turnwise, which has them all.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = with_timers::<Turnwise>();
    let after = rows.iter().position(|row| row.name == "timers_cancel").unwrap_or(rows.len());
    rows.splice(after..after, timers::virtual_rows::<Virtual>());
    rows.extend(waits::rows::<Turnwise, Own>());
    rows.extend(cancel::rows());
    rows.extend(generators::rows::<generators::Own>());
    rows.extend(blocking::rows::<Turnwise>());
    rows
}

/// The rows of an executor that can sleep.
pub(crate) fn with_timers<E: Sleeps>() -> Vec<Row> {
    let mut rows = without_timers::<E>();
    let after = rows.iter().position(|row| row.name == "waker_clone").unwrap_or(rows.len());
    rows.splice(after..after, timers::rows::<E>());
    rows
}

/// The rows of an executor that cannot sleep.
pub(crate) fn without_timers<E: Executor>() -> Vec<Row> {
    [spawn::rows::<E>(), turn::rows::<E>(), remote::rows::<E>()].concat()
}

/// Returns the setup of the row of that name.
pub(crate) fn work(rows: &[Row], name: &str) -> Option<Setup> {
    rows.iter().find(|row| row.name == name).map(|row| row.work)
}

/// Random numbers that are the same in every run: xorshift.
#[derive(Clone, Copy)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Random(0x9E37_79B9_7F4A_7C15)
    }

    /// Returns a random duration below 50 ms.
    pub(crate) fn nap(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % 50_000_000)
    }
}

/// Wakes one task once `left` others have counted.
#[derive(Default)]
pub(crate) struct Countdown {
    pub(crate) left: Cell<u64>,
    pub(crate) counted: Cell<u64>,
    waker: Cell<Option<Waker>>,
}

impl Countdown {
    pub(crate) fn count(&self) {
        self.counted.set(self.counted.get() + 1);
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            if self.left.get() == 0 {
                return Poll::Ready(());
            }
            self.waker.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// Divides `n` operations into batches of `size`; yields the number of the first operation of each batch.
pub(crate) fn batches(n: u64, size: u64) -> impl Iterator<Item = u64> {
    (0..n.div_ceil(size)).map(move |batch| batch * size)
}

/// Returns the value, hidden from the optimizer.
pub(crate) fn hidden<T>(value: T) -> T {
    black_box(value)
}

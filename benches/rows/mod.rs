//! The rows: one piece of work each, the same for every executor.
//!
//! A row is written once, over [`Executor`], and runs on turnwise and on every peer. Beside them stands
//! `bare`: the same work by a loop written for that row alone.
#![allow(dead_code, reason = "each of those who share it leaves a part unused")]

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

/// Work that is set up and warm: does so many operations, and asserts that it did them.
pub(crate) type Work = Box<dyn FnMut(u64)>;

/// Sets work up.
pub(crate) type Setup = fn() -> Work;

/// One line of the tables, on one executor.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// It works in batches of so many operations, and cannot do fewer.
    pub(crate) batch: u64,
    /// How many operations one call of the work is given when it is timed.
    pub(crate) size: u64,
    pub(crate) kind: Kind,
    pub(crate) work: Setup,
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

/// One column of the tables.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Sets the work of the row of that name up; `None` if it cannot be done here.
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

/// The rows of an executor that cannot.
pub(crate) fn without_timers<E: Executor>() -> Vec<Row> {
    [spawn::rows::<E>(), turn::rows::<E>(), remote::rows::<E>()].concat()
}

/// The work of the row of that name.
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

    /// A length of time below 50 ms.
    pub(crate) fn nap(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % 50_000_000)
    }
}

/// Wakes one task when so many others have counted.
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

/// Cuts `n` operations into batches of so many; gives the number of the first one of each.
pub(crate) fn batches(n: u64, size: u64) -> impl Iterator<Item = u64> {
    (0..n.div_ceil(size)).map(move |batch| batch * size)
}

/// The same work with what it computes hidden from the optimiser.
pub(crate) fn hidden<T>(value: T) -> T {
    black_box(value)
}

//! The memory that tasks take, measured by a counting allocator.

use std::alloc::System;
use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use stats_alloc::{Region, StatsAlloc};

use crate::peers::peer;
use crate::rows::{Countdown, Executor, spawn};

/// The allocator of the binary that measures this.
pub type Counter = &'static StatsAlloc<System>;

/// The rows of this file, in the order of the figures.
pub(crate) const ROWS: [(&str, &str); 4] = [
    ("bytes_idle_join", "live bytes of a task that waits for another one"),
    ("bytes_idle_waker", "live bytes of a task whose waker is held elsewhere"),
    ("allocations", "allocations per task, spawned and joined"),
    ("bytes_allocated", "bytes allocated per task, spawned and joined"),
];

/// How many tasks idle.
const TASKS: u64 = 1_000_000;

/// The entry point of the binary: measures the executor that is named.
pub fn main(counter: Counter) -> io::Result<()> {
    let name = std::env::args().nth(1).ok_or(io::ErrorKind::InvalidInput)?;
    let measure = peer(&name).and_then(|peer| peer.memory).ok_or(io::ErrorKind::NotFound)?;
    let figures = measure(counter).map(|figure| format!("{figure:.2}"));
    println!("{}", figures.join(" "));
    // Without dropping what is left in thread-local variables.
    std::process::exit(0)
}

/// The figures of the [`ROWS`].
pub(crate) fn measure<E: Executor>(counter: Counter) -> [f64; 4]
where
    E::Handle<u64>: Unpin,
{
    let (allocations, bytes) = spawned::<E>(counter);
    [idle_joining::<E>(counter), idle_waking::<E>(counter), allocations, bytes]
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_task(count: usize) -> f64 {
    count as f64 / TASKS as f64
}

thread_local! {
    /// Counts the tasks that have had their first turn.
    static BEGUN: Countdown = Countdown::default();
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// An idle task with 16 bytes of its own, and what it waits for.
struct Idle<F> {
    own: [u64; 2],
    for_it: F,
}

impl<F: Future + Unpin> Future for Idle<F> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if self.own[0] == 0 {
            self.own[0] = 1;
            BEGUN.with(Countdown::count);
        }
        Pin::new(&mut self.for_it).poll(cx).map(|_| self.own[1])
    }
}

/// Waits forever, with its waker held elsewhere.
struct Given;

impl Future for Given {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        WAKERS.with_borrow_mut(|wakers| wakers.push(cx.waker().clone()));
        Poll::Pending
    }
}

/// Bytes that are still allocated after all tasks have had their first turn.
fn live_bytes<E: Executor>(counter: Counter, spawn: impl FnOnce() + 'static) -> f64 {
    let executor = E::new();
    executor.block_on(async { E::yield_now().await });
    BEGUN.with(|begun| begun.left.set(TASKS));
    let region = Region::new(counter);
    executor.block_on(async move {
        spawn();
        poll_fn(|cx| BEGUN.with(|begun| pin!(begun.wait()).poll(cx))).await;
    });
    let change = region.change();
    // Dropping a million idle tasks would only take time.
    std::mem::forget(executor);
    per_task(change.bytes_allocated - change.bytes_deallocated)
}

/// Each task waits for the task that was spawned before it.
fn idle_joining<E: Executor>(counter: Counter) -> f64
where
    E::Handle<u64>: Unpin,
{
    live_bytes::<E>(counter, || {
        let mut last = E::spawn(pending());
        for own in 0..TASKS {
            last = E::spawn(Idle { own: [0, own], for_it: last });
        }
        std::mem::forget(last);
    })
}

fn idle_waking<E: Executor>(counter: Counter) -> f64 {
    let tasks = usize::try_from(TASKS).expect("they fit in memory");
    WAKERS.with_borrow_mut(|wakers| wakers.reserve(tasks));
    live_bytes::<E>(counter, || {
        for own in 0..TASKS {
            std::mem::forget(E::spawn(Idle { own: [0, own], for_it: Given }));
        }
    })
}

/// Allocations and bytes per task that is spawned and joined, once the executor is warm.
fn spawned<E: Executor>(counter: Counter) -> (f64, f64) {
    let mut work = spawn::join::<E>();
    work(TASKS);
    let region = Region::new(counter);
    work(TASKS);
    let change = region.change();
    (per_task(change.allocations), per_task(change.bytes_allocated))
}

//! A barrier: a fixed number of tasks wait for each other, then all of them continue.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use thiserror::Error;

use crate::kernel::Place;
use crate::limits::{Limited, poll_limited};
use crate::report::WaitsFor;
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Waiters};

/// A rendezvous for a fixed number of tasks: each waits until all of them have arrived. It is reusable.
///
/// Only tasks that are still waiting count: dropping a wait takes its arrival back. A task that waits again
/// before the others of its rendezvous have taken their turns counts toward the next one.
///
/// It is `!Send` and uses no atomics.
///
/// # Example
///
/// ```
/// use std::rc::Rc;
/// use turnwise::{block_on, spawn, sync::Barrier};
///
/// block_on(async {
///     let start = Rc::new(Barrier::new(3).named("start"));
///     let runners = [(); 3].map(|()| {
///         let start = Rc::clone(&start);
///         spawn(async move { start.wait().await.unwrap() })
///     });
///     let mut leaders = 0;
///     for (number, runner) in runners.into_iter().enumerate() {
///         let result = runner.await.unwrap();
///         assert_eq!(result.index(), number);
///         leaders += usize::from(result.is_leader());
///     }
///     assert_eq!(leaders, 1);
/// });
/// ```
pub struct Barrier {
    parties: usize,
    /// The number of waits in the list.
    arrived: Cell<usize>,
    is_broken: Cell<bool>,
    waiters: Waiters,
}

impl Barrier {
    /// Creates a barrier for `parties` tasks. As in std, 0 is the same as 1: no task ever waits, and each is a leader.
    pub const fn new(parties: usize) -> Self {
        Barrier {
            parties: if parties == 0 { 1 } else { parties },
            arrived: Cell::new(0),
            is_broken: Cell::new(false),
            waiters: Waiters::new(&"barrier"),
        }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.waiters.set_name(name.into());
        self
    }

    /// Waits until [`parties`](Barrier::parties) tasks have arrived. The last one does not wait.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`] if the barrier is broken, or is [aborted](Barrier::abort) or
    /// [reset](Barrier::reset) before the last task arrives. After that all of them get `Ok`, even if it
    /// breaks before their turns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the arrival back: the barrier waits for one more task again. Once the last
    /// task has arrived, dropping the future does not affect the others.
    #[track_caller]
    #[inline]
    pub fn wait(&self) -> BarrierWait<'_> {
        let queued = Queued::new(self, 0, Location::caller());
        BarrierWait { queued, has_arrived: false }
    }

    /// Breaks the barrier: all current and future waits fail, until it is [reset](Barrier::reset).
    ///
    /// For a task that will not arrive, so that the others do not wait for it forever.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Barrier;
    ///
    /// turnwise::block_on(async {
    ///     let barrier = Barrier::new(2);
    ///     barrier.abort();
    ///     assert!(barrier.is_broken());
    ///     assert!(barrier.wait().await.is_err());
    /// });
    /// ```
    pub fn abort(&self) {
        self.is_broken.set(true);
        self.end_round(|_| BROKEN);
    }

    /// Resets the barrier to its initial state: all current waits fail, and new ones count from zero.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Barrier;
    ///
    /// turnwise::block_on(async {
    ///     let barrier = Barrier::new(1);
    ///     barrier.abort();
    ///     barrier.reset();
    ///     assert!(barrier.wait().await.is_ok());
    /// });
    /// ```
    pub fn reset(&self) {
        self.is_broken.set(false);
        self.end_round(|_| BROKEN);
    }

    /// Returns whether the barrier is broken.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Returns the number of tasks that must arrive.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// Returns the number of tasks that have arrived and are waiting.
    pub fn n_waiting(&self) -> usize {
        self.arrived.get()
    }

    /// Wakes all waits, each with the word for its position.
    fn end_round(&self, word: impl Fn(u32) -> u32) {
        // Before the wakes, which may run code that arrives for the next rendezvous.
        self.arrived.set(0);
        self.waiters.wake_each(word);
    }
}

/// The word of the last arrival. The word of every other wait is its position.
const LAST: u32 = u32::MAX - 1;
/// The word of a wait that ended because the barrier broke.
const BROKEN: u32 = u32::MAX;

impl Source for Barrier {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    fn try_take(&self, _: u32, _: Place) -> Result<Grant, u32> {
        if self.is_broken.get() {
            return Ok(Grant::Word(BROKEN));
        }
        if self.arrived.get() + 1 < self.parties {
            return Err(0);
        }
        self.end_round(|position| position);
        Ok(Grant::Word(LAST))
    }

    fn left_waiting(&self) {
        self.arrived.set(self.arrived.get() - 1);
    }

    /// The rendezvous has taken place, so there is nothing to pass on.
    fn give_back(&self, _: Left) {}
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut barrier = f.debug_struct("Barrier");
        barrier.field("parties", &self.parties).field("arrived", &self.arrived.get());
        barrier.field("is_broken", &self.is_broken.get());
        self.waiters.debug(&mut barrier);
        barrier.finish()
    }
}

/// The future of [`Barrier::wait`].
#[must_use = "a future does nothing until it is awaited"]
pub struct BarrierWait<'a> {
    queued: Queued<'a, Barrier>,
    /// It has joined the list and is counted.
    has_arrived: bool,
}

impl Future for BarrierWait<'_> {
    type Output = Result<BarrierWaitResult, BrokenBarrier>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_limited(&mut *self, cx)
    }
}

impl Limited for &mut BarrierWait<'_> {
    type Output = Result<BarrierWaitResult, BrokenBarrier>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        let barrier = self.queued.source();
        let poll = self.queued.poll_now(cx);
        if poll.is_pending() && !self.has_arrived {
            // No other code has run since it joined the list.
            self.has_arrived = true;
            barrier.arrived.set(barrier.arrived.get() + 1);
        }
        let grant = ready!(poll);
        self.has_arrived = false;
        Poll::Ready(match grant {
            Grant::Word(BROKEN) => Err(BrokenBarrier(())),
            Grant::Word(LAST) => {
                Ok(BarrierWaitResult { index: barrier.parties - 1, is_leader: true })
            }
            Grant::Word(position) => {
                Ok(BarrierWaitResult { index: position as usize, is_leader: false })
            }
            Grant::Holding(_) => unreachable!("a barrier is not held"),
        })
    }

    fn describe(&self) -> Option<WaitsFor> {
        Some(self.queued.describe())
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWait").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// The result of [`Barrier::wait`]: the caller's place among the tasks of the rendezvous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    index: usize,
    is_leader: bool,
}

impl BarrierWaitResult {
    /// Returns whether the caller is the leader of the rendezvous, for work that must be done once.
    ///
    /// Each rendezvous has exactly one: the last task to arrive, which cannot be cancelled while waiting
    /// since it does not wait.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// Returns the position in the order of arrival, from 0, among the tasks that were still waiting when
    /// the last one arrived. The leader has the highest.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// The error of [`Barrier::wait`]: the barrier was broken or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the barrier was broken or reset before all tasks arrived")]
#[doc(alias = "BrokenBarrierError")]
pub struct BrokenBarrier(());

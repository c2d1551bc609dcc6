//! A barrier: so many tasks meet, and then all of them go on.

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

/// Lets tasks wait until so many of them have come; then all of them go on, and it can be used again.
///
/// Only those count who still wait: a wait that is dropped gives its place up. A task that comes back before
/// the others of its meeting had their turns is the first of the next meeting.
///
/// It belongs to its thread and needs no atomics.
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
    /// How many are in the list.
    arrived: Cell<usize>,
    is_broken: Cell<bool>,
    waiters: Waiters,
}

impl Barrier {
    /// Makes a barrier for so many tasks. One for 0 is one for 1, as in std: nobody waits there.
    pub const fn new(parties: usize) -> Self {
        Barrier {
            parties: if parties == 0 { 1 } else { parties },
            arrived: Cell::new(0),
            is_broken: Cell::new(false),
            waiters: Waiters::new("barrier"),
        }
    }

    /// Gives it a name, for reports.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.waiters.set_name(name.into());
        self
    }

    /// Waits until as many have come as it takes. Whoever comes last does not wait.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`] if the barrier is broken, or is [aborted](Barrier::abort) or
    /// [reset](Barrier::reset) before enough have come. Once they have, all of them get `Ok`, whatever
    /// becomes of the barrier before their turns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the arrival back: the barrier waits for one more again. Once enough have
    /// come, dropping it changes nothing for the others.
    #[track_caller]
    #[inline]
    pub fn wait(&self) -> BarrierWait<'_> {
        let queued = Queued::new(self, 0, Location::caller());
        BarrierWait { queued, has_arrived: false }
    }

    /// Breaks it: all who wait get an error, and so do all who come, until it is [reset](Barrier::reset).
    ///
    /// For a task that will not come, so that the others do not wait for it for ever.
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
        self.end_meeting(|_| BROKEN);
    }

    /// Makes it as it was in the beginning: all who wait get an error, and all who come count.
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
        self.end_meeting(|_| BROKEN);
    }

    /// Returns whether it is broken.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// How many must come.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many have come, and wait.
    pub fn n_waiting(&self) -> usize {
        self.arrived.get()
    }

    /// Lets all go who wait, each with the word for its position.
    fn end_meeting(&self, word: impl Fn(u32) -> u32) {
        // Before the wakes, which may run code that comes to the next meeting.
        self.arrived.set(0);
        self.waiters.wake_each(word);
    }
}

/// The word of who came last. The word of the others is their position.
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
        self.end_meeting(|position| position);
        Ok(Grant::Word(LAST))
    }

    fn left_waiting(&self) {
        self.arrived.set(self.arrived.get() - 1);
    }

    /// The meeting has taken place.
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
    /// It has joined the list, and was counted.
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
            // No code of others has run since it joined.
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

/// What [`Barrier::wait`] ends with: who one is among those who met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    index: usize,
    is_leader: bool,
}

impl BarrierWaitResult {
    /// Returns whether this is the one leader of the meeting, who may do what is to be done once.
    ///
    /// It is whoever came last, and so a task that cannot have been cancelled meanwhile.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// The number in the order of arrival, from 0, of those who were still there in the end. The leader has
    /// the highest.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// The barrier is broken, or was reset: what [`Barrier::wait`] ends with then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the barrier is broken")]
#[doc(alias = "BrokenBarrierError")]
pub struct BrokenBarrier(());

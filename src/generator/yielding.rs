//! The futures of yields.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::generator::exchange::Exchange;
use crate::generator::status::Status;
use crate::generator::thrown::Thrown;

/// The future of [`Co::yield_`](super::Co::yield_).
#[must_use = "a future does nothing until it is awaited"]
pub struct Yield<'co, Y, S> {
    yielding: Yielding<'co, Y, S>,
}

impl<'co, Y, S> Yield<'co, Y, S> {
    #[inline]
    pub(super) fn new(exchange: &'co Exchange<Y, S>, value: Y) -> Self {
        Yield { yielding: Yielding { exchange, stage: YieldStage::Holds(value) } }
    }
}

impl<Y, S> Future for Yield<'_, Y, S> {
    type Output = S;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S> {
        let Yielding { exchange, stage } = &mut self.yielding;
        if stage.is_first(exchange, Status::Suspended, cx) {
            return Poll::Pending;
        }
        match exchange.sent(cx) {
            Some(sent) => stage.end(sent),
            None => Poll::Pending,
        }
    }
}

/// The future of [`Co::try_yield`](super::Co::try_yield).
#[must_use = "a future does nothing until it is awaited"]
pub struct TryYield<'co, Y, S> {
    yielding: Yielding<'co, Y, S>,
}

impl<'co, Y, S> TryYield<'co, Y, S> {
    #[inline]
    pub(super) fn new(exchange: &'co Exchange<Y, S>, value: Y) -> Self {
        TryYield { yielding: Yielding { exchange, stage: YieldStage::Holds(value) } }
    }
}

impl<Y, S> Future for TryYield<'_, Y, S> {
    type Output = Result<S, Thrown>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Yielding { exchange, stage } = &mut self.yielding;
        if stage.is_first(exchange, Status::Careful, cx) {
            return Poll::Pending;
        }
        if let Some(thrown) = exchange.thrown() {
            return stage.end(Err(thrown));
        }
        match exchange.sent(cx) {
            Some(sent) => stage.end(Ok(sent)),
            None => Poll::Pending,
        }
    }
}

/// What [`Yield`] and [`TryYield`] have in common.
struct Yielding<'co, Y, S> {
    exchange: &'co Exchange<Y, S>,
    stage: YieldStage<Y>,
}

/// The progress of a yield.
enum YieldStage<Y> {
    Holds(Y),
    Waits,
    Over,
}

impl<Y> YieldStage<Y> {
    /// Hands over the value if this is the first poll; returns whether it is.
    #[inline]
    fn is_first<S>(&mut self, exchange: &Exchange<Y, S>, waits: Status, cx: &Context<'_>) -> bool {
        match self {
            YieldStage::Waits => return false,
            YieldStage::Over => polled_again(),
            YieldStage::Holds(_) => {}
        }
        if let YieldStage::Holds(value) = mem::replace(self, YieldStage::Waits) {
            exchange.hand_over(value, waits, cx);
        }
        true
    }

    #[inline]
    fn end<T>(&mut self, output: T) -> Poll<T> {
        *self = YieldStage::Over;
        Poll::Ready(output)
    }
}

#[cold]
#[inline(never)]
fn polled_again() -> ! {
    panic!("a yield was polled after completion")
}

impl<Y, S> Drop for Yielding<'_, Y, S> {
    #[inline]
    fn drop(&mut self) {
        if let YieldStage::Waits = self.stage {
            self.exchange.clear();
        }
    }
}

/// Values are moved, and nothing is pinned.
impl<Y, S> Unpin for Yielding<'_, Y, S> {}

impl<Y, S> fmt::Debug for Yield<'_, Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yield").finish_non_exhaustive()
    }
}

impl<Y, S> fmt::Debug for TryYield<'_, Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryYield").finish_non_exhaustive()
    }
}

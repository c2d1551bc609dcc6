//! A yield, as it is awaited.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::generator::Thrown;
use crate::generator::exchange::{Exchange, Parcel};

/// The future of [`Co::yield_`](super::Co::yield_).
#[must_use = "a future does nothing until it is awaited"]
pub struct Yield<'co, Y, S> {
    yielding: Yielding<'co, Y, S>,
}

impl<'co, Y, S> Yield<'co, Y, S> {
    #[inline]
    pub(super) fn new(exchange: &'co Exchange<Y, S>, value: Y) -> Self {
        Yield { yielding: Yielding { exchange, stage: Stage::Holds(value) } }
    }
}

impl<Y, S> Future for Yield<'_, Y, S> {
    type Output = S;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S> {
        match self.yielding.poll(Parcel::Yielded, cx) {
            Poll::Ready(Ok(sent)) => Poll::Ready(sent),
            Poll::Ready(Err(_)) => unreachable!("only a `try_yield` is told of errors"),
            Poll::Pending => Poll::Pending,
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
        TryYield { yielding: Yielding { exchange, stage: Stage::Holds(value) } }
    }
}

impl<Y, S> Future for TryYield<'_, Y, S> {
    type Output = Result<S, Thrown>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.yielding.poll(Parcel::Offered, cx)
    }
}

/// What the two have in common.
struct Yielding<'co, Y, S> {
    exchange: &'co Exchange<Y, S>,
    stage: Stage<Y>,
}

/// How far a yield is.
enum Stage<Y> {
    Holds(Y),
    Waits,
    Over,
}

impl<Y, S> Yielding<'_, Y, S> {
    /// Hands the value over at the first poll, and looks for the answer at all others.
    #[inline]
    fn poll(
        &mut self,
        parcel: impl FnOnce(Y) -> Parcel<Y, S>,
        cx: &Context<'_>,
    ) -> Poll<Result<S, Thrown>> {
        match std::mem::replace(&mut self.stage, Stage::Waits) {
            Stage::Holds(value) => {
                self.exchange.hand_over(parcel(value), cx);
                Poll::Pending
            }
            Stage::Waits => {
                let Some(answer) = self.exchange.answer(cx) else { return Poll::Pending };
                self.stage = Stage::Over;
                Poll::Ready(answer)
            }
            Stage::Over => panic!("a yield must not be polled again after it was ready"),
        }
    }
}

impl<Y, S> Drop for Yielding<'_, Y, S> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Waits = self.stage {
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

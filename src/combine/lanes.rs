//! What `join!` and `try_join!` await: futures of their own types, not closures over pinned variables. The compiler sees
//! through them, so a future that is ready immediately leaves nothing to do at run time.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::combine::branch::Branch;

/// A list of futures: the first, and the lanes of the others.
#[doc(hidden)]
pub trait Lanes {
    /// Their outputs, nested in the same way.
    type Outputs;

    /// Polls the futures that are not ready, in order. Returns whether all are ready now.
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool;

    /// Takes the outputs; all futures must be ready.
    fn take_all(self: Pin<&mut Self>) -> Self::Outputs;
}

/// A list of futures that may fail, all with the same error type.
#[doc(hidden)]
pub trait TryLanes<E> {
    /// Their values, nested in the same way.
    type Values;

    /// Polls the futures that are not ready, in order, until one fails. Ready when all are.
    ///
    /// # Errors
    ///
    /// The first error.
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>>;

    /// Takes the values; all futures must be ready.
    fn take_all(self: Pin<&mut Self>) -> Self::Values;
}

pin_project! {
    #[doc(hidden)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Join<L> {
        #[pin]
        lanes: L,
    }
}

pin_project! {
    #[doc(hidden)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct TryJoin<L, E> {
        #[pin]
        lanes: L,
        error: PhantomData<fn() -> E>,
    }
}

pin_project! {
    #[doc(hidden)]
    pub struct JoinLane<F: Future, Rest, T = <F as Future>::Output> {
        #[pin]
        branch: Branch<F, T>,
        #[pin]
        rest: Rest,
    }
}

/// The end of the list.
#[derive(Debug)]
#[doc(hidden)]
pub struct JoinEnd;

impl<L> Join<L> {
    #[inline]
    pub fn new(lanes: L) -> Self {
        Join { lanes }
    }
}

impl<L, E> TryJoin<L, E> {
    #[inline]
    pub fn new(lanes: L) -> Self {
        TryJoin { lanes, error: PhantomData }
    }
}

impl<F: Future, Rest, T> JoinLane<F, Rest, T> {
    #[inline]
    pub fn new(future: impl IntoFuture<IntoFuture = F>, rest: Rest) -> Self {
        JoinLane { branch: Branch::new(future), rest }
    }
}

impl<F: Future, Rest: Lanes> Lanes for JoinLane<F, Rest> {
    type Outputs = (F::Output, Rest::Outputs);

    #[inline]
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let is_ready = this.branch.poll(cx).is_ready();
        this.rest.poll_all(cx) & is_ready
    }

    #[inline]
    fn take_all(self: Pin<&mut Self>) -> Self::Outputs {
        let this = self.project();
        (this.branch.take(), this.rest.take_all())
    }
}

impl<F, T, E, Rest> TryLanes<E> for JoinLane<F, Rest, T>
where
    F: Future<Output = Result<T, E>>,
    Rest: TryLanes<E>,
{
    type Values = (T, Rest::Values);

    #[inline]
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let this = self.project();
        let is_ready = this.branch.poll_try(cx)?.is_ready();
        let rest = this.rest.poll_all(cx)?;
        if is_ready { rest.map(Ok) } else { Poll::Pending }
    }

    #[inline]
    fn take_all(self: Pin<&mut Self>) -> Self::Values {
        let this = self.project();
        (this.branch.take(), this.rest.take_all())
    }
}

impl<E> TryLanes<E> for JoinEnd {
    type Values = ();

    #[inline]
    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn take_all(self: Pin<&mut Self>) {}
}

impl Lanes for JoinEnd {
    type Outputs = ();

    #[inline]
    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> bool {
        true
    }

    #[inline]
    fn take_all(self: Pin<&mut Self>) {}
}

impl<L: Lanes> Future for Join<L> {
    type Output = L::Outputs;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Outputs> {
        let mut lanes = self.project().lanes;
        if lanes.as_mut().poll_all(cx) { Poll::Ready(lanes.take_all()) } else { Poll::Pending }
    }
}

impl<L: TryLanes<E>, E> Future for TryJoin<L, E> {
    type Output = Result<L::Values, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut lanes = self.project().lanes;
        ready!(lanes.as_mut().poll_all(cx))?;
        Poll::Ready(Ok(lanes.take_all()))
    }
}

impl<L> fmt::Debug for Join<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}

impl<L, E> fmt::Debug for TryJoin<L, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoin").finish_non_exhaustive()
    }
}

impl<F: Future, Rest, T> fmt::Debug for JoinLane<F, Rest, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinLane").field("branch", &self.branch).finish_non_exhaustive()
    }
}

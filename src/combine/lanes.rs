//! What `join!` and `try_join!` await: futures of their own types, not closures over pinned variables. The compiler
//! sees through them, so a future that is ready immediately leaves nothing to do at run time.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::combine::branch::Branch;
use crate::combine::rotation::Rotation;
use crate::limits::is_limited;

/// A list of futures: the first, and the lanes of the others.
#[doc(hidden)]
pub trait Lanes {
    /// Their outputs, nested in the same way.
    type Outputs;

    /// How many futures there are.
    const COUNT: usize;

    /// Polls the futures that are not ready, in order. Returns whether all of them are ready now.
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool;

    /// Does the same with the futures with these numbers, in a turn with limits; the first has the number `number`.
    fn poll_part(
        self: Pin<&mut Self>,
        part: &Range<usize>,
        number: usize,
        rotation: &mut Rotation,
        cx: &mut Context<'_>,
    ) -> bool;

    /// Takes the outputs; all futures must be ready.
    fn take_all(self: Pin<&mut Self>) -> Self::Outputs;
}

/// A list of futures that may fail, all with the same error type.
#[doc(hidden)]
pub trait TryLanes<E> {
    /// Their values, nested in the same way.
    type Values;

    /// How many futures there are.
    const COUNT: usize;

    /// Polls the futures that are not ready, in order, until one fails. Ready when all of them are.
    ///
    /// # Errors
    ///
    /// The first error.
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>>;

    /// Does the same with the futures with these numbers, in a turn with limits; the first has the number `number`.
    ///
    /// # Errors
    ///
    /// The first error.
    fn poll_part(
        self: Pin<&mut Self>,
        part: &Range<usize>,
        number: usize,
        rotation: &mut Rotation,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), E>>;

    /// Takes the values; all futures must be ready.
    fn take_all(self: Pin<&mut Self>) -> Self::Values;
}

pin_project! {
    #[doc(hidden)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Join<L> {
        #[pin]
        lanes: L,
        rotation: Rotation,
    }
}

pin_project! {
    #[doc(hidden)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct TryJoin<L, E> {
        #[pin]
        lanes: L,
        rotation: Rotation,
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

    impl<F: Future, Rest, T> PinnedDrop for JoinLane<F, Rest, T> {
        fn drop(this: Pin<&mut Self>) {
            this.project().branch.drop_unread();
        }
    }
}

/// The end of the list.
#[derive(Debug)]
#[doc(hidden)]
pub struct JoinEnd;

impl<L> Join<L> {
    #[inline]
    pub fn new(lanes: L) -> Self {
        Join { lanes, rotation: Rotation::new() }
    }

    /// Every poll starts with the first future, whatever is left of the budget.
    #[inline]
    pub fn biased(lanes: L) -> Self {
        Join { lanes, rotation: Rotation::fixed() }
    }
}

impl<L, E> TryJoin<L, E> {
    #[inline]
    pub fn new(lanes: L) -> Self {
        TryJoin { lanes, rotation: Rotation::new(), error: PhantomData }
    }

    /// Every poll starts with the first future, whatever is left of the budget.
    #[inline]
    pub fn biased(lanes: L) -> Self {
        TryJoin { lanes, rotation: Rotation::fixed(), error: PhantomData }
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

    const COUNT: usize = 1 + Rest::COUNT;

    #[inline]
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let is_ready = this.branch.poll(cx).is_ready();
        this.rest.poll_all(cx) & is_ready
    }

    fn poll_part(
        self: Pin<&mut Self>,
        part: &Range<usize>,
        number: usize,
        rotation: &mut Rotation,
        cx: &mut Context<'_>,
    ) -> bool {
        let this = self.project();
        let is_ready = !part.contains(&number) || {
            let poll = this.branch.poll(cx);
            rotation.polled(number);
            poll.is_ready()
        };
        this.rest.poll_part(part, number + 1, rotation, cx) & is_ready
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

    const COUNT: usize = 1 + Rest::COUNT;

    #[inline]
    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let this = self.project();
        let is_ready = this.branch.poll_try(cx)?.is_ready();
        let rest = this.rest.poll_all(cx)?;
        if is_ready { rest.map(Ok) } else { Poll::Pending }
    }

    fn poll_part(
        self: Pin<&mut Self>,
        part: &Range<usize>,
        number: usize,
        rotation: &mut Rotation,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), E>> {
        let this = self.project();
        let is_ready = !part.contains(&number) || {
            let poll = this.branch.poll_try(cx)?;
            rotation.polled(number);
            poll.is_ready()
        };
        let rest = this.rest.poll_part(part, number + 1, rotation, cx)?;
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

    const COUNT: usize = 0;

    #[inline]
    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn poll_part(
        self: Pin<&mut Self>,
        _: &Range<usize>,
        _: usize,
        _: &mut Rotation,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn take_all(self: Pin<&mut Self>) {}
}

impl Lanes for JoinEnd {
    type Outputs = ();

    const COUNT: usize = 0;

    #[inline]
    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> bool {
        true
    }

    fn poll_part(
        self: Pin<&mut Self>,
        _: &Range<usize>,
        _: usize,
        _: &mut Rotation,
        _: &mut Context<'_>,
    ) -> bool {
        true
    }

    #[inline]
    fn take_all(self: Pin<&mut Self>) {}
}

impl<L: Lanes> Future for Join<L> {
    type Output = L::Outputs;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Outputs> {
        let this = self.project();
        let mut lanes = this.lanes;
        let is_ready = if is_limited() {
            rotate(this.rotation, lanes.as_mut(), cx)
        } else {
            lanes.as_mut().poll_all(cx)
        };
        if is_ready { Poll::Ready(lanes.take_all()) } else { Poll::Pending }
    }
}

/// Polls all futures, and starts where the budget ended.
#[cold]
fn rotate<L: Lanes>(rotation: &mut Rotation, mut lanes: Pin<&mut L>, cx: &mut Context<'_>) -> bool {
    let start = rotation.start();
    let last = lanes.as_mut().poll_part(&(start..L::COUNT), 0, rotation, cx);
    let first = lanes.poll_part(&(0..start), 0, rotation, cx);
    rotation.end(L::COUNT);
    first & last
}

impl<L: TryLanes<E>, E> Future for TryJoin<L, E> {
    type Output = Result<L::Values, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut lanes = this.lanes;
        let poll = if is_limited() {
            try_rotate(this.rotation, lanes.as_mut(), cx)
        } else {
            lanes.as_mut().poll_all(cx)
        };
        poll.map_ok(|()| lanes.take_all())
    }
}

/// Does the same, until one fails.
#[cold]
fn try_rotate<L: TryLanes<E>, E>(
    rotation: &mut Rotation,
    mut lanes: Pin<&mut L>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), E>> {
    let start = rotation.start();
    let last = lanes.as_mut().poll_part(&(start..L::COUNT), 0, rotation, cx)?;
    let first = lanes.poll_part(&(0..start), 0, rotation, cx)?;
    rotation.end(L::COUNT);
    if first.is_ready() && last.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
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

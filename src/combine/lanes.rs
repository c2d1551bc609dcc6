//! What `join!` awaits: a future of its own type, not a closure over pinned variables. The compiler sees
//! through it, so a future that is ready immediately leaves nothing to do at run time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

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
    pub struct JoinLane<F: Future, Rest> {
        #[pin]
        branch: Branch<F>,
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

impl<F: Future, Rest> JoinLane<F, Rest> {
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

impl<L> fmt::Debug for Join<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}

impl<F: Future, Rest> fmt::Debug for JoinLane<F, Rest> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinLane").field("branch", &self.branch).finish_non_exhaustive()
    }
}

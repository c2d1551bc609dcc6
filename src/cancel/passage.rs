//! A future that can be requested to end, as by a timeout.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::region::Region;
use crate::cancel::request::Reason;
use crate::cancel::top::FRESH;
use crate::cancel::tree::Role;
use crate::kernel::Place;

pin_project! {
    /// A future that can be requested to end, such as that of a timeout or the body of a scope.
    ///
    /// Poll it; if it is pending, [`settle`](Passage::settle) in the same poll.
    pub(crate) struct Passage<F> {
        // Fields are dropped in order: the regions inside leave the tree before this one.
        #[pin]
        future: Option<F>,
        region: Region,
    }
}

impl<F: Future> Passage<F> {
    /// Makes a passage for a combinator that was created at this place.
    pub(crate) fn new(future: F, place: Place) -> Self {
        Passage { future: Some(future), region: Region::at(Role::Passage, place) }
    }

    /// Polls what it wraps. Pending forever if that was dropped.
    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.future.as_pin_mut() {
            Some(future) => this.region.poll(cx, |cx| future.poll(cx)),
            None => Poll::Pending,
        }
    }

    /// Makes a request if there is a reason, and looks what can take it. If nothing can, the future is dropped, and
    /// this is ready.
    #[inline]
    pub(crate) fn settle(self: Pin<&mut Self>, reason: Option<Reason>) -> Poll<()> {
        let mut this = self.project();
        let is_in_tree = this.region.number != FRESH;
        if !is_in_tree && reason.is_none() {
            return Poll::Pending;
        }
        if is_in_tree {
            if let Some(reason) = reason {
                this.region.ask(reason);
            }
            if !this.region.settle() {
                return Poll::Pending;
            }
        }
        this.future.set(None);
        this.region.remove();
        Poll::Ready(())
    }
}

//! A branch of a `join!`, a `try_join!` or a `select!`: a future, and later its output.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::watch::drop_unread;

pin_project! {
    /// A future until it is ready, and its output from then on.
    ///
    /// The future is dropped as soon as it is ready, whatever the other branches do.
    #[project = BranchView]
    #[project_replace = BranchParts]
    #[doc(hidden)]
    pub enum Branch<F: Future, T = <F as Future>::Output> {
        Waiting { #[pin] future: F },
        Done { output: T },
        Gone,
    }
}

impl<F: Future, T> Branch<F, T> {
    #[inline]
    pub fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        Branch::Waiting { future: future.into_future() }
    }

    /// Takes the output of a branch that is done.
    ///
    /// # Panics
    ///
    /// If the branch is not done, or its output was already taken.
    #[inline]
    pub fn take(self: Pin<&mut Self>) -> T {
        match self.project_replace(Branch::Gone) {
            BranchParts::Done { output } => output,
            _ => panic!("the output of a branch is taken once, after it is done"),
        }
    }
}

impl<F: Future, T> Branch<F, T> {
    /// Drops an output that waits for those of other branches: nothing has read it.
    #[inline]
    pub(super) fn drop_unread(self: Pin<&mut Self>) {
        if mem::needs_drop::<T>() && matches!(*self, Branch::Done { .. }) {
            drop_unread(self.take());
        }
    }
}

impl<F: Future> Branch<F> {
    /// Polls the future, if it is not ready yet.
    #[inline]
    pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let BranchView::Waiting { future } = self.as_mut().project() {
            let output = ready!(future.poll(cx));
            self.set(Branch::Done { output });
        }
        Poll::Ready(())
    }
}

impl<F, T, E> Branch<F, T>
where
    F: Future<Output = Result<T, E>>,
{
    /// Like `poll`, for a branch that may fail: an error is returned immediately.
    ///
    /// # Errors
    ///
    /// The error of the future.
    #[inline]
    pub fn poll_try(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        if let BranchView::Waiting { future } = self.as_mut().project() {
            match ready!(future.poll(cx)) {
                Ok(output) => self.set(Branch::Done { output }),
                Err(error) => {
                    self.set(Branch::Gone);
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: Future, T> fmt::Debug for Branch<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Branch::Waiting { .. } => "Waiting",
            Branch::Done { .. } => "Done",
            Branch::Gone => "Gone",
        })
    }
}

/// Polls a branch of a `select!`, whose output is returned in a tuple. A branch that is ready is emptied, and so never
/// polled again.
#[doc(hidden)]
#[inline]
pub fn poll_enabled<F: Future>(
    mut branch: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<(F::Output,)> {
    let Some(future) = branch.as_mut().as_pin_mut() else { return Poll::Pending };
    let output = ready!(future.poll(cx));
    branch.set(None);
    Poll::Ready((output,))
}

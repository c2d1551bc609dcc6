//! Catching a request to end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::cancelled::Cancelled;
use crate::cancel::region::Region;
use crate::cancel::regions::Role;
use crate::cancel::thread::left;

/// Runs a future, and catches the request to end that reaches it: then it is dropped, and the task goes on
/// with [`Cancelled`]. How this and all else that cancels fits together is told under
/// [Cancelling](crate::task#cancelling).
///
/// A request is delivered while the task waits, never in the middle of its turn. It goes to every
/// `catch_cancel` that waits and has no other inside: to the innermost one of each concurrent branch, once.
/// What that wraps is dropped without being polled again, even if what it waits for has just happened. But
/// what is ready in the turn of the request keeps its output.
///
/// The clean-up lasts as long as the [`Cancelled`] lives, and may await. Until then further requests are
/// counted, and requests from elsewhere wait, unless the clean-up opens another `catch_cancel`: it is not
/// cancelled by accident, only [aborted](crate::JoinHandle::abort). Returning from it means that the request is
/// dealt with and the task goes on; [`Cancelled::resume`] passes it on to whatever is around.
///
/// A branch that catches nothing, beside one that does, is not stopped by the request its neighbour took:
/// put one `catch_cancel` around both.
///
/// # Cancel safety
///
/// Dropping it drops what it wraps, and no clean-up runs. A request that it was told of and did not take goes to
/// the next one out. One that is kept and polled no more, by a `select!` to which it was lent for example, holds a
/// request up for a few turns only; then that goes to the next one out as well.
///
/// # Panics
///
/// If it is polled again after it was ready with an `Err`.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, task, timeout};
///
/// # async fn work() { std::future::pending().await }
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let outcome = scheduler.block_on(timeout(Duration::from_secs(1), async {
///     match task::catch_cancel(work()).await {
///         Ok(()) => println!("done"),
///         Err(cancelled) => {
///             println!("closing: {}", cancelled.reason());
///             sleep(Duration::from_secs(5)).await;
///             println!("closed");
///             cancelled.resume().await
///         }
///     }
/// }));
/// assert!(outcome.is_err());
/// ```
///
/// # The `Cancelled` must live as long as the clean-up
///
/// Here it is dropped before, by the condition of the `if`, and the clean-up is a wait like any other that
/// the next request ends:
///
/// ```no_run
/// # async fn work() {}
/// # async fn clean_up() {}
/// # async fn wrong() {
/// if turnwise::task::catch_cancel(work()).await.is_err() {
///     clean_up().await; // not protected
/// }
/// # }
/// ```
///
/// And a `let result = catch_cancel(…).await;` that lives to the end of its function makes everything after
/// it a clean-up. Use a `match`, as above.
#[doc(alias = "CancelledError")]
pub fn catch_cancel<F: Future>(future: F) -> CatchCancel<F> {
    CatchCancel { future: Some(future), region: Region::new(Role::Catch) }
}

pin_project! {
    /// The future of [`catch_cancel`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct CatchCancel<F> {
        // The first field is dropped first: what is inside leaves the tree before its region does.
        #[pin]
        future: Option<F>,
        region: Region,
    }
}

impl<F: Future> Future for CatchCancel<F> {
    type Output = Result<F::Output, Cancelled>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.region.is_in_tree()
            && let Some(clean_up) = this.region.take()
        {
            // Made first: if a destructor panics in the next line, the request is over all the same.
            let cancelled = Cancelled::new(clean_up);
            this.future.set(None);
            return Poll::Ready(Err(cancelled));
        }
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("`catch_cancel` was polled after it had been ready");
        let since = left();
        if let Poll::Ready(output) = future.poll(cx) {
            this.region.leave();
            return Poll::Ready(Ok(output));
        }
        this.region.stay(since, cx);
        let Some(clean_up) = this.region.take_resumed() else { return Poll::Pending };
        let cancelled = Cancelled::new(clean_up);
        this.future.set(None);
        Poll::Ready(Err(cancelled))
    }
}

impl<F> fmt::Debug for CatchCancel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchCancel").finish_non_exhaustive()
    }
}

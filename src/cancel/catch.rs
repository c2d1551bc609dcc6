//! Catching a cancel request.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::cancelled::Cancelled;
use crate::cancel::clean_up::CleanUp;
use crate::cancel::region::Region;
use crate::cancel::tree::Role;
use crate::kernel::Place;

/// Runs a future, and catches the cancel request that reaches it: the future is dropped, and the task continues with
/// [`Cancelled`]. [Cancelling](crate::task#cancelling) describes how this works with timeouts, scopes and tokens.
///
/// A request is delivered at an await point, never in the middle of a turn. It goes to every `catch_cancel` that is
/// waiting and has no other one inside: to the innermost one of each concurrent branch, once. The future in it is
/// dropped without being polled again, even if the event it waits for has just happened.
///
/// The clean-up lasts as long as the [`Cancelled`] lives, and may await. Until then the same request, made again, is
/// only counted, and requests from elsewhere wait, even if the clean-up opens another `catch_cancel`. Only
/// [`abort`](crate::JoinHandle::abort), the end of a shutdown's grace period and a drop interrupt it. Dropping the
/// `Cancelled` means that the request has been dealt with, and the task continues; [`Cancelled::resume`] passes the
/// request outward.
///
/// If one concurrent branch catches a request and another does not, the request goes to the first, and the second is
/// not stopped. Put one `catch_cancel` around both.
///
/// # Cancel safety
///
/// Dropping it drops the future inside, and no clean-up runs. A request that it has received but not taken goes to the
/// next `catch_cancel` outward. If it is kept but no longer polled, for example by a `select!` that only borrowed it,
/// it delays a request until its task comes to rest; then the request goes to the next one outward.
///
/// # Panics
///
/// If it is polled again after it has returned an `Err`.
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
/// Here the condition of the `if` drops it too early. The clean-up is then an ordinary wait, and the next request ends
/// it:
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
/// Conversely, a `let result = catch_cancel(…).await;` that lives to the end of its function makes everything after it
/// a clean-up. Use a `match`, as above.
#[doc(alias = "CancelledError")]
#[track_caller]
pub fn catch_cancel<F: Future>(future: F) -> CatchCancel<F> {
    catch_cancel_at(Location::caller(), future)
}

/// The same, for a combinator that was created at this place.
pub(crate) fn catch_cancel_at<F: Future>(place: Place, future: F) -> CatchCancel<F> {
    CatchCancel { future: Some(future), region: Region::at(Role::Catch, place) }
}

pin_project! {
    /// The future of [`catch_cancel`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct CatchCancel<F> {
        // Fields are dropped in order: the regions inside leave the tree before this one.
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
        if let Some(clean_up) = CleanUp::begin(this.region) {
            // Made first: if a destructor panics in the next line, the request is over all the same.
            let cancelled = Cancelled::new(clean_up);
            this.future.set(None);
            return Poll::Ready(Err(cancelled));
        }
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a `catch_cancel` was polled after completion");
        this.region.poll(cx, |cx| future.poll(cx)).map(Ok)
    }
}

impl<F> fmt::Debug for CatchCancel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchCancel").finish_non_exhaustive()
    }
}

//! Holding requests to end back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::region::Region;
use crate::cancel::regions::Role;
use crate::cancel::thread::left;

/// Runs a future that is not to be cancelled half way: requests to end wait until it is over.
///
/// They are delivered at the next wait after it, or to a [`catch_cancel`](crate::task::catch_cancel) around
/// it. Timeouts inside of it act as ever. A branch beside it may take the request at once; then there is
/// nothing left to wait. [`abort`](crate::JoinHandle::abort) is not held up by anything.
///
/// A mask that nobody polls any more holds nothing up.
///
/// # Cancel safety
///
/// Dropping it drops what it wraps, at once: a mask holds requests back, and nothing else. So the loser of a
/// `select!`, or a task that [`shutdown`](crate::Scheduler::shutdown) does not wait for any longer, ends in the
/// midst of it. Work that must not is for a task of its own: [`shield`](crate::task::shield).
///
/// # Example
///
/// ```
/// use std::{cell::Cell, time::Duration};
/// use turnwise::{Scheduler, sleep, task, timeout};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let written = Cell::new(false);
/// let outcome = scheduler.block_on(timeout(Duration::from_secs(1), async {
///     task::mask(async {
///         sleep(Duration::from_secs(3)).await;
///         written.set(true);
///     }).await;
///     sleep(Duration::from_secs(3)).await;
///     unreachable!("the deadline had passed");
/// }));
/// assert!(outcome.is_err() && written.get());
/// ```
#[doc(alias = "CancelScope")]
pub fn mask<F: Future>(future: F) -> Mask<F> {
    Mask { future, region: Region::new(Role::Mask) }
}

pin_project! {
    /// The future of [`mask`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Mask<F> {
        // The first field is dropped first: what is inside leaves the tree before its region does.
        #[pin]
        future: F,
        region: Region,
    }
}

impl<F: Future> Future for Mask<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let since = left();
        let poll = this.future.poll(cx);
        match poll {
            Poll::Ready(_) => this.region.leave(),
            Poll::Pending => this.region.stay(since, cx),
        }
        poll
    }
}

impl<F> fmt::Debug for Mask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

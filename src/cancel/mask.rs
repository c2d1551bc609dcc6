//! Holding cancel requests back.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::region::Region;
use crate::cancel::tree::Role;
use crate::kernel::Place;

/// Runs a future that must not be cancelled halfway: cancel requests are held back until it has finished.
///
/// They are delivered at the next await point after it, or to a [`catch_cancel`](crate::task::catch_cancel) around it.
/// Timeouts inside it are not affected. A concurrent branch may take the request immediately; then none is left to
/// deliver. [`abort`](crate::JoinHandle::abort) is never held back.
///
/// A mask that is no longer polled when a request is made does not hold it back.
///
/// # Cancel safety
///
/// Dropping it drops the future inside, immediately: a mask only holds back requests. So a `select!` that it loses, or
/// a [`shutdown`](crate::Scheduler::shutdown) whose grace period expires, ends it halfway. Work that must not be
/// interrupted needs a task of its own: [`shield`](crate::task::shield).
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
#[track_caller]
pub fn mask<F: Future>(future: F) -> Mask<F> {
    mask_at(Location::caller(), future)
}

/// The same, for a combinator that was created at this place.
pub(crate) fn mask_at<F: Future>(place: Place, future: F) -> Mask<F> {
    Mask { future, region: Region::at(Role::Mask, place) }
}

pin_project! {
    /// The future of [`mask`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Mask<F> {
        // Fields are dropped in order: the regions inside leave the tree before this one.
        #[pin]
        future: F,
        region: Region,
    }
}

impl<F: Future> Future for Mask<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.region.poll(cx, |cx| this.future.poll(cx))
    }
}

impl<F> fmt::Debug for Mask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

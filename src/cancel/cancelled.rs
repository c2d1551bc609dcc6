//! The result of a `catch_cancel` that caught a request.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use thiserror::Error;

use crate::cancel::clean_up::CleanUp;

/// A cancel request that was caught by [`catch_cancel`](crate::task::catch_cancel).
///
/// It is a guard: the clean-up lasts until it is dropped. Until then, further requests of the same origin are
/// [counted](Cancelled::requests), and requests from elsewhere wait. Dropping it means that the request has been dealt
/// with. [`resume`](Cancelled::resume) passes the request on instead.
///
/// # It is not `Send`
///
/// Run blocking work with [`spawn_blocking`](crate::spawn_blocking), which returns its result. From another thread,
/// spawn with a [`Remote`](crate::Remote), or send values through a [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// use turnwise::task::Cancelled;
/// fn in_background(cancelled: Cancelled) {
///     std::thread::spawn(move || drop(cancelled));
/// }
/// ```
#[derive(Error)]
#[error("{}", self.reason())]
#[must_use = "the clean-up lasts until this is dropped; dropping it immediately leaves the clean-up unprotected"]
#[doc(alias = "CancelledError")]
#[doc(alias = "uncancel")]
pub struct Cancelled {
    clean_up: CleanUp,
}

impl Cancelled {
    pub(super) fn new(clean_up: CleanUp) -> Self {
        Cancelled { clean_up }
    }

    /// Returns the reason of the request: the one given to [`cancel_with`](crate::JoinHandle::cancel_with),
    /// `"cancelled"` if none was given, or `"the deadline has passed"` if a timeout made the request.
    pub fn reason(&self) -> &str {
        self.clean_up.request().reason.as_str()
    }

    /// Returns how often the request has been made so far.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{Scheduler, task};
    ///
    /// let scheduler = Scheduler::new();
    /// let handle = scheduler.spawn(async {
    ///     let cancelled = task::catch_cancel(pending::<()>()).await.unwrap_err();
    ///     cancelled.requests()
    /// });
    /// scheduler.run_until_stalled();
    /// handle.cancel();
    /// handle.cancel_with("the same again");
    /// assert_eq!(scheduler.block_on(handle)?, 2);
    /// # Ok::<(), turnwise::JoinError>(())
    /// ```
    pub fn requests(&self) -> u32 {
        self.clean_up.request().count.get()
    }

    /// Ends the clean-up and passes the request outward: to the next [`catch_cancel`](crate::task::catch_cancel) around
    /// it or, if there is none, back to where the request was made, so that the task is dropped, or the timeout returns
    /// [`Elapsed`](crate::time::Elapsed). The receiver first waits for the other clean-ups and masks inside it.
    ///
    /// Never returns, so it fits the end of any `match` arm. A [`mask`](crate::task::mask) around it does not hold the
    /// request back, since that mask could never finish.
    ///
    /// # Panics
    ///
    /// If it is polled outside of what was asked to end, or after that has ended: the `Cancelled` was moved out of a
    /// timeout, or the future that resumes was lent, shared or kept. Such a future cannot continue after a request;
    /// give it a task of its own, as by [`shield`](crate::task::shield).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before anything else has taken the request, the request still goes outward: to the next catch
    /// around it, or else to where it was made.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{Scheduler, task};
    ///
    /// let scheduler = Scheduler::new();
    /// let handle = scheduler.spawn(async {
    ///     match task::catch_cancel(pending::<&str>()).await {
    ///         Ok(output) => output,
    ///         Err(cancelled) => {
    ///             task::checkpoint().await; // the clean-up
    ///             cancelled.resume().await
    ///         }
    ///     }
    /// });
    /// scheduler.run_until_stalled();
    /// handle.cancel_with("enough");
    /// let error = scheduler.block_on(handle).unwrap_err();
    /// assert_eq!(error.reason(), Some("enough"));
    /// ```
    #[doc(alias = "raise")]
    pub async fn resume(self) -> ! {
        let mut clean_up = self.clean_up;
        let never = poll_fn(|cx| {
            clean_up.resume(cx);
            Poll::<Infallible>::Pending
        });
        match never.await {}
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cancelled = f.debug_struct("Cancelled");
        cancelled.field("reason", &self.reason()).field("requests", &self.requests()).finish()
    }
}

//! Closing a resource however its body ends, with a clean-up that may await.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::cancel::{Cancelled, catch_cancel_at, mask_at};

/// Runs `body` with a resource, then closes the resource with an async function, whether the body returned (with or
/// without an error), was cancelled or panicked.
///
/// This is Python's `async with`. If closing does not need to await, a destructor is enough. Open the resource before
/// this call: a resource that fails to open needs no closing.
///
/// `close` receives [how the body has ended](Exit). It is not cancelled: requests are held back until it has completed,
/// as in a [`mask`](crate::task::mask). After that, the output of the body is returned; a request that ended the body
/// continues outward, as by [`Cancelled::resume`]; and a panic of the body is resumed.
///
/// If closing can fail, let `close` store the error where the caller can read it, such as in a captured variable.
///
/// # Panics
///
/// If the body panics, after the resource has been closed; or if `close` panics.
///
/// # Cancel safety
///
/// A request waits until `close` has completed, as described above. Dropping the future, by an
/// [`abort`](crate::JoinHandle::abort) or as the loser of a `select!`, drops the body and the resource without calling
/// `close`, so only destructors run. So does a request that a neighbor has caught and then resumes, if this future was
/// created after that: put one [`catch_cancel`](crate::task::catch_cancel) or `with` around both.
///
/// # Example
///
/// ```
/// use std::cell::RefCell;
/// use std::time::Duration;
/// use turnwise::task::{self, Exit};
/// use turnwise::{Scheduler, sleep, timeout};
///
/// let log = RefCell::new(Vec::new());
/// let second = Duration::from_secs(1);
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let use_for = async |name, time| {
///         task::with(name, async |_| sleep(time).await, async |name, exit| {
///             sleep(second).await; // says goodbye
///             let how = match exit {
///                 Exit::Returned(()) => "done",
///                 Exit::Cancelled(_) => "cancelled",
///                 Exit::Panicked => "panicked",
///             };
///             log.borrow_mut().push(format!("{name} is closed: {how}"));
///         })
///         .await;
///     };
///     use_for("a file", second).await;
///     assert!(timeout(second, use_for("a connection", second * 3600)).await.is_err());
/// });
/// assert_eq!(log.take(), ["a file is closed: done", "a connection is closed: cancelled"]);
/// ```
#[doc(alias = "async with")]
#[doc(alias = "asynccontextmanager")]
#[doc(alias = "AsyncExitStack")]
#[track_caller]
pub fn with<R, T>(
    mut resource: R,
    body: impl AsyncFnOnce(&mut R) -> T,
    close: impl AsyncFnOnce(R, Exit<'_, T>),
) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        let body = async { body(&mut resource).await };
        // Caught twice: the inner one catches a panic of the body, the outer one that of a destructor, if the body is
        // dropped because it was cancelled.
        let outcome = caught(catch_cancel_at(place, caught(body))).await;
        match outcome {
            Ok(Ok(Ok(output))) => {
                mask_at(place, close(resource, Exit::Returned(&output))).await;
                output
            }
            Ok(Ok(Err(panic))) | Err(panic) => {
                mask_at(place, close(resource, Exit::Panicked)).await;
                resume_unwind(panic)
            }
            Ok(Err(cancelled)) => {
                mask_at(place, close(resource, Exit::Cancelled(&cancelled))).await;
                cancelled.resume().await
            }
        }
    }
}

/// How the body of a [`with`] has ended.
#[derive(Debug)]
#[doc(alias = "__aexit__")]
pub enum Exit<'a, T> {
    /// It returned this.
    Returned(&'a T),
    /// It was cancelled.
    Cancelled(&'a Cancelled),
    /// It panicked.
    Panicked,
}

/// Turns a panic of a future into an `Err`.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    // Unwind safe: the future is not polled again after a panic, and the caller only closes the resource that it used.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

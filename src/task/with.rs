//! What must be closed whatever happens, and waits to be.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::cancel::{Cancelled, catch_cancel, mask};

/// Runs a body with a resource, and closes the resource after that, by a function that may await: when the body
/// has returned, with or without an error; when it was cancelled; and when it panicked.
///
/// `async with` in Python. A destructor does the same for what can be closed at once. Open the resource before:
/// what fails to open needs no closing.
///
/// The closing function is told [how the body has ended](Exit). It is not cancelled: requests to end wait until
/// it is over, as in a [`mask`]. After that, what the body has returned is returned; a request that has ended the
/// body goes on to what is around, as by [`Cancelled::resume`]; and a panic of it goes on as well.
///
/// If the closing can fail, let the function keep what came of it, beside the resource for example.
///
/// # Panics
///
/// If the body does, once the resource is closed; or if the closing function does.
///
/// # Cancel safety
///
/// A request to end is waited for, as told. Dropping the future, by an [`abort`](crate::JoinHandle::abort) or as the
/// loser of a `select!`, drops the body and the resource, and nothing is closed but by its destructor.
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
pub async fn with<R, T>(
    mut resource: R,
    body: impl AsyncFnOnce(&mut R) -> T,
    close: impl AsyncFnOnce(R, Exit<'_, T>),
) -> T {
    let body = async { body(&mut resource).await };
    // Caught twice: its panic inside, and outside that of a destructor, if it is dropped because it is cancelled.
    let outcome = caught(catch_cancel(caught(body))).await;
    match outcome {
        Ok(Ok(Ok(output))) => {
            mask(close(resource, Exit::Returned(&output))).await;
            output
        }
        Ok(Ok(Err(panic))) | Err(panic) => {
            mask(close(resource, Exit::Panicked)).await;
            resume_unwind(panic)
        }
        Ok(Err(cancelled)) => {
            mask(close(resource, Exit::Cancelled(&cancelled))).await;
            cancelled.resume().await
        }
    }
}

/// How the body of a [`with`] has ended.
#[derive(Debug)]
#[doc(alias = "__aexit__")]
pub enum Exit<'a, T> {
    /// It has returned this.
    Returned(&'a T),
    /// It was asked to end.
    Cancelled(&'a Cancelled),
    /// It has panicked.
    Panicked,
}

/// A future whose panic is an output.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    // It is not polled again after a panic, and what it leaves behind is the caller's affair: a resource that is
    // about to be closed.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

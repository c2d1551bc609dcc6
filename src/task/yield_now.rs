//! Yielding: back to the end of the ready queue.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Yields: the task moves to the end of the ready queue, and every task that is already ready takes its turn first.
///
/// # Cancel safety
///
/// Dropping the future has no effect, but the turn that it requested may still take place.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, yield_now};
///
/// let scheduler = Scheduler::new();
/// for name in ["a", "b"] {
///     scheduler.spawn(async move {
///         print!("{name}1 ");
///         yield_now().await;
///         print!("{name}2 ");
///     });
/// }
/// scheduler.run()?; // a1 b1 a2 b2
/// # Ok::<(), turnwise::RunError>(())
/// ```
#[doc(alias = "sleep(0)")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Yields, which lets the task be cancelled here: a request is delivered only at an await point, never during a
/// computation.
///
/// The same as [`yield_now`], under a name that states this purpose.
///
/// # Cancel safety
///
/// Dropping the future has no effect, but the turn that it requested may still take place.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn, task, yield_now};
///
/// block_on(async {
///     let endless = spawn(async { loop { task::checkpoint().await } });
///     yield_now().await;
///     endless.cancel();
///     assert!(endless.await.unwrap_err().is_cancelled());
/// });
/// ```
pub fn checkpoint() -> YieldNow {
    yield_now()
}

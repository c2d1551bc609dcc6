//! Not waiting longer than until a deadline.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::cancel::{Passage, Reason, left};
use crate::kernel::{Word, current_scheduler, set_word, word};
use crate::time::layer::current_time;
use crate::time::sleep::{Deadline, Sleep};

/// Runs a future, but no longer than this: then it is asked to end, and the result is [`Elapsed`].
///
/// At the deadline the future gets a request, as by [`JoinHandle::cancel`](crate::JoinHandle::cancel): a
/// [`catch_cancel`](crate::task::catch_cancel) in it may clean up for as long as that takes, and a
/// [`mask`](crate::task::mask) is waited for. If there is neither it is dropped at once. The result is
/// `Elapsed` whatever the future returns after that; but one that is ready in the very turn of the deadline
/// wins. A future that catches the request and goes on is not asked a second time.
///
/// Of several timeouts around each other that are due in one turn, the outermost acts, and no code behind the
/// inner ones runs.
///
/// The time counts from the first poll that does not end the future: one that is ready at once costs neither a
/// timer nor a look at the clock. A timeout of zero polls its future once. One of [`Duration::MAX`], or of
/// more than 292 years, never ends.
///
/// # Errors
///
/// [`Elapsed`] if the deadline has passed first.
///
/// # Cancel safety
///
/// Dropping it drops what it wraps, and no clean-up runs. A request from around it goes through it to what it
/// wraps; one that meets a clean-up for the deadline is delivered after that.
///
/// # Panics
///
/// If it has to wait outside of a running scheduler.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, timeout};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let second = Duration::from_secs(1);
///     assert_eq!(timeout(second, async { "ready" }).await, Ok("ready"));
///     assert!(timeout(second, sleep(2 * second)).await.is_err());
/// });
/// ```
#[track_caller]
#[doc(alias = "wait_for")]
#[doc(alias = "fail_after")]
#[doc(alias = "move_on_after")]
pub fn timeout<F: Future>(after: Duration, future: F) -> Timeout<F> {
    Timeout::new(future, Deadline::After(after), Location::caller())
}

/// Runs a future, but no longer than until this point in time; see [`timeout`].
///
/// If that is past, the future is polled once. Under a virtual clock the instant is compared with
/// [`time::now`](crate::time::now).
///
/// # Errors
///
/// [`Elapsed`] if the deadline has passed first.
///
/// # Cancel safety
///
/// Dropping it drops what it wraps, and no clean-up runs. A request from around it goes through it to what it
/// wraps; one that meets a clean-up for the deadline is delivered after that.
///
/// # Panics
///
/// If it has to wait outside of a running scheduler.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let deadline = time::now() + Duration::from_secs(1);
///     assert!(time::timeout_at(deadline, sleep(Duration::from_secs(2))).await.is_err());
///     assert_eq!(time::now(), deadline);
/// });
/// ```
#[track_caller]
#[doc(alias = "timeout")]
#[doc(alias = "fail_at")]
#[doc(alias = "move_on_at")]
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout::new(future, Deadline::At(deadline), Location::caller())
}

/// The deadline has passed before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the deadline has passed")]
#[doc(alias = "TimeoutError")]
#[doc(alias = "TooSlowError")]
pub struct Elapsed(());

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        passage: Passage<F>,
        stage: TimeoutStage,
        // Started when it is first needed. Stopped by hand, so that a future which was ready at once leaves
        // nothing to look through.
        sleep: ManuallyDrop<Sleep>,
    }

    impl<F> PinnedDrop for Timeout<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let TimeoutStage::Waiting = this.stage {
                this.sleep.stop();
            }
        }
    }
}

#[derive(Clone, Copy)]
enum TimeoutStage {
    /// Not polled yet, or for the first time.
    New,
    /// For the sleep to end.
    Waiting,
    /// The deadline has come, but a timeout around it was due in the same turn.
    Due,
    /// What it wraps was asked to end.
    Elapsed,
}

impl<F: Future> Timeout<F> {
    fn new(future: F, deadline: Deadline, place: &'static Location<'static>) -> Self {
        let sleep = ManuallyDrop::new(Sleep::unstarted(deadline, place));
        Timeout { passage: Passage::new(future), stage: TimeoutStage::New, sleep }
    }
}

impl<F> Timeout<F> {
    /// Returns whether the deadline has passed and the future was asked to end, though it may still be
    /// cleaning up.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.stage, TimeoutStage::Elapsed)
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let since = left();
        let this = self.as_mut().project();
        let is_new = matches!(this.stage, TimeoutStage::New);
        // One of zero is due before its first poll: what is inside is to give way to it.
        if !is_new || this.sleep.is_zero() {
            return self.poll_again(since, cx);
        }
        if let Poll::Ready(output) = this.passage.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        self.begin(since, cx)
    }
}

impl<F: Future> Timeout<F> {
    /// After the first poll that does not end it: now there must be a timer.
    fn begin(
        self: Pin<&mut Self>,
        since: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Elapsed>> {
        let this = self.project();
        // Before it starts: a waker that panics when it is cloned leaves a sleep to be stopped.
        *this.stage = TimeoutStage::Waiting;
        if start(this.sleep, cx) {
            *this.stage = TimeoutStage::Due;
        }
        settle(this.passage, this.stage, since, cx)
    }

    fn poll_again(
        self: Pin<&mut Self>,
        since: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Elapsed>> {
        let mut this = self.project();
        let is_due = match this.stage {
            TimeoutStage::New => true,
            TimeoutStage::Waiting => Pin::new(&mut **this.sleep).poll(cx).is_ready(),
            TimeoutStage::Due | TimeoutStage::Elapsed => false,
        };
        if is_due {
            *this.stage = TimeoutStage::Due;
        }
        let poll = {
            let _is_due = matches!(this.stage, TimeoutStage::Due).then(Due::begin);
            this.passage.as_mut().poll(cx)
        };
        match (poll, this.stage) {
            (Poll::Ready(_), TimeoutStage::Elapsed) => Poll::Ready(Err(Elapsed(()))),
            (Poll::Ready(output), _) => Poll::Ready(Ok(output)),
            (Poll::Pending, stage) => settle(this.passage, stage, since, cx),
        }
    }
}

/// Begins to wait for the deadline. Returns whether it is past.
fn start(sleep: &mut Sleep, cx: &mut Context<'_>) -> bool {
    let Some((deadline, place)) = sleep.plan() else { return true };
    assert!(
        current_scheduler().is_some(),
        "the timeout at {place} needs a running scheduler: await it inside `block_on`"
    );
    let is_past = match deadline {
        Deadline::At(instant) => current_time().is_some_and(|time| instant <= time.instant_now()),
        Deadline::After(_) => false,
    };
    is_past || Pin::new(sleep).poll(cx).is_ready()
}

/// What it wraps is pending: looks whether it is to be asked to end, or dropped.
fn settle<F: Future, T>(
    passage: Pin<&mut Passage<F>>,
    stage: &mut TimeoutStage,
    since: u32,
    cx: &Context<'_>,
) -> Poll<Result<T, Elapsed>> {
    let mut reason = None;
    if let TimeoutStage::Due = stage {
        if Due::is_any() {
            // It acts at its next poll, if it is still there then.
            cx.waker().wake_by_ref();
        } else {
            *stage = TimeoutStage::Elapsed;
            reason = Some(Reason::Deadline);
        }
    }
    passage.settle(since, cx, reason).map(|()| Err(Elapsed(())))
}

/// While it exists, a timeout whose deadline has come is polling what it wraps: those inside leave it to that one.
struct Due {
    _not_send: PhantomData<*const ()>,
}

impl Due {
    fn begin() -> Self {
        set_word(Word::Time, word(Word::Time) + 1);
        Due { _not_send: PhantomData }
    }

    /// Returns whether there is one further up the stack.
    fn is_any() -> bool {
        word(Word::Time) > 0
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        set_word(Word::Time, word(Word::Time) - 1);
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("deadline", &self.sleep.deadline())
            .field("is_elapsed", &self.is_elapsed())
            .finish_non_exhaustive()
    }
}

//! Limiting how long a future may take.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::cancel::{Passage, Reason};
use crate::kernel::{Word, current_scheduler, set_word, word};
use crate::limits::poll_at_once;
use crate::machine::Instant;
use crate::time::layer::current_time;
use crate::time::sleep::{Deadline, Sleep};

/// Limits a future to the duration `after`: at the deadline it is cancelled, and if that drops it, the result is
/// [`Elapsed`].
///
/// At the deadline the future receives a cancel request, as from [`JoinHandle::cancel`](crate::JoinHandle::cancel): a
/// [`catch_cancel`](crate::task::catch_cancel) in it may clean up for as long as that takes, and a
/// [`mask`](crate::task::mask) is waited for. If there is neither, the future is dropped immediately. A future that
/// ends by itself gives its output, however late: one that is ready in the very turn of the deadline, one that was
/// masked, and one that has caught the request and returns ([`is_elapsed`](Timeout::is_elapsed) says that the deadline
/// has passed). For `Elapsed` after a clean-up, [`resume`](crate::task::Cancelled::resume) the request. A future that
/// catches the request and continues does not receive a second one.
///
/// A timeout of a [handle](crate::JoinHandle) ends only the wait: the task continues, detached. To cancel the task too,
/// wrap the handle in a [`CancelOnDrop`](crate::CancelOnDrop).
///
/// If several nested timeouts are due in one turn, only the outermost makes a request in that turn. If nothing takes or
/// holds it, everything inside is dropped, so no code after the inner timeouts runs.
///
/// The time counts from the first poll that leaves the future pending: a future that is ready immediately costs neither
/// a timer nor a reading of the clock. In the [order](crate::sleep) in which timers with equal deadlines fire, a timeout
/// was created then too, after any sleep that was created before that poll. A timeout of zero polls its future once. A
/// timeout of [`Duration::MAX`], or of more than 292 years, never expires.
///
/// # Errors
///
/// [`Elapsed`] if the deadline has passed and the future was dropped.
///
/// # Cancel safety
///
/// Dropping the timeout drops the future, and no clean-up runs. A cancel request from outside passes through the
/// timeout to the future. If the future is already cleaning up because of the deadline, that request is delivered
/// afterwards.
///
/// # Panics
///
/// If it must wait outside of a running scheduler.
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

/// Cancels a future that is not ready by `deadline`; see [`timeout`].
///
/// If the deadline is in the past, the future is polled once. Under a virtual clock the instant is compared with
/// [`time::now`](crate::time::now). As with [`timeout`], the timer is created by the first poll, so a
/// [`sleep_until`](crate::sleep_until) with the same deadline that was created before that poll completes first.
///
/// # Errors
///
/// [`Elapsed`] if the deadline has passed and the future was dropped.
///
/// # Cancel safety
///
/// Dropping the timeout drops the future, and no clean-up runs. A cancel request from outside passes through the
/// timeout to the future. If the future is already cleaning up because of the deadline, that request is delivered
/// afterwards.
///
/// # Panics
///
/// If it must wait outside of a running scheduler.
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

/// The deadline passed before the future was ready.
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
        // Started when it is first needed. Stopped by hand, so that dropping the timeout of a future that was ready
        // immediately has nothing to check.
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
    /// Not polled yet, or in its first poll.
    New,
    /// Waiting for the sleep to end.
    Waiting,
    /// The deadline has passed, and no request was made yet: either in this very poll, or because a timeout around this
    /// one is due too.
    Due,
    /// The future has received a cancel request.
    Elapsed,
}

impl<F: Future> Timeout<F> {
    fn new(future: F, deadline: Deadline, place: &'static Location<'static>) -> Self {
        let sleep = ManuallyDrop::new(Sleep::unstarted(deadline, place));
        Timeout { passage: Passage::new(future, place), stage: TimeoutStage::New, sleep }
    }
}

impl<F> Timeout<F> {
    /// Returns whether the deadline has passed and the future has received its cancel request; it may still be cleaning
    /// up.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.stage, TimeoutStage::Elapsed)
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let is_new = matches!(this.stage, TimeoutStage::New);
        // A timeout of zero is due before its first poll, so due timeouts inside it leave the cancelling to it.
        if !is_new || this.sleep.is_zero() {
            if is_new && poll_at_once(cx).is_pending() {
                *this.stage = TimeoutStage::Due;
                return Poll::Pending;
            }
            return self.poll_again(cx);
        }
        if let Poll::Ready(output) = this.passage.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        self.begin(cx)
    }
}

impl<F: Future> Timeout<F> {
    /// Continues after a first poll that left the future pending: now there must be a timer.
    fn begin(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, Elapsed>> {
        let this = self.project();
        // Set before the sleep starts: if cloning the waker panics, there is a sleep to stop.
        *this.stage = TimeoutStage::Waiting;
        if start(this.sleep, cx) {
            *this.stage = TimeoutStage::Due;
            ready!(poll_at_once(cx));
        }
        settle(this.passage, this.stage, cx)
    }

    fn poll_again(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, Elapsed>> {
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
        match poll {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => settle(this.passage, this.stage, cx),
        }
    }
}

/// Starts the sleep. Returns whether the deadline has passed already.
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

/// Handles a pending future: cancels it if the deadline has passed and this timeout is the outermost due one.
fn settle<F: Future, T>(
    passage: Pin<&mut Passage<F>>,
    stage: &mut TimeoutStage,
    cx: &Context<'_>,
) -> Poll<Result<T, Elapsed>> {
    let mut reason = None;
    if let TimeoutStage::Due = stage {
        if Due::is_any() {
            // This timeout acts at its next poll, if it still exists then.
            cx.waker().wake_by_ref();
        } else {
            *stage = TimeoutStage::Elapsed;
            reason = Some(Reason::Deadline);
        }
    }
    passage.settle(reason).map(|()| Err(Elapsed(())))
}

/// While this exists, a timeout whose deadline has passed is polling its future: due timeouts inside leave the
/// cancelling to it.
struct Due {
    _not_send: PhantomData<*const ()>,
}

impl Due {
    fn begin() -> Self {
        set_word(Word::Time, word(Word::Time) + 1);
        Due { _not_send: PhantomData }
    }

    /// Returns whether a due timeout is polling further up the stack.
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

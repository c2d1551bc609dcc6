//! Sleeping until a point in time.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::limits::{Limited, poll_limited};
use crate::machine::{Instant, has_clock};
use crate::report::WaitsFor;
use crate::time::layer::{Time, current_time};
use crate::time::nanos::nanos;
use crate::time::timers::{TimerKey, When};

/// Waits until `duration` has elapsed since this call.
///
/// A sleep is never early. Sleeps that are created in one turn share one reading of the clock, at the end of that turn
/// or when it calls [`time::now`](crate::time::now), so a sleep may be late by the length of a turn. Sleeps that are
/// due together complete in the order of their deadlines, and those with equal deadlines in the order in which they
/// were created, on every clock. (A [`timeout`](crate::timeout) creates its timer at its first poll.) A sleep of
/// [`Duration::MAX`], or of more than 292 years, never completes.
///
/// A sleep that is created outside of a running scheduler counts from its first poll.
///
/// # How late it can be
///
/// When nothing is ready, the thread sleeps until the next deadline, and wakes later by up to the
/// [slack](crate::scheduler::Builder::timer_slack). While tasks are ready, the timers are checked between passes (a
/// pass is one turn for every task that was ready when it began): after 64 turns or, if these take longer than 100 µs,
/// after as many as take that long, but at least one. The length of turns is measured from one check to the next. So
/// when turns become long, a sleep may be late by 64 of them, rounded up to the end of a pass, once. From then on there
/// is a check after every pass. If no task has waited for a timer for a while, the first one that does brings a check at
/// the end of its pass, from which turns are measured again.
///
/// A sleep that is due when it is first awaited, such as one of zero, completes after the current pass, on every clock:
/// each task that was ready when that pass began has its turn first. (On a real clock, a sleep counts as due by the
/// latest reading.)
///
/// # Cancel safety
///
/// Dropping the future removes the timer; nothing is lost.
///
/// # Panics
///
/// If it is first polled outside of a running scheduler, or polled after its scheduler was dropped.
///
/// # Example
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// turnwise::block_on(turnwise::sleep(Duration::from_millis(5)));
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(Deadline::After(duration), Location::caller())
}

/// Waits until `deadline`; if that is in the past, until the current pass ends. See [`sleep`] for the order in which
/// sleeps complete, and how late.
///
/// Under a virtual clock the instant is compared with [`time::now`](crate::time::now).
///
/// # Cancel safety
///
/// Dropping the future removes the timer; nothing is lost.
///
/// # Panics
///
/// If it is first polled outside of a running scheduler, or polled after its scheduler was dropped.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let deadline = time::now() + Duration::from_secs(3);
///     time::sleep_until(deadline).await;
///     assert_eq!(time::now(), deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::until(deadline, Location::caller())
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sleep {
    stage: SleepStage,
}

enum SleepStage {
    /// Has no timer yet: created outside of a running scheduler, or to be started by its first poll.
    Unstarted {
        deadline: Deadline,
        place: &'static Location<'static>,
    },
    Started {
        time: Rc<Time>,
        timer: TimerKey,
    },
    Elapsed,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Deadline {
    After(Duration),
    At(Instant),
}

impl Sleep {
    #[inline]
    fn new(deadline: Deadline, place: &'static Location<'static>) -> Self {
        // The duration counts from here, not from the first poll.
        match current_time() {
            Some(time) => Sleep { stage: start(time, deadline, place) },
            None => Sleep { stage: SleepStage::Unstarted { deadline, place } },
        }
    }

    /// Creates a sleep that reports another place as its own.
    pub(crate) fn until(deadline: Instant, place: &'static Location<'static>) -> Self {
        Sleep::new(Deadline::At(deadline), place)
    }

    /// Creates a sleep that counts from its first poll.
    #[inline]
    pub(super) fn unstarted(deadline: Deadline, place: &'static Location<'static>) -> Self {
        Sleep { stage: SleepStage::Unstarted { deadline, place } }
    }

    /// If the sleep has not started, returns how its deadline was given, and where.
    #[inline]
    pub(super) fn plan(&self) -> Option<(Deadline, &'static Location<'static>)> {
        match self.stage {
            SleepStage::Unstarted { deadline, place } => Some((deadline, place)),
            SleepStage::Started { .. } | SleepStage::Elapsed => None,
        }
    }

    /// Returns whether this is a sleep of zero that has not started.
    #[inline]
    pub(super) fn is_zero(&self) -> bool {
        matches!(self.stage, SleepStage::Unstarted { deadline: Deadline::After(length), .. } if length.is_zero())
    }

    /// Ends the sleep early and removes its timer.
    pub(super) fn stop(&mut self) {
        drop(mem::replace(self, Sleep { stage: SleepStage::Elapsed }));
    }

    /// Creates a sleep that never completes.
    pub(super) fn endless(place: &'static Location<'static>) -> Self {
        Sleep::new(Deadline::After(Duration::MAX), place)
    }

    /// Returns whether the sleep has completed.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.stage, SleepStage::Elapsed)
    }

    /// Returns the deadline; `None` if the sleep has completed, or if its deadline is not known yet. On a real clock
    /// that is so until the turn that created the sleep ends, calls [`time::now`](crate::time::now), or takes a
    /// [snapshot](crate::Scheduler::snapshot); a [`sleep`] that was created outside of a running scheduler has no
    /// deadline until its first poll.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            SleepStage::Started { time, timer } => time.timer_deadline(*timer),
            SleepStage::Unstarted { deadline: Deadline::At(instant), .. } => Some(*instant),
            SleepStage::Unstarted { .. } | SleepStage::Elapsed => None,
        }
    }

    /// Changes the deadline, to an earlier or a later point in time. A sleep that has completed starts again.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{pin::pin, time::Duration};
    /// use turnwise::{Scheduler, sleep, time};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// scheduler.block_on(async {
    ///     let start = time::now();
    ///     let mut sleep = pin!(sleep(Duration::from_secs(3600)));
    ///     sleep.as_mut().reset(start + Duration::from_secs(1));
    ///     sleep.await;
    ///     assert_eq!(time::now() - start, Duration::from_secs(1));
    /// });
    /// ```
    #[track_caller]
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        // Dropping the old sleep removes the old timer.
        self.set(sleep_until(deadline));
    }
}

impl Limited for &mut Sleep {
    type Output = ();

    /// Polls a sleep that has been started.
    #[inline]
    fn poll_now(self, cx: &Context<'_>) -> Poll<()> {
        if let SleepStage::Started { time, timer } = &self.stage {
            if time.poll_timer(*timer, cx).is_pending() {
                return Poll::Pending;
            }
            self.stage = SleepStage::Elapsed; // `poll_timer` has removed the timer.
        }
        Poll::Ready(())
    }

    fn describe(&self) -> Option<WaitsFor> {
        self.wait()
    }
}

impl Sleep {
    /// Describes the wait, if it has started.
    pub(super) fn wait(&self) -> Option<WaitsFor> {
        match &self.stage {
            SleepStage::Started { time, timer } => Some(time.sleep_wait(*timer)),
            SleepStage::Unstarted { .. } | SleepStage::Elapsed => None,
        }
    }
}

/// Creates the timer.
fn start(time: Rc<Time>, deadline: Deadline, place: &'static Location<'static>) -> SleepStage {
    assert!(
        has_clock() || time.clock.is_virtual(),
        "the sleep at {place} needs a clock, and this target has none: build the scheduler with `virtual_time()`"
    );
    let when = match deadline {
        Deadline::After(duration) => When::After(nanos(duration)),
        Deadline::At(instant) => When::At(time.nanos_of(instant)),
    };
    let timer = time.create_timer(when, place);
    SleepStage::Started { time, timer }
}

/// Creates the timer in the first poll. Not inlined, or every poll would pay for its stack frame.
#[inline(never)]
fn start_late(deadline: Deadline, place: &'static Location<'static>) -> SleepStage {
    let Some(time) = current_time() else {
        panic!("the sleep at {place} needs a running scheduler: await it inside `block_on`");
    };
    start(time, deadline, place)
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let SleepStage::Unstarted { deadline, place } = self.stage {
            self.stage = start_late(deadline, place);
        }
        poll_limited(&mut *self, cx)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let SleepStage::Started { time, timer } = &self.stage {
            time.cancel_timer(*timer);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sleep = f.debug_struct("Sleep");
        sleep.field("deadline", &self.deadline()).field("is_elapsed", &self.is_elapsed()).finish()
    }
}

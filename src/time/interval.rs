//! Ticking at a fixed period.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::limits::{Limited, poll_limited};
use crate::time::{Sleep, now};

/// Creates an interval that ticks immediately at its first [`tick`](Interval::tick), then once every `period`.
///
/// # Panics
///
/// If the period is zero.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let start = time::now();
///     let mut interval = time::interval(Duration::from_secs(10));
///     for ticks in 0..3 {
///         interval.tick().await;
///         assert_eq!(time::now() - start, Duration::from_secs(10) * ticks);
///     }
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval must not be zero");
    let made_at = Location::caller();
    Interval { period, missed: Missed::Delay, next: NextTick::First, sleep: None, made_at }
}

/// What an interval does when a tick is taken too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "MissedTickBehavior")]
pub enum Missed {
    /// Ticks immediately, then every period from there: however late a tick is taken, the next one is a whole period
    /// away, and the schedule shifts. The default.
    #[default]
    Delay,
    /// Ticks immediately for every tick that was missed, until it has caught up.
    Burst,
    /// Ticks immediately, then at the next point in time of the old schedule that is not in the past.
    Skip,
}

/// Ticks at a fixed period; created by [`interval`].
pub struct Interval {
    period: Duration,
    missed: Missed,
    next: NextTick,
    /// The sleep until the next tick, while there is one.
    sleep: Option<Sleep>,
    pub(crate) made_at: &'static Location<'static>,
}

/// When the next tick is due.
#[derive(Clone, Copy, Debug)]
enum NextTick {
    /// Immediately: it is the first tick.
    First,
    At(Instant),
    /// At a point in time that no clock can represent.
    Never,
}

impl Interval {
    /// Sets what happens after missed ticks; the default is [`Missed::Delay`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use turnwise::{Scheduler, sleep, time::{self, Missed}};
    ///
    /// let scheduler = Scheduler::builder().virtual_time().build();
    /// scheduler.block_on(async {
    ///     let start = time::now();
    ///     let mut interval = time::interval(Duration::from_secs(10)).missed(Missed::Skip);
    ///     interval.tick().await;
    ///     sleep(Duration::from_secs(25)).await; // too late for the ticks at 10 and 20
    ///     interval.tick().await;
    ///     assert_eq!(time::now() - start, Duration::from_secs(25));
    ///     interval.tick().await;
    ///     assert_eq!(time::now() - start, Duration::from_secs(30));
    /// });
    /// ```
    #[must_use]
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// Returns the period.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Waits for the next tick, and returns the instant at which it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    ///
    /// # Panics
    ///
    /// If it is first polled outside of a running scheduler.
    #[track_caller]
    #[doc(alias = "next")]
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self, place: Location::caller() }
    }

    /// Waits for the next tick; a sleep that this creates reports `place` as its own.
    pub(crate) fn poll_tick(
        &mut self,
        cx: &Context<'_>,
        place: &'static Location<'static>,
    ) -> Poll<Instant> {
        let now = now();
        let due = match self.next {
            NextTick::First => Some(now),
            NextTick::At(due) => Some(due),
            NextTick::Never => None,
        };
        if self.sleep.is_none() && due.is_none_or(|due| now < due) {
            self.sleep = Some(match due {
                Some(due) => Sleep::until(due, place),
                None => Sleep::endless(place),
            });
        }
        if let Some(sleep) = &mut self.sleep {
            ready!(Pin::new(sleep).poll(&mut Context::from_waker(cx.waker())));
        }
        let due = due.expect("a sleep that never ends is never ready");
        // An owner that has waited was not too late, though the timer may have been, by a little.
        let has_waited = self.sleep.take().is_some();
        let late = if !has_waited && now > due { Some(now) } else { None };
        self.next = self.after(due, late).map_or(NextTick::Never, NextTick::At);
        Poll::Ready(due)
    }

    /// Returns when the tick after the one at `due` is due. `late` is the time at which that one was taken, if that was
    /// too late.
    fn after(&self, due: Instant, late: Option<Instant>) -> Option<Instant> {
        let planned = due.checked_add(self.period)?;
        match (self.missed, late) {
            (Missed::Delay, Some(now)) => now.checked_add(self.period),
            (Missed::Skip, Some(now)) if planned < now => {
                let behind = (now - due).as_nanos() % self.period.as_nanos();
                let behind = Duration::from_nanos(u64::try_from(behind).unwrap_or(u64::MAX));
                let wait =
                    if behind.is_zero() { behind } else { self.period.saturating_sub(behind) };
                now.checked_add(wait)
            }
            _ => Some(planned),
        }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut interval = f.debug_struct("Interval");
        interval.field("period", &self.period).field("missed", &self.missed);
        interval.field("next", &self.next).field("created_at", &format_args!("{}", self.made_at));
        interval.finish_non_exhaustive()
    }
}

/// The future of [`Interval::tick`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
    place: &'static Location<'static>,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        poll_limited(&mut *self, cx)
    }
}

impl Limited for &mut Tick<'_> {
    type Output = Instant;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx, self.place)
    }
}

impl Drop for Tick<'_> {
    /// A wait that is abandoned leaves no timer behind.
    fn drop(&mut self) {
        self.interval.sleep = None;
    }
}

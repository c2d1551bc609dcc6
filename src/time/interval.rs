//! Ticking at a fixed period.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::time::{Sleep, now};

/// Makes an interval that ticks once at its first [`tick`](Interval::tick), then once every `period`.
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
    Interval { period, missed: Missed::Delay, next: None, sleep: None }
}

/// What an interval does when its owner came too late for a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "MissedTickBehavior")]
pub enum Missed {
    /// Ticks at once, and one period later, and so on from there: no two ticks are closer than a period,
    /// and the schedule shifts. The default.
    #[default]
    Delay,
    /// Ticks at once for every tick that was missed, until it has caught up.
    Burst,
    /// Ticks at once, and then at the next point in time of the old schedule that is not past.
    Skip,
}

/// Ticks at a fixed period; made by [`interval`].
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    missed: Missed,
    /// When the next tick is due; `None` before the first.
    next: Option<Instant>,
    /// The wait for it, kept between ticks that were given up.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Interval {
    /// Sets what happens to ticks that are missed; [`Missed::Delay`] unless set.
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

    /// Waits for the next tick, and returns when it was due.
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

    /// When the tick after the one that was due at `due` is due, if it is `now`.
    fn after(&self, due: Instant, now: Instant) -> Option<Instant> {
        let planned = due.checked_add(self.period)?;
        if planned >= now {
            return Some(planned);
        }
        match self.missed {
            Missed::Burst => Some(planned),
            Missed::Delay => now.checked_add(self.period),
            Missed::Skip => {
                let late = (now - due).as_nanos() % self.period.as_nanos();
                let late = Duration::from_nanos(u64::try_from(late).unwrap_or(u64::MAX));
                let wait = if late.is_zero() { late } else { self.period.saturating_sub(late) };
                now.checked_add(wait)
            }
        }
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
        let place = self.place;
        let interval = &mut *self.interval;
        let due = *interval.next.get_or_insert_with(now);
        let now = now();
        if now < due {
            let sleep = interval.sleep.get_or_insert_with(|| Box::pin(Sleep::until(due, place)));
            if sleep.deadline() != Some(due) {
                sleep.set(Sleep::until(due, place));
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // A deadline that no clock can show is one that never comes.
        interval.next = interval.after(due, now.max(due));
        Poll::Ready(due)
    }
}

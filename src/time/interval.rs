//! Ticking at a fixed period.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::limits::{Limited, poll_limited};
use crate::machine::Instant;
use crate::report::WaitsFor;
use crate::time::layer::current_time;
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

/// What an interval does when a tick is late: taken 5 ms or more after it was due, or a whole period if that is shorter.
///
/// It makes no difference whether the owner came late, or waited while something kept the scheduler busy. A smaller
/// delay does not shift the schedule, so an interval does not drift. On a real clock, the
/// [slack](crate::scheduler::Builder::timer_slack) is allowed in addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "MissedTickBehavior")]
pub enum Missed {
    /// Ticks immediately, then every period from there: however late a tick is, the next one is a whole period away, and
    /// the schedule shifts. The default.
    #[default]
    Delay,
    /// Ticks immediately for every tick that was missed, until it has caught up.
    Burst,
    /// Ticks immediately, then at the next point in time of the old schedule that is later than now.
    Skip,
}

/// A tick that is taken this long after it was due is late, even if the period is longer.
const LATE: Duration = Duration::from_millis(5);

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
        poll_limited(Ticking { interval: self, place }, cx)
    }

    fn poll_due(&mut self, cx: &Context<'_>, place: &'static Location<'static>) -> Poll<Instant> {
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
            ready!(sleep.poll_now(cx)); // The tick is what counts.
        }
        let due = due.expect("a sleep that never ends is never ready");
        self.sleep = None;
        self.next = self.after(due, now).map_or(NextTick::Never, NextTick::At);
        Poll::Ready(due)
    }

    /// Returns when the tick after the one at `due` is due, if that one is taken now.
    fn after(&self, due: Instant, now: Instant) -> Option<Instant> {
        let planned = due.checked_add(self.period)?;
        let behind = now.saturating_duration_since(due);
        let slack = current_time().map_or(Duration::ZERO, |time| time.slack);
        let tolerance = self.period.min(LATE).saturating_add(slack);
        match self.missed {
            Missed::Delay if behind >= tolerance => now.checked_add(self.period),
            Missed::Skip if behind >= self.period => {
                let rest = behind.as_nanos() % self.period.as_nanos();
                let rest = Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX));
                now.checked_add(self.period.saturating_sub(rest))
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
        let place = self.place;
        self.interval.poll_tick(cx, place)
    }
}

/// One poll of a wait for a tick.
struct Ticking<'a> {
    interval: &'a mut Interval,
    place: &'static Location<'static>,
}

impl Limited for Ticking<'_> {
    type Output = Instant;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Instant> {
        self.interval.poll_due(cx, self.place)
    }

    fn describe(&self) -> Option<WaitsFor> {
        self.interval.sleep.as_ref().and_then(Sleep::wait)
    }
}

impl Drop for Tick<'_> {
    /// A wait that is abandoned leaves no timer behind.
    fn drop(&mut self) {
        self.interval.sleep = None;
    }
}

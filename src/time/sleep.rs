//! Sleeping until a point in time.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::kernel::{TimerKey, When, current, find, nanos};

/// Waits until so much time has passed since this call.
///
/// Never early. Sleeps made in one turn share one reading of the clock, at the end of that turn, so it may
/// be late by the length of a turn, and by the [slack](crate::scheduler::Builder::timer_slack) of the
/// thread's sleep. Deadlines that are equal fire in the order in which the sleeps were made. A sleep of
/// zero ends as soon as the scheduler looks at its timers: when nothing is ready, or after 64 turns. One
/// of [`Duration::MAX`], or of more than 292 years, never ends.
///
/// Made outside of a running scheduler, it counts from its first poll.
///
/// # Cancel safety
///
/// Dropping it removes the timer; nothing is lost.
///
/// # Panics
///
/// If it is first polled outside of a running scheduler.
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

/// Waits until a point in time; one that is past is treated like a [`sleep`] of zero.
///
/// Under a virtual clock the instant is compared with [`time::now`](crate::time::now).
///
/// # Cancel safety
///
/// Dropping it removes the timer; nothing is lost.
///
/// # Panics
///
/// If it is first polled outside of a running scheduler.
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
    deadline: Deadline,
    place: &'static Location<'static>,
    /// The timer, once there is one, and the scheduler that has it.
    timer: Cell<Option<(NonZeroU32, TimerKey)>>,
    is_elapsed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Deadline {
    After(Duration),
    At(Instant),
}

impl Sleep {
    fn new(deadline: Deadline, place: &'static Location<'static>) -> Self {
        let sleep = Sleep { deadline, place, timer: Cell::new(None), is_elapsed: false };
        // The time counts from here, not from the first poll; that takes a clock, and so a scheduler.
        sleep.start();
        sleep
    }

    /// A sleep that says it was made at another place.
    pub(super) fn until(deadline: Instant, place: &'static Location<'static>) -> Self {
        Sleep::new(Deadline::At(deadline), place)
    }

    /// Makes the timer, if a scheduler runs here.
    fn start(&self) -> Option<(NonZeroU32, TimerKey)> {
        let kernel = current()?;
        let when = match self.deadline {
            Deadline::After(duration) => When::After(nanos(duration)),
            Deadline::At(instant) => When::At(kernel.nanos_of(instant)),
        };
        let timer = (kernel.id, kernel.create_timer(when, self.place));
        self.timer.set(Some(timer));
        Some(timer)
    }

    /// Returns whether it has ended.
    pub fn is_elapsed(&self) -> bool {
        self.is_elapsed
    }

    /// Returns the deadline; `None` if it is not known yet: in the turn that made the sleep, and before
    /// the first poll of one that was made outside of a running scheduler.
    pub fn deadline(&self) -> Option<Instant> {
        match (self.deadline, self.timer.get()) {
            (Deadline::At(instant), _) => Some(instant),
            (_, Some((scheduler, timer))) => find(scheduler)?.timer_deadline(timer),
            _ => None,
        }
    }

    /// Lets it end at another point in time, earlier or later, whether it has ended already or not.
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
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.stop();
        self.deadline = Deadline::At(deadline);
        self.is_elapsed = false;
        self.start();
    }

    fn stop(&self) {
        if let Some((scheduler, timer)) = self.timer.take()
            && let Some(kernel) = find(scheduler)
        {
            kernel.cancel_timer(timer);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_elapsed {
            return Poll::Ready(());
        }
        let Some((scheduler, timer)) = self.timer.get().or_else(|| self.start()) else {
            panic!(
                "the sleep at {} needs a running scheduler: await it inside `block_on`",
                self.place
            );
        };
        let Some(kernel) = find(scheduler) else {
            panic!("the sleep at {} was made in a scheduler that is gone", self.place);
        };
        if kernel.poll_timer(timer, cx).is_pending() {
            return Poll::Pending;
        }
        self.is_elapsed = true;
        self.stop();
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sleep = f.debug_struct("Sleep");
        sleep.field("deadline", &self.deadline).field("is_elapsed", &self.is_elapsed);
        sleep.finish_non_exhaustive()
    }
}

//! Reading the scheduler's clock, and moving a virtual one.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::kernel::current;
use crate::machine::{Instant, has_clock, real_time};
use crate::time::layer::{Time, current_time};

/// Returns the time of the running scheduler's clock or, outside of a run, the real time.
///
/// # Panics
///
/// On a target without a clock (`wasm32-unknown-unknown`), unless it is called in a run of a scheduler with a
/// [virtual clock](crate::scheduler::Builder::virtual_time).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let start = time::now();
///     sleep(Duration::from_secs(60)).await;
///     assert_eq!(time::now() - start, Duration::from_secs(60)); // exactly
/// });
/// ```
#[track_caller]
pub fn now() -> Instant {
    let time = current_time();
    assert!(
        has_clock() || time.as_ref().is_some_and(|time| time.clock.is_virtual()),
        "`time::now` needs a clock, and this target has none: call it in a task of a scheduler with `virtual_time()`"
    );
    match time {
        Some(time) => time.instant_now(),
        None => real_time(),
    }
}

/// Advances the running scheduler's virtual clock, then yields so that the tasks whose deadlines have passed take their
/// turns before this one continues.
///
/// All those tasks see the time after the jump. A virtual clock also advances by itself when nothing is ready, so this
/// is for tests in which other tasks are ready or waiting.
///
/// # Cancel safety
///
/// The clock is advanced at the first poll. Dropping the future after that does not move it back.
///
/// # Panics
///
/// If it is polled outside of a running scheduler, or if the scheduler's clock is a real one.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, spawn, time, yield_now};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let sleeper = spawn(sleep(Duration::from_secs(2)));
///     yield_now().await;
///     time::advance(Duration::from_secs(1)).await;
///     assert!(!sleeper.is_finished());
///     time::advance(Duration::from_secs(1)).await;
///     assert!(sleeper.is_finished());
/// });
/// ```
#[track_caller]
pub fn advance(by: Duration) -> Advance {
    Advance { by: Some(by), place: Location::caller() }
}

/// The future of [`advance`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Advance {
    /// `None` after the clock was advanced.
    by: Option<Duration>,
    place: &'static Location<'static>,
}

impl Future for Advance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(by) = self.by.take() else { return Poll::Ready(()) };
        let place = self.place;
        let Some((kernel, time)) = current().and_then(|kernel| {
            let time = kernel.part::<Time>()?;
            Some((kernel, time))
        }) else {
            panic!(
                "`time::advance` at {place} needs a running scheduler: await it inside `block_on`"
            );
        };
        time.advance(by);
        time.fire_due(&kernel, time.clock.latest());
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

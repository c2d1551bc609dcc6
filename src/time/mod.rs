//! Time: sleeping, intervals, timeouts, and the clock, real or virtual.
//!
//! Instants are [`std::time::Instant`]s. Under a virtual clock
//! ([`Builder::virtual_time`](crate::scheduler::Builder::virtual_time)) they are counted from the moment
//! when the scheduler was made, and [`now`] says which one it is.

mod nanos;
mod clock;
mod heap;
mod timers;
mod layer;
mod now;
mod sleep;
mod interval;
mod timeout;

pub(crate) use clock::Clock;
#[allow(unused_imports, reason = "for the feature `jobs`")]
pub(crate) use layer::{Time, current_time, forget};
pub(crate) use nanos::{NEVER, Nanos, later, nanos};
pub(crate) use timers::{TimerKey, When};

pub use interval::{Interval, Missed, Tick, interval};
pub use now::{Advance, advance, now};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

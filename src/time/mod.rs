//! Time: sleeping, intervals, timeouts, and the clock, real or virtual.
//!
//! Use it to wait for a duration or a point in time, to repeat something at a fixed period, to limit how long something
//! may take, and to test all of that without really sleeping.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{Scheduler, sleep, time, timeout};
//!
//! let scheduler = Scheduler::builder().virtual_time().build();
//! scheduler.block_on(async {
//!     let (start, second) = (time::now(), Duration::from_secs(1));
//!     assert!(timeout(second, sleep(60 * second)).await.is_err()); // ended by its deadline
//!     let mut interval = time::interval(10 * second);
//!     for _ in 0..3 {
//!         interval.tick().await; // the first one comes immediately
//!     }
//!     assert_eq!(time::now() - start, 21 * second);
//! });
//! ```
//!
//! Instants are [`std::time::Instant`]s (but see [below](#webassembly)). Under a virtual clock
//! ([`Builder::virtual_time`](crate::scheduler::Builder::virtual_time)) they are counted from the moment when the
//! scheduler was created; [`now`] returns the current one. When nothing is ready, a virtual clock jumps to the next
//! deadline, and it stands still otherwise. If an answer from outside must come first, [`hold`] makes it stand still.
//!
//! # WebAssembly
//!
//! `wasm32-unknown-unknown` has no clock, and `std::time::Instant::now` panics there. A scheduler with a virtual clock
//! never calls it. So that such a scheduler has points in time, [`Instant`] is a type of this crate on
//! that target, with the methods of std's except `now` and `elapsed`; a program that runs everywhere uses it by this
//! path. Under a real clock [`now`] and [`sleep`] panic there, with a message that says so, and
//! [`slow_poll`](crate::scheduler::Builder::slow_poll) has no effect.

mod nanos;
mod clock;
mod heap;
mod timers;
mod details;
mod looks;
mod holds;
mod layer;
mod detailed;
mod now;
mod hold;
mod sleep;
mod interval;
mod timeout;
#[cfg(all(test, turnwise_loom))]
mod models;

pub(crate) use clock::Clock;
pub(crate) use holds::Holds;
#[allow(unused_imports, reason = "for the feature `jobs`")]
pub(crate) use layer::{Time, current_time, forget};
pub(crate) use looks::MOST_TURNS;
pub(crate) use nanos::{NEVER, Nanos, between, later, nanos};
pub(crate) use timers::{TimerKey, TimerOrder, When};

pub use crate::machine::Instant;

pub use hold::{Hold, hold};
pub use interval::{Interval, Missed, Tick, interval};
pub use now::{Advance, advance, now};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

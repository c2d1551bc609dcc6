//! What the machine offers: a clock, and a thread that can sleep. WebAssembly without an operating system has neither.

use std::thread;
use std::time::Duration;

/// WebAssembly without an operating system has no clock: there std's `Instant` can only panic.
#[cfg(any(test, all(target_family = "wasm", target_os = "unknown")))]
#[allow(
    unreachable_pub,
    reason = "public where it is needed, and elsewhere compiled for its tests only"
)]
mod counted;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use counted::Instant;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use std::time::Instant;

/// Returns whether the machine has a clock that `std` can read.
pub(crate) const fn has_clock() -> bool {
    cfg!(not(all(target_family = "wasm", target_os = "unknown")))
}

/// Returns whether a thread can be parked. If it cannot, there is no other thread that could unpark it.
const fn can_park() -> bool {
    has_clock() || cfg!(target_feature = "atomics")
}

/// Returns the machine's time; always the same point in time if the machine has no clock.
#[inline]
pub(crate) fn real_time() -> Instant {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    return Instant::now();
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    return Instant::ORIGIN;
}

/// Returns the real time since this point in time; zero if the machine has no clock.
#[inline]
pub(crate) fn real_time_since(at: Instant) -> Duration {
    real_time().saturating_duration_since(at)
}

/// Parks the thread until it is unparked or the timeout has passed; may return spuriously.
///
/// # Panics
///
/// If a thread cannot be parked on this target.
pub(crate) fn park(timeout: Option<Duration>) {
    assert!(
        can_park(),
        "nothing is ready, and a thread of this target cannot sleep: call `run_until_stalled` whenever `on_wake` says so"
    );
    match timeout {
        Some(timeout) => thread::park_timeout(timeout),
        None => thread::park(),
    }
}

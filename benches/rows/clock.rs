//! Measures how long one round of a row takes.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::rows::{Kind, Row, Work};

/// Does the work once, and returns how long it took: in wall time, or in processor time if it sleeps.
pub(crate) fn time(row: &Row, work: &mut Work) -> Duration {
    if row.kind == Kind::Sleeps
        && let Some(before) = processor_time()
    {
        work(row.size);
        let after = processor_time().expect("it could be read before");
        after.saturating_sub(before)
    } else {
        let start = Instant::now();
        work(row.size);
        start.elapsed()
    }
}

/// Returns how long all threads of this process have run on processors, since some executors sleep on another thread.
/// Only on Linux is this available without `unsafe`.
fn processor_time() -> Option<Duration> {
    thread::yield_now(); // The statistics are updated when the thread is scheduled.
    let mut sum = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let account = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum += Duration::from_nanos(account.split_whitespace().next()?.parse().ok()?);
    }
    Some(sum)
}

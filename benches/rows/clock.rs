//! How long one round of a row takes.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::rows::{Kind, Row, Work};

/// Does the work once, and returns how long it took: on the wall, or for what sleeps on the processor.
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

/// How long all threads of this process have run on processors: some executors sleep by another thread. Only Linux
/// tells it without `unsafe`.
fn processor_time() -> Option<Duration> {
    thread::yield_now(); // The account is brought up to date when the thread is scheduled.
    let mut sum = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let account = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum += Duration::from_nanos(account.split_whitespace().next()?.parse().ok()?);
    }
    Some(sum)
}

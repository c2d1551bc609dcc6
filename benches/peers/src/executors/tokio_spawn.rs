//! Tokio's plain `spawn` on a `current_thread` runtime: its futures must be `Send`, and those of the common rows are
//! not, so its rows are written separately, here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::rows::remote::{Storm, TASKS};
use crate::rows::spawn::CROWD;
use crate::rows::turn::{DEPTH, wake_yourself};
use crate::rows::{Random, Setup, Work, batches};

/// Returns the setup of the row of that name.
pub(crate) fn on(row: &str) -> Option<Setup> {
    Some(match row {
        "spawn_join" => join,
        "spawn_detached" => detached,
        "yield_1" => yields::<1>,
        "yield_1000" => yields::<1_000>,
        "yield_100000" => yields::<100_000>,
        "self_wake_1000" => self_wakes::<1_000>,
        "deep_await" => deep,
        "timers_1k" => sleepers::<1_000>,
        "timers_10k" => sleepers::<10_000>,
        "timers_100k" => sleepers::<100_000>,
        "timers_1m" => sleepers::<1_000_000>,
        "timers_10m" => sleepers::<10_000_000>,
        "wake_storm" => storm,
        _ => return None,
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("tokio could not create its driver")
}

/// Spawns the tasks that `task` creates for these numbers, and sums their outputs.
async fn sum<F>(numbers: impl Iterator<Item = u64>, task: impl Fn(u64) -> F) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    let handles: Vec<_> = numbers.map(|number| tokio::spawn(task(number))).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.expect("nothing panics");
    }
    sum
}

fn join() -> Work {
    let runtime = runtime();
    Box::new(move |n| {
        let all = runtime.block_on(async {
            let mut all = 0;
            for first in batches(n, CROWD) {
                all += sum(first..first + CROWD, |i| async move { i }).await;
            }
            all
        });
        assert_eq!(all, n * (n - 1) / 2);
    })
}

fn detached() -> Work {
    let runtime = runtime();
    Box::new(move |n| {
        let (counted, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        runtime.block_on(async {
            for first in batches(n, CROWD) {
                for _ in 0..CROWD {
                    let (counted, done) = (Arc::clone(&counted), Arc::clone(&done));
                    drop(tokio::spawn(async move {
                        if counted.fetch_add(1, Ordering::Relaxed) + 1 == first + CROWD {
                            done.notify_one();
                        }
                    }));
                }
                done.notified().await;
            }
        });
        assert_eq!(counted.load(Ordering::Relaxed), n);
    })
}

fn yields<const TASKS: u64>() -> Work {
    crowd::<TASKS, _>(|rounds| async move {
        for _ in 0..rounds {
            tokio::task::yield_now().await;
        }
        rounds
    })
}

fn self_wakes<const TASKS: u64>() -> Work {
    crowd::<TASKS, _>(wake_yourself)
}

fn crowd<const TASKS: u64, F>(task: impl Fn(u64) -> F + 'static) -> Work
where
    F: Future<Output = u64> + Send + 'static,
{
    let runtime = runtime();
    Box::new(move |n| {
        let rounds = n / TASKS;
        let all = runtime.block_on(sum(0..TASKS, |_| task(rounds)));
        assert_eq!(all, rounds * TASKS);
    })
}

fn deep() -> Work {
    let runtime = runtime();
    Box::new(move |n| assert_eq!(runtime.block_on(sum(0..1, |_| nest(DEPTH, n))), n + DEPTH))
}

fn nest(depth: u64, rounds: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if depth > 0 {
            return nest(depth - 1, rounds).await + 1;
        }
        for _ in 0..rounds {
            tokio::task::yield_now().await;
        }
        rounds
    })
}

fn sleepers<const TASKS: u64>() -> Work {
    async fn nap(nap: Duration) -> u64 {
        tokio::time::sleep(nap).await;
        1
    }
    let runtime = runtime();
    Box::new(move |n| {
        let all = runtime.block_on(async {
            let mut all = 0;
            for _ in batches(n, TASKS) {
                let random = std::cell::Cell::new(Random::new());
                let next = |_| {
                    let mut numbers = random.get();
                    let length = numbers.nap();
                    random.set(numbers);
                    nap(length)
                };
                all += sum(0..TASKS, next).await;
            }
            all
        });
        assert_eq!(all, n);
    })
}

fn storm() -> Work {
    let runtime = runtime();
    Box::new(move |n| {
        let storm = Arc::new(Storm::default());
        let ended = runtime.block_on(async move {
            let ended = sum(0..TASKS, |_| Arc::clone(&storm).wait(n)).await;
            while !storm.is_over() {
                tokio::task::yield_now().await;
            }
            ended
        });
        assert_eq!(ended, TASKS);
    })
}

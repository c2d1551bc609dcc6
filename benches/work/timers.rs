//! Timers.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::{Executor, Kind, Random, Row, Tokio, Turnwise, Virtual, Work, bare, batches};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "timers_10k",
        size: 50_000,
        kind: Kind::Sleeps,
        turnwise: sleepers::<Turnwise, 10_000>,
        tokio: Some(sleepers::<Tokio, 10_000>),
        bare: Some(bare::timers::<10_000>),
    },
    Row {
        name: "timers_1m",
        size: 1_000_000,
        kind: Kind::Sleeps,
        turnwise: sleepers::<Turnwise, 1_000_000>,
        tokio: Some(sleepers::<Tokio, 1_000_000>),
        bare: Some(bare::timers::<1_000_000>),
    },
    // Tokio's clock stands still only with its `test-util`, which makes its other rows slower.
    Row {
        name: "timers_virtual_10k",
        size: 50_000,
        kind: Kind::Computes,
        turnwise: sleepers::<Virtual, 10_000>,
        tokio: None,
        bare: Some(bare::timers_virtual::<10_000>),
    },
    Row {
        name: "timers_virtual_1m",
        size: 1_000_000,
        kind: Kind::Computes,
        turnwise: sleepers::<Virtual, 1_000_000>,
        tokio: None,
        bare: Some(bare::timers_virtual::<1_000_000>),
    },
    Row {
        name: "timers_cancel",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: cancel::<Turnwise>,
        tokio: Some(cancel::<Tokio>),
        bare: Some(bare::timers_cancel),
    },
    Row {
        name: "timers_cancel_later",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: cancel_later::<Turnwise>,
        tokio: Some(cancel_later::<Tokio>),
        bare: Some(bare::timers_cancel),
    },
];

/// So many timers live while others are made and cancelled.
pub(super) const LIVE: u64 = 10_000;

/// Spawns so many tasks that each sleep for a random time below 50 ms, joins them, and so on.
fn sleepers<E: Executor, const TASKS: u64>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut handles = Vec::new();
            let mut sum = 0;
            for _ in batches(n, TASKS) {
                let mut random = Random::new();
                handles.extend((0..TASKS).map(|_| {
                    let nap = random.nap();
                    E::spawn(async move {
                        E::sleep(nap).await;
                        1
                    })
                }));
                for handle in handles.drain(..) {
                    sum += handle.await.expect("nothing panics");
                }
            }
            sum
        });
        assert_eq!(sum, n);
    })
}

const HOUR: Duration = Duration::from_secs(3_600);

/// An executor on which ten thousand tasks sleep for hours.
fn with_live<E: Executor>() -> E {
    let executor = E::new();
    executor.block_on(async {
        let mut random = Random::new();
        for _ in 0..LIVE {
            let nap = HOUR + random.nap();
            drop(E::spawn(E::sleep(nap)));
        }
        // Lets each of them have its first turn: tokio gives no more than 61 turns at a time.
        for _ in 0..LIVE {
            E::yield_now().await;
        }
    });
    executor
}

/// Polls once a future that is to be pending, and returns how many it was: one.
async fn poll_once(mut future: Pin<&mut impl Future<Output = ()>>) -> u64 {
    poll_fn(|cx| Poll::Ready(u64::from(future.as_mut().poll(cx).is_pending()))).await
}

/// Makes a timer, polls it, drops it, and so on, all in one turn.
fn cancel<E: Executor>() -> Work {
    let executor = with_live::<E>();
    Box::new(move |n| {
        let mut random = Random::new();
        let sum = executor.block_on(async {
            let mut sum = 0;
            for _ in 0..n {
                sum += poll_once(pin!(E::sleep(HOUR + random.nap()))).await;
            }
            sum
        });
        assert_eq!(sum, n);
    })
}

/// Makes a thousand timers and polls them, gives way, drops them, and so on.
fn cancel_later<E: Executor>() -> Work {
    const BATCH: u64 = 1_000;
    let executor = with_live::<E>();
    Box::new(move |n| {
        let mut random = Random::new();
        let sum = executor.block_on(async {
            let mut sleeps = Vec::new();
            let mut sum = 0;
            for _ in batches(n, BATCH) {
                sleeps.extend((0..BATCH).map(|_| Box::pin(E::sleep(HOUR + random.nap()))));
                for sleep in &mut sleeps {
                    sum += poll_once(sleep.as_mut()).await;
                }
                E::yield_now().await;
                sleeps.clear();
            }
            sum
        });
        assert_eq!(sum, n);
    })
}

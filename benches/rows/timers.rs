//! Timers.

use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::{Countdown, Executor, Kind, Random, Row, Setup, Sleeps, Work, batches, hidden};

pub(crate) fn rows<E: Sleeps>() -> Vec<Row> {
    vec![
        fired("timers_1k", 1_000, 5_000, sleepers::<E, 1_000>),
        fired("timers_10k", 10_000, 50_000, sleepers::<E, 10_000>),
        fired("timers_100k", 100_000, 200_000, sleepers::<E, 100_000>),
        fired("timers_1m", 1_000_000, 1_000_000, sleepers::<E, 1_000_000>),
        cancelled("timers_cancel", 1, cancel::<E>),
        cancelled("timers_cancel_later", BATCH, cancel_later::<E>),
        cancelled("timeout_ready", 1, timeout_ready::<E>),
        cancelled("timeouts_10k", 1, timeouts::<E>),
    ]
}

/// The row of ten million timers: it takes many seconds, and gigabytes.
pub(crate) fn huge_rows<E: Sleeps>() -> Vec<Row> {
    vec![fired("timers_10m", 10_000_000, 10_000_000, sleepers::<E, 10_000_000>)]
}

/// The rows for a virtual clock.
pub(crate) fn virtual_rows<E: Sleeps>() -> Vec<Row> {
    let row = |name, batch, size, work| Row { name, batch, size, kind: Kind::Computes, work };
    vec![
        row("timers_virtual_10k", 10_000, 50_000, sleepers::<E, 10_000> as Setup),
        row("timers_virtual_1m", 1_000_000, 1_000_000, sleepers::<E, 1_000_000>),
    ]
}

fn fired(name: &'static str, batch: u64, size: u64, work: Setup) -> Row {
    Row { name, batch, size, kind: Kind::Sleeps, work }
}

fn cancelled(name: &'static str, batch: u64, work: Setup) -> Row {
    Row { name, batch, size: 100_000, kind: Kind::Computes, work }
}

/// How many timers are live while others are created and cancelled.
pub(super) const LIVE: u64 = 10_000;

fn sleepers<E: Sleeps, const TASKS: u64>() -> Work {
    crowd_of_sleepers::<E>(TASKS)
}

/// Spawns this many tasks, each of which sleeps for a random time below 50 ms, joins them, and repeats.
fn crowd_of_sleepers<E: Sleeps>(tasks: u64) -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut handles = Vec::new();
            let mut sum = 0;
            for _ in batches(n, tasks) {
                let mut random = Random::new();
                handles.extend((0..tasks).map(|_| {
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

/// Creates an executor on which ten thousand tasks wait like this for an hour.
fn with_live<E: Executor, F>(wait: fn(Duration) -> F) -> E
where
    F: Future<Output = ()> + 'static,
{
    let executor = E::new();
    let asleep = Rc::new(Countdown::default());
    asleep.left.set(LIVE);
    executor.block_on(async {
        let mut random = Random::new();
        for _ in 0..LIVE {
            let (nap, asleep) = (HOUR + random.nap(), Rc::clone(&asleep));
            E::spawn_detached(async move {
                asleep.count();
                wait(nap).await;
            });
        }
        asleep.wait().await;
    });
    executor
}

/// Polls a future once, and returns 1 if it is pending, as it should be.
async fn poll_once(mut future: Pin<&mut impl Future>) -> u64 {
    poll_fn(|cx| Poll::Ready(u64::from(future.as_mut().poll(cx).is_pending()))).await
}

/// Creates a timer, polls it, drops it, and repeats, all in one turn.
fn cancel<E: Sleeps>() -> Work {
    let executor = with_live::<E, _>(E::sleep);
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

/// How many timers are dropped at a time.
const BATCH: u64 = 1_000;

/// Creates a thousand timers and polls them, yields, drops them, and repeats.
fn cancel_later<E: Sleeps>() -> Work {
    let executor = with_live::<E, _>(E::sleep);
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

/// Sets a timeout for a future that is ready immediately.
fn timeout_ready<E: Sleeps>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut sum = 0;
            for number in 0..n {
                sum += E::timeout(HOUR, ready(hidden(number))).await.expect("it was ready");
            }
            sum
        });
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
    })
}

/// Sets a timeout for a future that is never ready, polls it, drops it, and repeats, all in one turn, while ten
/// thousand tasks wait within timeouts of their own.
fn timeouts<E: Sleeps>() -> Work {
    let executor = with_live::<E, _>(|nap| async move {
        assert!(E::timeout(nap, pending::<()>()).await.is_err(), "it is never ready");
    });
    Box::new(move |n| {
        let mut random = Random::new();
        let sum = executor.block_on(async {
            let mut sum = 0;
            for _ in 0..n {
                sum += poll_once(pin!(E::timeout(HOUR + random.nap(), pending::<()>()))).await;
            }
            sum
        });
        assert_eq!(sum, n);
    })
}

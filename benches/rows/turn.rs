//! Turns, and entering and creating a scheduler.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::{Executor, Kind, Row, Setup, Work, hidden};

pub(crate) fn rows<E: Executor>() -> Vec<Row> {
    let row = |name, batch, size, work| Row { name, batch, size, kind: Kind::Computes, work };
    vec![
        row("yield_1", 1, 100_000, yields::<E, 1> as Setup),
        row("yield_1000", 1_000, 200_000, yields::<E, 1_000>),
        row("yield_100000", 100_000, 2_000_000, yields::<E, 100_000>),
        row("self_wake_1000", 1_000, 200_000, self_wakes::<E, 1_000>),
        row("deep_await", 1, 10_000, deep::<E>),
        row("block_on_warm", 1, 10_000, block_on::<E>),
        row("create_drop", 1, 1_000, create::<E>),
        row("create_use_drop", 1, 1_000, create_and_use::<E>),
    ]
}

/// `TASKS` tasks yield in turn, with the executor's own `yield_now`.
fn yields<E: Executor, const TASKS: u64>() -> Work {
    crowd::<E, _>(TASKS, yield_yourself::<E>)
}

async fn yield_yourself<E: Executor>(turns: u64) -> u64 {
    for _ in 0..turns {
        E::yield_now().await;
    }
    turns
}

/// `TASKS` tasks wake themselves in turn, since tokio's own `yield_now` does more than that.
fn self_wakes<E: Executor, const TASKS: u64>() -> Work {
    crowd::<E, _>(TASKS, wake_yourself)
}

/// Wakes its own task in this many turns, and returns their number.
pub(crate) fn wake_yourself(turns: u64) -> impl Future<Output = u64> + Send + 'static {
    let mut left = turns;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(turns);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Divides `n` operations among this many tasks.
fn crowd<E: Executor, F>(tasks: u64, task: fn(u64) -> F) -> Work
where
    F: Future<Output = u64> + 'static,
{
    let executor = E::new();
    Box::new(move |n| {
        let rounds = n / tasks;
        let sum = executor.block_on(async {
            let handles: Vec<_> = (0..tasks).map(|_| E::spawn(task(rounds))).collect();
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.expect("nothing panics");
            }
            sum
        });
        assert_eq!(sum, rounds * tasks);
    })
}

/// How deeply the futures of the task are nested.
pub(crate) const DEPTH: u64 = 100;

/// One task yields at the bottom of a hundred boxed futures, each of which awaits the next.
fn deep<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let task = async move { E::spawn(nest::<E>(DEPTH, n)).await.expect("nothing panics") };
        assert_eq!(executor.block_on(task), n + DEPTH);
    })
}

fn nest<E: Executor>(depth: u64, rounds: u64) -> Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async move {
        if depth > 0 {
            return nest::<E>(depth - 1, rounds).await + 1;
        }
        for _ in 0..rounds {
            E::yield_now().await;
        }
        rounds
    })
}

/// Enters an existing scheduler for a future that is ready immediately.
pub(crate) fn block_on<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let mut sum = 0;
        for i in 0..n {
            sum += executor.block_on(async move { hidden(i) });
        }
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

/// Creates a scheduler and drops it.
pub(crate) fn create<E: Executor>() -> Work {
    Box::new(|n| {
        for _ in 0..n {
            drop(hidden(E::new()));
        }
    })
}

/// Creates a scheduler, spawns and joins one task on it, and drops it: some create their parts only on first use.
pub(crate) fn create_and_use<E: Executor>() -> Work {
    Box::new(|n| {
        let mut sum = 0;
        for i in 0..n {
            let task = async move { E::spawn(async move { i }).await.expect("nothing panics") };
            sum += E::new().block_on(task);
        }
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

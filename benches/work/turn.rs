//! Turns, and entering and making a scheduler.

use std::future::poll_fn;
use std::task::Poll;

use super::{Executor, Kind, Row, Tokio, Turnwise, Work, bare, hidden};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "yield_1",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: yields::<Turnwise, 1>,
        tokio: Some(yields::<Tokio, 1>),
        bare: Some(bare::yields::<1>),
    },
    Row {
        name: "yield_1000",
        size: 200_000,
        kind: Kind::Computes,
        turnwise: yields::<Turnwise, 1_000>,
        tokio: Some(yields::<Tokio, 1_000>),
        bare: Some(bare::yields::<1_000>),
    },
    Row {
        name: "yield_100000",
        size: 2_000_000,
        kind: Kind::Computes,
        turnwise: yields::<Turnwise, 100_000>,
        tokio: Some(yields::<Tokio, 100_000>),
        bare: Some(bare::yields::<100_000>),
    },
    Row {
        name: "self_wake_1000",
        size: 200_000,
        kind: Kind::Computes,
        turnwise: self_wakes::<Turnwise, 1_000>,
        tokio: Some(self_wakes::<Tokio, 1_000>),
        bare: Some(bare::yields::<1_000>),
    },
    Row {
        name: "block_on_warm",
        size: 10_000,
        kind: Kind::Computes,
        turnwise: block_on::<Turnwise>,
        tokio: Some(block_on::<Tokio>),
        bare: Some(bare::block_on),
    },
    Row {
        name: "create_drop",
        size: 1_000,
        kind: Kind::Computes,
        turnwise: create::<Turnwise>,
        tokio: Some(create::<Tokio>),
        bare: Some(bare::create),
    },
];

/// So many tasks yield in turn, with the executor's own `yield_now`.
fn yields<E: Executor, const TASKS: u64>() -> Work {
    crowd::<E, TASKS, _>(|rounds| async move {
        for _ in 0..rounds {
            E::yield_now().await;
        }
        rounds
    })
}

/// So many tasks wake themselves in turn: tokio's own `yield_now` does more than that.
fn self_wakes<E: Executor, const TASKS: u64>() -> Work {
    crowd::<E, TASKS, _>(|rounds| {
        let mut left = rounds;
        poll_fn(move |cx| {
            if left == 0 {
                return Poll::Ready(rounds);
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    })
}

/// Shares `n` rounds out among so many tasks.
fn crowd<E: Executor, const TASKS: u64, F>(task: impl Fn(u64) -> F + 'static) -> Work
where
    F: Future<Output = u64> + 'static,
{
    let executor = E::new();
    Box::new(move |n| {
        let rounds = n / TASKS;
        let sum = executor.block_on(async {
            let handles: Vec<_> = (0..TASKS).map(|_| E::spawn(task(rounds))).collect();
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.expect("nothing panics");
            }
            sum
        });
        assert_eq!(sum, rounds * TASKS);
    })
}

/// Enters a scheduler that exists already for a future that is ready at once.
fn block_on<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let mut sum = 0;
        for i in 0..n {
            sum += executor.block_on(async { hidden(i) });
        }
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

/// Makes a scheduler and drops it.
fn create<E: Executor>() -> Work {
    Box::new(|n| {
        for _ in 0..n {
            drop(hidden(E::new()));
        }
    })
}

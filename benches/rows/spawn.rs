//! Spawning.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use super::{Countdown, Executor, Kind, Row, Work, batches};

pub(crate) fn rows<E: Executor>() -> Vec<Row> {
    vec![
        Row {
            name: "spawn_join",
            batch: CROWD,
            size: 100_000,
            kind: Kind::Computes,
            work: join::<E>,
        },
        Row {
            name: "spawn_detached",
            batch: CROWD,
            size: 100_000,
            kind: Kind::Computes,
            work: detached::<E>,
        },
        Row {
            name: "spawn_2k",
            batch: CROWD,
            size: 100_000,
            kind: Kind::Computes,
            work: join_large::<E>,
        },
        Row {
            name: "spawn_named",
            batch: CROWD,
            size: 100_000,
            kind: Kind::Computes,
            work: join_named::<E>,
        },
    ]
}

/// How many tasks are alive at a time.
pub(crate) const CROWD: u64 = 1_000;

/// Spawns a thousand tasks that are ready immediately, joins them in order, and repeats.
pub(crate) fn join<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut handles = Vec::new();
            let mut sum = 0;
            for first in batches(n, CROWD) {
                handles.extend((first..first + CROWD).map(|i| E::spawn(async move { i })));
                for handle in handles.drain(..) {
                    sum += handle.await.expect("nothing panics");
                }
            }
            sum
        });
        assert_eq!(sum, n * (n - 1) / 2);
    })
}

/// The same with futures of 2 KiB.
fn join_large<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        executor.block_on(async {
            let mut handles = Vec::new();
            for _ in batches(n, CROWD) {
                handles.extend((0..CROWD).map(|i| {
                    let state = [i; 256];
                    E::spawn(async move { black_box(&state)[7] })
                }));
                for handle in handles.drain(..) {
                    handle.await.expect("nothing panics");
                }
            }
        });
    })
}

/// The same with named tasks, on executors that support names.
fn join_named<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let name: Arc<str> = Arc::from("poller");
        executor.block_on(async {
            let mut handles = Vec::new();
            for _ in batches(n, CROWD) {
                handles.extend((0..CROWD).map(|i| E::spawn_named(&name, async move { i })));
                for handle in handles.drain(..) {
                    handle.await.expect("nothing panics");
                }
            }
        });
    })
}

/// Spawns a thousand detached tasks, the last of which notifies that all have finished, and repeats.
fn detached<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let done = Rc::new(Countdown::default());
        executor.block_on(async {
            for _ in batches(n, CROWD) {
                done.left.set(CROWD);
                for _ in 0..CROWD {
                    let done = Rc::clone(&done);
                    E::spawn_detached(async move { done.count() });
                }
                done.wait().await;
            }
        });
        assert_eq!(done.counted.get(), n);
    })
}

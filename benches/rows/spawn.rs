//! Spawning.

use std::rc::Rc;

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
    ]
}

/// So many tasks live at a time.
pub(crate) const CROWD: u64 = 1_000;

/// Spawns a thousand tasks that are ready at once, joins them in order, and so on.
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

/// Spawns a thousand tasks that nobody waits for; the last one tells that all are over, and so on.
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

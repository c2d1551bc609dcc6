//! Spawning.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::{Executor, Kind, Row, Tokio, Turnwise, Work, bare, batches};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "spawn_join",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: join::<Turnwise>,
        tokio: Some(join::<Tokio>),
        bare: Some(bare::spawn_join),
    },
    Row {
        name: "spawn_detached",
        size: 100_000,
        kind: Kind::Computes,
        turnwise: detached::<Turnwise>,
        tokio: Some(detached::<Tokio>),
        bare: Some(bare::spawn_detached),
    },
];

/// So many tasks live at a time.
pub(super) const CROWD: u64 = 1_000;

/// Spawns a thousand tasks that are ready at once, joins them in order, and so on.
fn join<E: Executor>() -> Work {
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

/// Spawns a thousand tasks and drops their handles; the last one tells that all are over, and so on.
fn detached<E: Executor>() -> Work {
    let executor = E::new();
    Box::new(move |n| {
        let done = Rc::new(Countdown::default());
        executor.block_on(async {
            for _ in batches(n, CROWD) {
                done.left.set(CROWD);
                for _ in 0..CROWD {
                    let done = Rc::clone(&done);
                    drop(E::spawn(async move { done.count() }));
                }
                done.wait().await;
            }
        });
        assert_eq!(done.counted.get(), n);
    })
}

/// Wakes one task when so many others have counted.
#[derive(Default)]
struct Countdown {
    left: Cell<u64>,
    counted: Cell<u64>,
    waker: Cell<Option<Waker>>,
}

impl Countdown {
    fn count(&self) {
        self.counted.set(self.counted.get() + 1);
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    async fn wait(&self) {
        std::future::poll_fn(|cx| {
            if self.left.get() == 0 {
                return Poll::Ready(());
            }
            self.waker.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

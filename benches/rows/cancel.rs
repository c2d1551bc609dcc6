//! Catching a cancellation: rows for turnwise only, since no peer can do it.

use std::future::ready;

use turnwise::task::catch_cancel;

use super::{Executor, Kind, Row, Setup, Turnwise, Work, hidden};

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, work| Row { name, batch: 1, size: 100_000, kind: Kind::Computes, work };
    vec![row("catch_ready", caught as Setup), row("catch_yield", caught_yields)]
}

/// Catches cancellations around a future that is ready immediately.
fn caught() -> Work {
    let executor = Turnwise::new();
    Box::new(move |n| {
        let sum = executor.block_on(async {
            let mut sum = 0;
            for number in 0..n {
                sum += catch_cancel(ready(hidden(number))).await.expect("nothing is cancelled");
            }
            sum
        });
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
    })
}

/// One task yields, as in `yield_1`, but inside one catch.
fn caught_yields() -> Work {
    let executor = Turnwise::new();
    Box::new(move |n| {
        let yields = async move {
            for _ in 0..n {
                Turnwise::yield_now().await;
            }
            n
        };
        let task = async { Turnwise::spawn(catch_cancel(yields)).await.expect("nothing panics") };
        assert_eq!(executor.block_on(task).expect("nothing is cancelled"), n);
    })
}

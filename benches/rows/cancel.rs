//! Catching a cancellation: rows for turnwise only, since no peer can do it.

use std::future::{pending, ready};

use turnwise::join_all;
use turnwise::task::catch_cancel;

use super::{Executor, Kind, Row, Setup, Turnwise, Work, batches, hidden};

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, batch, work| Row { name, batch, size: 100_000, kind: Kind::Computes, work };
    vec![
        row("catch_ready", 1, caught as Setup),
        row("catch_yield", 1, caught_yields),
        row("cancel_caught", 1, cancelled),
        row("catches_10000", 10_000, many_catches::<10_000>),
        row("catches_20000", 20_000, many_catches::<20_000>),
    ]
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

/// Spawns a task that waits in a catch, cancels it and joins it, and so on.
fn cancelled() -> Work {
    let executor = Turnwise::new();
    Box::new(move |n| {
        let caught = executor.block_on(async {
            let mut caught = 0;
            for _ in 0..n {
                let task = turnwise::spawn(catch_cancel(pending::<()>()));
                Turnwise::yield_now().await;
                task.cancel();
                caught += u64::from(task.await.expect("the request is caught").is_err());
            }
            caught
        });
        assert_eq!(caught, n);
    })
}

/// Spawns one task that waits in so many catches at once, cancels it and joins it.
fn many_catches<const CATCHES: u64>() -> Work {
    let executor = Turnwise::new();
    Box::new(move |n| {
        let caught = executor.block_on(async {
            let mut caught = 0;
            for _ in batches(n, CATCHES) {
                let all = join_all((0..CATCHES).map(|_| catch_cancel(pending::<()>())));
                let task = turnwise::spawn(all);
                Turnwise::yield_now().await;
                task.cancel();
                let all = task.await.expect("the requests are caught");
                caught += all.iter().filter(|one| one.is_err()).count() as u64;
            }
            caught
        });
        assert_eq!(caught, n);
    })
}

//! The columns of `cargo bench`: turnwise, tokio, and a bare loop.

use std::time::Duration;

use tokio_tools::TokioTools;

use crate::rows::blocking::{self, Blocks};
use crate::rows::{Column, Executor, Setup, Sleeps, bare, rows, waits, with_timers, work};

mod tokio_tools;

pub(crate) const COLUMNS: [Column; 3] = [
    Column { name: "turnwise", on: |name| work(&rows(), name) },
    Column { name: "tokio", on: tokio },
    Column { name: "bare", on: bare::on },
];

fn tokio(name: &str) -> Option<Setup> {
    work(&with_timers::<Tokio>(), name)
        .or_else(|| work(&waits::rows::<Tokio, TokioTools>(), name))
        .or_else(|| work(&blocking::rows::<Tokio>(), name))
}

/// Tokio's `current_thread` runtime with a `LocalSet`, which spawns futures that are not `Send`, as turnwise does.
///
/// Its clock can be paused only with its feature `test-util`, which slows its other rows down, so it has no rows with a
/// virtual clock.
struct Tokio {
    runtime: tokio::runtime::Runtime,
    local: tokio::task::LocalSet,
}

impl Executor for Tokio {
    type Error = tokio::task::JoinError;
    type Handle<T: 'static> = tokio::task::JoinHandle<T>;

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Tokio {
            runtime: runtime.expect("a runtime without I/O cannot fail to build"),
            local: tokio::task::LocalSet::new(),
        }
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        self.local.block_on(&self.runtime, future)
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        tokio::task::yield_now()
    }
}

impl Blocks for Tokio {
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let handle = tokio::task::spawn_blocking(job);
        async { handle.await.expect("nothing panics") }
    }
}

impl Sleeps for Tokio {
    type Elapsed = tokio::time::error::Elapsed;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(duration)
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        tokio::time::timeout(limit, future)
    }
}

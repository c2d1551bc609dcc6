//! The `LocalPool` of `futures`.

use std::cell::RefCell;
use std::convert::Infallible;

use futures::executor::{LocalPool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::LocalSpawnExt;

use super::Certain;
use super::async_executor::Current;
use crate::rows::Executor;

const GONE: &str = "the pool outlives what runs in it";

thread_local! {
    static CURRENT: Current<LocalSpawner> = const { Current::none() };
}

pub(crate) struct InLocalPool {
    pool: RefCell<LocalPool>,
    spawner: LocalSpawner,
}

impl Executor for InLocalPool {
    type Error = Infallible;
    type Handle<T: 'static> = Certain<RemoteHandle<T>>;

    fn new() -> Self {
        let pool = LocalPool::new();
        InLocalPool { spawner: pool.spawner(), pool: RefCell::new(pool) }
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        let run = || self.pool.borrow_mut().run_until(future);
        CURRENT.with(|current| current.with(&self.spawner, run))
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        let handle = CURRENT.with(|current| {
            current.get(|spawner| spawner.spawn_local_with_handle(future).expect(GONE))
        });
        Certain(handle)
    }

    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        CURRENT.with(|current| current.get(|spawner| spawner.spawn_local(future).expect(GONE)));
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        // `futures` has none of its own.
        futures_lite::future::yield_now()
    }
}

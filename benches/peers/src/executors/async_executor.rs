//! The two single-threaded executors of `async-executor`, driven by `futures-lite`.
//!
//! Neither provides the executor that is running, so a task that spawns needs other access to it: here a thread-local
//! variable.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use async_executor::{LocalExecutor, StaticLocalExecutor, Task};
use futures_lite::future;

use super::Certain;
use crate::rows::Executor;

/// The executor that runs on this thread.
pub(super) struct Current<T>(RefCell<Option<T>>);

impl<T: Clone> Current<T> {
    pub(super) const fn none() -> Self {
        Current(RefCell::new(None))
    }

    /// Calls `run` while `executor` is the current one.
    pub(super) fn with<R>(&self, executor: &T, run: impl FnOnce() -> R) -> R {
        let before = self.0.replace(Some(executor.clone()));
        let output = run();
        *self.0.borrow_mut() = before;
        output
    }

    pub(super) fn get<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(self.0.borrow().as_ref().expect("rows spawn inside `block_on` only"))
    }
}

thread_local! {
    static LOCAL: Current<Rc<LocalExecutor<'static>>> = const { Current::none() };
    static STATIC: Current<&'static StaticLocalExecutor> = const { Current::none() };
}

pub(crate) struct InLocalExecutor(Rc<LocalExecutor<'static>>);

impl Executor for InLocalExecutor {
    type Error = Infallible;
    type Handle<T: 'static> = Certain<Task<T>>;

    fn new() -> Self {
        InLocalExecutor(Rc::new(LocalExecutor::new()))
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        LOCAL.with(|local| local.with(&self.0, || future::block_on(self.0.run(future))))
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        Certain(LOCAL.with(|local| local.get(|executor| executor.spawn(future))))
    }

    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        Self::spawn(future).0.detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        future::yield_now()
    }
}

/// Lives forever: it can only be leaked.
pub(crate) struct InStaticLocalExecutor(&'static StaticLocalExecutor);

impl Executor for InStaticLocalExecutor {
    type Error = Infallible;
    type Handle<T: 'static> = Certain<Task<T>>;

    fn new() -> Self {
        InStaticLocalExecutor(LocalExecutor::new().leak())
    }

    fn block_on<F: Future<Output: 'static>>(&self, future: F) -> F::Output {
        STATIC.with(|current| current.with(&self.0, || future::block_on(self.0.run(future))))
    }

    fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Self::Handle<F::Output> {
        Certain(STATIC.with(|current| current.get(|executor| executor.spawn(future))))
    }

    fn spawn_detached<F: Future<Output = ()> + 'static>(future: F) {
        Self::spawn(future).0.detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        future::yield_now()
    }
}

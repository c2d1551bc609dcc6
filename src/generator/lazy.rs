//! The body of a generator, which starts lazily.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The body of a generator that returns `R`.
pub(super) type Body<'a, R> = Pin<Box<dyn Future<Output = R> + 'a>>;

pin_project! {
    /// Calls a function at the first poll, and is the future that it returned from then on. The function is not called
    /// earlier because it may run code before it returns the future, and a generator runs no code before it is resumed.
    ///
    /// An async block would do the same, but adds a state of its own that each resume has to check.
    #[project = Stage]
    pub(super) enum Lazy<M, F> {
        Fresh { make: Option<M> },
        Begun { #[pin] body: F },
    }
}

impl<M: FnOnce() -> F, F> Lazy<M, F> {
    pub(super) fn new(make: M) -> Self {
        Lazy::Fresh { make: Some(make) }
    }
}

impl<M: FnOnce() -> F, F: Future> Future for Lazy<M, F> {
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            match self.as_mut().project() {
                Stage::Begun { body } => return body.poll(cx),
                Stage::Fresh { make } => {
                    let make = make.take().expect("a body that panicked is not polled again");
                    self.set(Lazy::Begun { body: make() });
                }
            }
        }
    }
}

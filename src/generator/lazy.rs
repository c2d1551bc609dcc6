//! The body of a generator, and one that has not begun.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The body of a generator, which returns this.
pub(super) type Body<'a, R> = Pin<Box<dyn Future<Output = R> + 'a>>;

pin_project! {
    /// Calls a function when it is polled first, and is the future that this returns from then on. A function that
    /// returns a future may do something before it does, and nothing of a generator runs before it is asked.
    ///
    /// It could be an async block, but would then have a state of its own to look at in each resume.
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
                    let make = make.take().expect("what has panicked is not polled any more");
                    self.set(Lazy::Begun { body: make() });
                }
            }
        }
    }
}

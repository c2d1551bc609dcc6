//! The checker's own record of what was asked to end, independent of the crate: a stack with a
//! condition for each thing around the present poll that can be asked.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

type Condition = Rc<dyn Fn() -> bool>;

/// No program needs this many polls.
const MOST_POLLS: u64 = 300_000;

thread_local! {
    static AROUND: RefCell<Vec<Condition>> = RefCell::default();
    static POLLS: Cell<u64> = const { Cell::new(0) };
}

/// Forgets everything, for the next program.
pub(crate) fn reset() {
    AROUND.take();
    POLLS.set(0);
}

/// Returns whether anything around the present poll was asked to end.
pub(crate) fn is_anything_asked() -> bool {
    let around = AROUND.with_borrow(Vec::clone);
    around.iter().any(|condition| condition())
}

/// A future inside something that can be asked to end.
pub(crate) struct Within<F> {
    is_asked: Condition,
    future: Pin<Box<F>>,
}

/// Wraps what runs inside something that was asked if this condition holds.
pub(crate) fn within<F: Future>(is_asked: impl Fn() -> bool + 'static, future: F) -> Within<F> {
    Within { is_asked: Rc::new(is_asked), future: Box::pin(future) }
}

/// Wraps a scope that sets `stops` when it cancels itself. Once it was asked, its body and its
/// children remain asked, also when it is polled by something else.
pub(crate) async fn within_scope<F: Future>(stops: Rc<Cell<bool>>, scope: F) -> F::Output {
    let asked = stops.clone();
    let mut scope = within(move || asked.get(), scope);
    std::future::poll_fn(|cx| {
        stops.set(stops.get() || is_anything_asked());
        Pin::new(&mut scope).poll(cx)
    })
    .await
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        /// Removes the condition again, also if the poll panics.
        struct Pop(usize);
        impl Drop for Pop {
            fn drop(&mut self) {
                AROUND.with_borrow_mut(|around| around.truncate(self.0));
            }
        }
        POLLS.set(POLLS.get() + 1);
        assert!(POLLS.get() <= MOST_POLLS, "it spins");
        let depth = AROUND.with_borrow(Vec::len);
        let _pop = Pop(depth);
        AROUND.with_borrow_mut(|around| around.push(self.is_asked.clone()));
        self.future.as_mut().poll(cx)
    }
}

//! The body of a scope: the one part that is not a task, and is polled with every poll of the scope.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use crate::cancel::{Passage, Reason};
use crate::kernel::run_quietly;
use crate::scope::error::{BoxError, ChildCause};
use crate::scope::members::Members;

/// The body, and its value. The members have its failure.
pub(super) struct ScopeBody<'a, F: Future, T> {
    /// `None` once it has ended.
    pub(super) passage: Pin<&'a mut Option<Passage<F>>>,
    /// Separates a value from a failure.
    pub(super) convert: fn(F::Output) -> Result<T, BoxError>,
    pub(super) value: Option<T>,
}

impl<F: Future, T> ScopeBody<'_, F, T> {
    /// Polls the body, if it has not ended. Does not unwind.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, members: &Members) {
        // Before the poll: what a request reaches now is not polled, even if what it awaits has become ready.
        self.look_for_request(members);
        let Some(passage) = self.passage.as_mut().as_pin_mut() else { return };
        match catch_unwind(AssertUnwindSafe(|| passage.poll(cx).map(self.convert))) {
            Ok(Poll::Pending) => return self.settle(members.body_request.take()),
            Ok(Poll::Ready(Ok(value))) => self.value = Some(value),
            Ok(Poll::Ready(Err(error))) => {
                members.fail_here(ChildCause::Error(error), !members.collects_all.get());
            }
            Err(payload) => members.fail_here(ChildCause::Panic(Mutex::new(payload)), true),
        }
        self.end();
    }

    /// Delivers a cancel request to the body, if there is a new one.
    pub(super) fn look_for_request(&mut self, members: &Members) {
        if let Some(reason) = members.body_request.take() {
            self.settle(Some(reason));
        }
    }

    /// Checks, outside of a poll of the body, whether it must end: it is dropped if a request reaches it and nothing
    /// catches that.
    fn settle(&mut self, reason: Option<Reason>) {
        let Some(passage) = self.passage.as_mut().as_pin_mut() else { return };
        let mut is_over = true; // So it is if a destructor panics.
        run_quietly(|| is_over = passage.settle(reason).is_ready());
        if is_over {
            self.end();
        }
    }

    fn end(&mut self) {
        run_quietly(|| self.passage.set(None));
    }

    pub(super) fn is_over(&self) -> bool {
        self.passage.is_none()
    }
}

//! The body of a scope: the one part that is not a task, and is polled with every poll of the scope.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cancel::{Passage, Reason, left};
use crate::kernel::{drop_quietly, run_quietly};
use crate::scope::error::ScopeError;
use crate::scope::members::Members;

/// The body, and its outcome.
pub(super) struct ScopeBody<'a, F: Future> {
    /// `None` once it has ended.
    passage: Pin<&'a mut Option<Passage<F>>>,
    value: Option<F::Output>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a, F: Future> ScopeBody<'a, F> {
    pub(super) fn new(passage: Pin<&'a mut Option<Passage<F>>>) -> Self {
        ScopeBody { passage, value: None, panic: None }
    }

    /// Polls the body, if it has not ended. Does not unwind.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, members: &Members) {
        // Before the poll: what a request reaches now is not polled, even if what it awaits has become ready.
        self.look_for_request(left(), cx, members);
        let Some(passage) = self.passage.as_mut().as_pin_mut() else { return };
        let since = left();
        match catch_unwind(AssertUnwindSafe(|| passage.poll(cx))) {
            Ok(Poll::Pending) => return self.settle(since, cx, members.ask_body()),
            Ok(Poll::Ready(value)) => self.value = Some(value),
            Err(payload) => {
                self.panic = Some(payload);
                members.stop(&Reason::Said("the body of the scope panicked".into()));
            }
        }
        self.end();
    }

    /// Delivers a cancel request to the body, if there is a new one.
    pub(super) fn look_for_request(&mut self, since: u32, cx: &mut Context<'_>, members: &Members) {
        if let Some(reason) = members.ask_body() {
            self.settle(since, cx, Some(reason));
        }
    }

    /// Checks, outside of a poll of the body, whether it must end: it is dropped if a request reaches it and nothing
    /// catches that.
    fn settle(&mut self, since: u32, cx: &mut Context<'_>, reason: Option<Reason>) {
        let Some(passage) = self.passage.as_mut().as_pin_mut() else { return };
        let poll = catch_unwind(AssertUnwindSafe(|| passage.settle(since, cx, reason)));
        let is_over = poll.unwrap_or_else(|payload| {
            drop_quietly(payload);
            Poll::Ready(())
        });
        if is_over.is_ready() {
            self.end();
        }
    }

    fn end(&mut self) {
        run_quietly(|| self.passage.set(None));
    }

    pub(super) fn is_over(&self) -> bool {
        self.passage.is_none()
    }

    /// Returns the result of the scope.
    ///
    /// # Panics
    ///
    /// If the body panicked.
    pub(super) fn result(&mut self, members: &Members) -> Result<F::Output, ScopeError> {
        match self.panic.take() {
            Some(payload) => resume_unwind(payload),
            None => members.result(self.value.take()),
        }
    }
}

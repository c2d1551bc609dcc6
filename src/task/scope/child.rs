//! The child of a scope: a future that may borrow, in a box of its own.
//!
//! It is to a scope what `kernel/task.rs` is to a scheduler. The difference is where the output goes: there it
//! takes the place of the future, to be taken out by its type; here it may borrow, so that is not possible, and
//! it goes into a cell that the child shares with its handle.

use std::any::Any;
use std::cell::Cell;
use std::error::Error;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::kernel::{Failure, Reason, burn};

/// An error of any type, as a scope keeps it.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What a scope sees of a child. None of these methods unwinds.
pub(super) trait Child {
    /// Gives it a turn.
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome>;

    /// Drops the future in place, and leaves the failure for the handle.
    fn end(self: Pin<&mut Self>, failure: Failure);
}

/// A child with its type forgotten.
pub(super) type Boxed<'scope> = Pin<Box<dyn Child + 'scope>>;

/// How a child's last turn ended.
pub(super) enum Outcome {
    Returned,
    Failed(BoxError),
    Panicked(Box<dyn Any + Send>),
}

pin_project! {
    #[project = View]
    pub(super) enum Task<F: Future, T> {
        Running {
            #[pin] future: F,
            // Tells a value from a failure.
            judge: fn(F::Output) -> Result<T, BoxError>,
            answer: Rc<Answer<T>>,
        },
        Over,
    }
}

impl<F: Future, T> Child for Task<F, T> {
    fn turn(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut outcome = None;
        let turn = catch_unwind(AssertUnwindSafe(|| {
            let View::Running { future, judge, answer } = self.as_mut().project() else {
                unreachable!("a child that is over is given no turns");
            };
            let output = ready!(future.poll(cx));
            outcome = Some(match judge(output) {
                Ok(value) => {
                    answer.give(Given::Value(value));
                    Outcome::Returned
                }
                Err(error) => {
                    answer.give(Given::Failure);
                    Outcome::Failed(error)
                }
            });
            // This drops the future, and the output if there is no handle: it belongs inside the catch too.
            self.set(Task::Over);
            Poll::Ready(())
        }));
        match (turn, outcome) {
            (Ok(Poll::Pending), _) => Poll::Pending,
            (Ok(Poll::Ready(())), Some(outcome)) => Poll::Ready(outcome),
            // It had returned, and panicked only while it was dropped.
            (Err(payload), Some(outcome)) => {
                burn(payload);
                Poll::Ready(outcome)
            }
            (Err(payload), None) => Poll::Ready(self.fail(payload)),
            (Ok(Poll::Ready(())), None) => unreachable!("who is ready has an outcome"),
        }
    }

    fn end(mut self: Pin<&mut Self>, failure: Failure) {
        if let (View::Running { answer, .. }, Failure::Cancelled(reason)) =
            (self.as_mut().project(), failure)
        {
            answer.give(Given::Cancelled(reason));
        }
        self.drop_future();
    }
}

impl<F: Future, T> Task<F, T> {
    fn drop_future(mut self: Pin<&mut Self>) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.set(Task::Over))) {
            burn(payload);
        }
    }

    /// Ends the child after a panic in its turn. The payload is for the scope; the handle gets its text.
    #[cold]
    fn fail(mut self: Pin<&mut Self>, payload: Box<dyn Any + Send>) -> Outcome {
        if let View::Running { answer, .. } = self.as_mut().project() {
            let text = text(&*payload).unwrap_or("what it panicked with is in the `ScopeError`");
            answer.give(Given::Panic(text.into()));
        }
        self.drop_future();
        Outcome::Panicked(payload)
    }
}

/// The text of a panic, if it is a text.
pub(super) fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// What a child and its handle share.
pub(super) struct Answer<T>(Cell<Given<T>>);

/// What a child left for its handle.
pub(super) enum Given<T> {
    /// It is not over; or it was aborted.
    Nothing,
    Value(T),
    /// Nothing caught the request.
    Cancelled(Reason),
    /// The error is in the scope.
    Failure,
    /// The payload is in the scope; this is its text.
    Panic(Box<str>),
}

impl<T> Answer<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Answer(Cell::new(Given::Nothing)))
    }

    fn give(&self, given: Given<T>) {
        self.0.set(given); // Given once: what it replaces is nothing.
    }

    pub(super) fn take(&self) -> Given<T> {
        self.0.replace(Given::Nothing)
    }
}

const _: () = assert!(mem::size_of::<Boxed<'_>>() == 16, "a scope has one of these for each child");

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
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::kernel::{Failure, run_quietly};
use crate::report::text_of;
use crate::task::{Inherited, inherits};

/// An error of any type, as a scope keeps it.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What a scope sees of a child. None of these methods unwinds.
pub(super) trait Child {
    /// Gives it a turn. If that was the last one, says whether and how it failed.
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<Failed>>>;

    /// Drops the future in place, and leaves the failure for the handle.
    fn end(self: Pin<&mut Self>, failure: Failure);
}

/// A child with its type forgotten.
pub(super) type BoxedChild<'scope> = Pin<Box<dyn Child + 'scope>>;

/// The same child; wrapped, if it inherits anything.
#[inline]
pub(super) fn inheriting(child: BoxedChild<'_>) -> BoxedChild<'_> {
    if inherits() { Box::pin(Inherited::new(child)) } else { child }
}

impl Child for Inherited<BoxedChild<'_>> {
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<Failed>>> {
        let this = self.get_mut();
        let poll = this.with(|child| child.as_mut().turn(cx));
        if poll.is_ready() {
            this.end();
        }
        poll
    }

    fn end(self: Pin<&mut Self>, failure: Failure) {
        let this = self.get_mut();
        this.with(|child| child.as_mut().end(failure));
        this.end();
    }
}

/// How a child failed.
pub(super) enum Failed {
    Error(BoxError),
    Panic(Box<dyn Any + Send>),
}

pin_project! {
    #[project = View]
    pub(super) enum ChildTask<F: Future, T> {
        Running {
            #[pin] future: F,
            // Tells a value from a failure.
            convert: fn(F::Output) -> Result<T, BoxError>,
            answer: Rc<ResultCell<T>>,
        },
        Over,
    }
}

impl<F: Future, T> Child for ChildTask<F, T> {
    #[inline]
    fn turn(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<Failed>>> {
        match catch_unwind(AssertUnwindSafe(|| self.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(payload) => Poll::Ready(Some(Box::new(self.fail(payload)))),
        }
    }

    fn end(mut self: Pin<&mut Self>, failure: Failure) {
        if let (View::Running { answer, .. }, Failure::Cancelled(reason)) =
            (self.as_mut().project(), failure)
        {
            answer.give(ChildOutput::Cancelled(reason));
        }
        self.drop_future();
    }
}

impl<F: Future, T> ChildTask<F, T> {
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<Failed>>> {
        match self.as_mut().future().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(output) => Poll::Ready(self.finish(output)),
        }
    }

    #[inline]
    fn future(self: Pin<&mut Self>) -> Pin<&mut F> {
        match self.project() {
            View::Running { future, .. } => future,
            View::Over => unreachable!("a child that is over is given no turns"),
        }
    }

    /// Gives the output to the handle, or the failure to the scope. If there is no handle the output is dropped
    /// with the future; and if a destructor panics then, the child has returned all the same.
    #[inline]
    fn finish(mut self: Pin<&mut Self>, output: F::Output) -> Option<Box<Failed>> {
        let failed = match self.as_mut().project() {
            View::Running { convert, answer, .. } => answer.convert(*convert, output),
            View::Over => None,
        };
        self.drop_future();
        failed
    }

    fn drop_future(mut self: Pin<&mut Self>) {
        run_quietly(|| self.set(ChildTask::Over));
    }

    /// Ends the child after a panic in its turn. The payload is for the scope; the handle gets its text.
    #[cold]
    fn fail(mut self: Pin<&mut Self>, payload: Box<dyn Any + Send>) -> Failed {
        if let View::Running { answer, .. } = self.as_mut().project() {
            let text = text_of(&*payload).unwrap_or("what it panicked with is in the `ScopeError`");
            answer.give(ChildOutput::Panic(text.into()));
        }
        self.drop_future();
        Failed::Panic(payload)
    }
}

/// What a child and its handle share.
pub(super) struct ResultCell<T>(Cell<ChildOutput<T>>);

/// What a child left for its handle.
pub(super) enum ChildOutput<T> {
    /// It is not over; or it was aborted.
    Nothing,
    Value(T),
    /// Nothing caught the request.
    Cancelled(Option<Arc<str>>),
    /// The error is in the scope.
    Failure,
    /// The payload is in the scope; this is its text.
    Panic(Box<str>),
}

impl<T> ResultCell<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(ResultCell(Cell::new(ChildOutput::Nothing)))
    }

    /// Keeps a value; returns a failure.
    #[inline]
    fn convert<O>(&self, convert: fn(O) -> Result<T, BoxError>, output: O) -> Option<Box<Failed>> {
        match convert(output) {
            Ok(value) => {
                self.give(ChildOutput::Value(value));
                None
            }
            Err(error) => {
                self.give(ChildOutput::Failure);
                Some(Box::new(Failed::Error(error)))
            }
        }
    }

    fn give(&self, given: ChildOutput<T>) {
        self.0.set(given); // Given once: what it replaces is nothing.
    }

    pub(super) fn take(&self) -> ChildOutput<T> {
        self.0.replace(ChildOutput::Nothing)
    }
}

const _: () =
    assert!(mem::size_of::<BoxedChild<'_>>() == 16, "a scope has one of these for each child");

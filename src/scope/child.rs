//! The child of a scope: a boxed future that may borrow.
//!
//! It is to a scope what `kernel/task.rs` is to a scheduler, except for the output. There, the output replaces the
//! future, and is taken out by its type. Here the output may borrow, which rules that out; it goes into a cell that the
//! child shares with its handle.

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
    /// Gives it a turn. After the last one, returns the failure if there was one.
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<Failed>>>;

    /// Drops the future in place, and leaves the failure for the handle.
    fn end(self: Pin<&mut Self>, failure: Failure);
}

/// A type-erased child.
pub(super) type BoxedChild<'scope> = Pin<Box<dyn Child + 'scope>>;

/// Wraps the child if it inherits anything.
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
            // Separates a value from a failure.
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
            View::Over => unreachable!("a finished child has no turns"),
        }
    }

    /// Passes the output to the handle, or the failure to the scope. If the handle is gone, the output is dropped with
    /// the future; even if a destructor then panics, the child counts as returned.
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

    /// Ends the child after a panic in its turn. The payload goes to the scope, and its text to the handle.
    #[cold]
    fn fail(mut self: Pin<&mut Self>, payload: Box<dyn Any + Send>) -> Failed {
        if let View::Running { answer, .. } = self.as_mut().project() {
            let text = text_of(&*payload).unwrap_or("its payload is in the `ScopeError`");
            answer.give(ChildOutput::Panic(text.into()));
        }
        self.drop_future();
        Failed::Panic(payload)
    }
}

/// The state that a child and its handle share.
pub(super) struct ResultCell<T>(Cell<ChildOutput<T>>);

/// What the child has left for its handle.
pub(super) enum ChildOutput<T> {
    /// It has not ended, or was aborted.
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

    /// Stores a value, or returns a failure.
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
        self.0.set(given); // Given once, so this replaces `Nothing`.
    }

    pub(super) fn take(&self) -> ChildOutput<T> {
        self.0.replace(ChildOutput::Nothing)
    }
}

const _: () =
    assert!(mem::size_of::<BoxedChild<'_>>() == 16, "a scope has one of these for each child");

//! The child of a scope: a boxed future that may borrow.
//!
//! It is to a scope what `kernel/task.rs` is to a scheduler, except for the output. There, the output replaces the
//! future, and is taken out by its type. Here the output may borrow, which rules that out; it goes into a cell that the
//! child shares with its handle.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::kernel::Failure;
use crate::scope::error::{BoxError, ChildCause};
use crate::task::Inherited;
use crate::watch::panicked_here;

/// What a scope sees of a child. None of these methods unwinds; dropping a child may.
pub(super) trait Child {
    /// Gives it a turn. After the last one, returns why it failed if it did. The child must then be dropped.
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<ChildCause>>>;

    /// Leaves a failure for the handle: the child is about to be dropped.
    fn fail(self: Pin<&mut Self>, failure: Failure);
}

/// A type-erased child.
pub(super) type BoxedChild<'scope> = Pin<Box<dyn Child + 'scope>>;

impl Child for Inherited<BoxedChild<'_>> {
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<ChildCause>>> {
        self.get_mut().with(|child| child.as_mut().turn(cx))
    }

    fn fail(self: Pin<&mut Self>, failure: Failure) {
        self.get_mut().with(|child| child.as_mut().fail(failure));
    }
}

/// What the child leaves for its handle: `None` until it has ended. If it failed with an error, the scope has that.
pub(super) type ChildOutput<T> = Cell<Option<Result<T, Option<Failure>>>>;

pin_project! {
    pub(super) struct ChildTask<F: Future, T> {
        #[pin]
        pub(super) future: F,
        // Separates a value from a failure.
        pub(super) convert: fn(F::Output) -> Result<T, BoxError>,
        pub(super) output: Rc<ChildOutput<T>>,
    }
}

impl<F: Future, T> Child for ChildTask<F, T> {
    #[inline]
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Box<ChildCause>>> {
        let this = self.project();
        let (future, convert, output) = (this.future, this.convert, this.output);
        let poll = catch_unwind(AssertUnwindSafe(|| {
            Poll::Ready(leave(output, convert(ready!(future.poll(cx)))))
        }));
        poll.unwrap_or_else(|payload| {
            let text = panicked_here(&*payload).unwrap_or("its payload is in the `ScopeError`");
            output.set(Some(Err(Some(Failure::Panicked(Box::new(text.to_owned()))))));
            Poll::Ready(Some(Box::new(ChildCause::Panic(Mutex::new(payload)))))
        })
    }

    fn fail(self: Pin<&mut Self>, failure: Failure) {
        self.output.set(Some(Err(Some(failure))));
    }
}

/// Leaves a value for the handle, or returns why the child failed. Not on the recursive path of nested scopes.
fn leave<T>(output: &ChildOutput<T>, result: Result<T, BoxError>) -> Option<Box<ChildCause>> {
    let (left, cause) = match result {
        Ok(value) => (Ok(value), None),
        Err(error) => (Err(None), Some(Box::new(ChildCause::Error(error)))),
    };
    output.set(Some(left));
    cause
}

const _: () = assert!(
    mem::size_of::<BoxedChild<'_>>() == 2 * mem::size_of::<usize>(),
    "a scope has one of these for each child"
);

//! A task: its target and then its output, in one allocation. One poll of it is one turn.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::kernel::boxes::BoxPool;

pin_project! {
    /// The box that a task lives in.
    ///
    /// ```text
    /// running ──1──▶ done ──2──▶ empty      1 turn: the target is ready, panics or is aborted
    ///    ▲                         │        2 take, clear: the output is taken, or dropped
    ///    └────────────3────────────┘        3 TaskMap::insert: the next future of the same type moves in
    /// ```
    ///
    /// The output takes the place of the future, so finishing needs no second allocation. A finished task stays in its
    /// slot, like a zombie process in Unix, until its handle collects the result.
    #[project = TaskView]
    #[project_replace = TaskParts]
    pub(crate) enum Task<F: Future> {
        Running { #[pin] target: F },
        Done { output: Result<F::Output, Failure> },
        Empty,
    }
}

/// Why a task has no output.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The payload of its panic.
    Panicked(Box<dyn Any + Send>),
    Aborted,
    /// It received a cancel request, and nothing caught it. The reason, if one was given.
    Cancelled(Option<Arc<str>>),
}

impl Failure {
    pub(crate) fn ending(&self) -> Ending {
        match self {
            Failure::Panicked(_) => Ending::Panicked,
            Failure::Aborted => Ending::Aborted,
            Failure::Cancelled(_) => Ending::Cancelled,
        }
    }
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// Its future returned.
    Returned,
    /// Its future panicked; the [`JoinHandle`](crate::JoinHandle) has the payload.
    Panicked,
    /// It was aborted; its future was dropped.
    Aborted,
    /// It received a cancel request that nothing caught, or that was caught and passed on; its future was dropped.
    Cancelled,
}

/// What the kernel sees of a task: a target of unknown type.
///
/// None of these methods unwinds: a panic in user code is caught right here.
pub(crate) trait Target {
    /// Gives the target one turn.
    fn turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending>;

    /// Drops the target in place and leaves this failure as the output.
    fn abort(self: Pin<&mut Self>, failure: Failure) -> Ending;

    /// Returns the payload of the target's panic, if it panicked and the output was not taken.
    fn panic(self: Pin<&Self>) -> Option<&(dyn Any + Send)>;

    /// Moves the output into `place`, an `Option<Result<T, Failure>>` for the task's own `T`.
    fn take(self: Pin<&mut Self>, place: &mut dyn Any);

    /// Moves the output into `place`, like [`Target::take`], and the empty box into the pool.
    fn hand_over(self: Pin<Box<Self>>, place: &mut dyn Any, slot: u32, pool: &mut BoxPool);

    /// Drops the contents of the box.
    fn clear(self: Pin<&mut Self>);

    /// Moves the empty box into the pool.
    fn recycle(self: Pin<Box<Self>>, slot: u32, pool: &mut BoxPool);
}

impl<F: Future + 'static> Target for Task<F> {
    fn turn(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let turn = catch_unwind(AssertUnwindSafe(|| {
            let TaskView::Running { target } = self.as_mut().project() else {
                unreachable!("only a running task has turns");
            };
            let output = ready!(target.poll(cx));
            // This drops the target, so it must be inside `catch_unwind` too.
            self.set(Task::Done { output: Ok(output) });
            Poll::Ready(Ending::Returned)
        }));
        turn.unwrap_or_else(|payload| Poll::Ready(self.fail(payload)))
    }

    fn abort(mut self: Pin<&mut Self>, failure: Failure) -> Ending {
        let ending = failure.ending();
        run_quietly(|| self.set(Task::Done { output: Err(failure) }));
        ending
    }

    fn panic(self: Pin<&Self>) -> Option<&(dyn Any + Send)> {
        match self.get_ref() {
            Task::Done { output: Err(Failure::Panicked(payload)) } => Some(&**payload),
            _ => None,
        }
    }

    fn take(self: Pin<&mut Self>, place: &mut dyn Any) {
        self.take_output(place);
    }

    fn hand_over(mut self: Pin<Box<Self>>, place: &mut dyn Any, slot: u32, pool: &mut BoxPool) {
        self.as_mut().take_output(place);
        pool.add(slot, self);
    }

    fn clear(mut self: Pin<&mut Self>) {
        run_quietly(|| self.set(Task::Empty));
    }

    fn recycle(self: Pin<Box<Self>>, slot: u32, pool: &mut BoxPool) {
        pool.add(slot, self);
    }
}

impl<F: Future + 'static> Task<F> {
    #[inline(always)]
    fn take_output(self: Pin<&mut Self>, place: &mut dyn Any) {
        let TaskParts::Done { output } = self.project_replace(Task::Empty) else {
            unreachable!("only a finished task has an output to take");
        };
        let place = place.downcast_mut::<Option<Result<F::Output, Failure>>>();
        *place.expect("a handle takes the output type of its own task") = Some(output);
    }

    /// Ends the task after a panic in its turn.
    #[cold]
    fn fail(mut self: Pin<&mut Self>, payload: Box<dyn Any + Send>) -> Ending {
        if let TaskView::Done { .. } = self.as_mut().project() {
            // The target had returned, and its destructor panicked. An assignment writes the new value even if dropping
            // the old one unwinds, so the output is in place, and is kept.
            drop_quietly(payload);
            return Ending::Returned;
        }
        run_quietly(|| self.set(Task::Done { output: Err(Failure::Panicked(payload)) }));
        Ending::Panicked
    }
}

/// Drops a value from user code, and catches any panic of its destructor.
///
/// A panic's payload may panic as well when it is dropped, and so on; the third payload is leaked.
pub(crate) fn drop_quietly<T>(value: T) {
    let Err(first) = catch_unwind(AssertUnwindSafe(|| drop(value))) else { return };
    let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(first))) else { return };
    let Err(third) = catch_unwind(AssertUnwindSafe(|| drop(second))) else { return };
    mem::forget(third);
}

/// Runs user code, such as a waker or a destructor, whose panic must not propagate.
pub(crate) fn run_quietly(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        drop_quietly(payload);
    }
}

/// A task, its type erased.
pub(crate) type Boxed = Pin<Box<dyn Target>>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }

    fn turn(task: &mut Boxed) -> Poll<Ending> {
        task.as_mut().turn(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn the_output_survives_a_destructor_that_panics() {
        let bomb = PanicsWhenDropped;
        let mut task: Boxed = Box::pin(Task::Running {
            target: std::future::poll_fn(move |_| {
                let _armed = &bomb;
                Poll::Ready(7)
            }),
        });
        assert_eq!(turn(&mut task), Poll::Ready(Ending::Returned));
        let mut output: Option<Result<i32, Failure>> = None;
        task.as_mut().take(&mut output);
        assert!(matches!(output, Some(Ok(7))));
    }

    #[test]
    fn an_abort_drops_the_target_even_if_its_destructor_panics() {
        let bomb = PanicsWhenDropped;
        let target = async move {
            let _armed = bomb;
            pending::<()>().await;
        };
        let mut task: Boxed = Box::pin(Task::Running { target });
        assert_eq!(turn(&mut task), Poll::Pending);
        task.as_mut().abort(Failure::Aborted);
        let mut output: Option<Result<(), Failure>> = None;
        task.as_mut().take(&mut output);
        assert!(matches!(output, Some(Err(Failure::Aborted))));
    }
}

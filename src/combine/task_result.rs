//! What the bounds of `gather` and `wait` mean, and what the compiler says if one of them is missing.

use crate::task::{FromJoinError, JoinError, JoinHandle};

/// A future that [`gather`](crate::gather) can spawn: any but a [`JoinHandle`], for which there is
/// [`gather_handles`](crate::gather_handles).
///
/// `How` is inferred. For a handle there are two ways, so that the compiler refuses it: a task around the handle of a
/// task would be what is gathered, and dropping it would detach the task itself.
pub trait Gatherable<How>: IntoFuture {}

/// How [`gather`](crate::gather) treats a future: it spawns a task for it.
#[derive(Debug)]
pub struct Spawned;

/// How [`gather`](crate::gather) would treat the handle of a task; [`gather_handles`](crate::gather_handles) does it.
#[derive(Debug)]
pub struct UseGatherHandles;

impl<F: IntoFuture> Gatherable<Spawned> for F {}
impl<T: 'static> Gatherable<UseGatherHandles> for JoinHandle<T> {}

/// The output of a task that returns a `Result`. Sealed.
#[diagnostic::on_unimplemented(
    message = "`first_error` and `flatten` need tasks that return a `Result`, but these return `{Self}`",
    note = "use `first_failure`, which is for all outputs: it fails if a task panics, or is cancelled or aborted"
)]
pub trait TaskResult: sealed::Sealed {
    /// The type of the value if the task succeeds.
    type Value;

    /// The type of the task's own error.
    type Error;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Value, Self::Error>;

    #[doc(hidden)]
    fn is_error(&self) -> bool;
}

impl<T, E> TaskResult for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_result(self) -> Result<T, E> {
        self
    }

    fn is_error(&self) -> bool {
        self.is_err()
    }
}

/// Merges the two ways to fail.
pub(super) fn flatten<R: TaskResult<Error: FromJoinError>>(
    output: Result<R, JoinError>,
) -> Result<R::Value, R::Error> {
    output?.into_result()
}

/// Returns whether the task has failed in either way.
pub(super) fn has_failed<R: TaskResult>(output: &Result<R, JoinError>) -> bool {
    output.as_ref().map_or(true, R::is_error)
}

mod sealed {
    pub trait Sealed {}
    impl<T, E> Sealed for Result<T, E> {}
}

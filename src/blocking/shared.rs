//! The default pool, shared by the whole program.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use crate::blocking::error::JobRefusal;
use crate::blocking::handle::BlockingHandle;
use crate::blocking::pool::ThreadPool;
use crate::blocking::record::is_ending;
use crate::blocking::work::{JobLabel, Work};

/// Never dropped; its threads end when they are idle.
static SHARED: LazyLock<ThreadPool> =
    LazyLock::new(|| ThreadPool::builder().threads(MOST).name("blocking").build());

/// Blocking jobs mostly sleep, so there can be many more threads than processors.
const MOST: usize = 512;

/// Runs a closure on another thread, where it may block, and returns a handle to its result.
///
/// The job is submitted immediately, whether or not the handle is awaited. Its thread belongs to a pool that all
/// schedulers of the program share. The pool starts threads on demand, up to 512; further jobs wait for a thread, in
/// FIFO order. Create a [`ThreadPool`] for a limit of your own.
///
/// It can be called anywhere. But while the scheduler on this thread drops its tasks, their destructors cannot start a
/// job: the handle returns an error immediately, for which
/// [`is_closed`](crate::blocking::BlockingError::is_closed) is true.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn_blocking};
///
/// let text = block_on(spawn_blocking(|| std::fs::read_to_string("Cargo.toml")))?;
/// assert!(text?.contains("turnwise"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
#[doc(alias = "run_in_executor")]
#[doc(alias = "to_thread")]
#[doc(alias = "unblock")]
pub fn spawn_blocking<F, T>(job: F) -> BlockingHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_labeled((None, Location::caller()), job)
}

pub(super) fn spawn_labeled<F, T>(label: JobLabel, closure: F) -> BlockingHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if is_ending() {
        let job = SHARED.job(label, closure);
        job.refuse(JobRefusal::Closed);
        return BlockingHandle::new(job);
    }
    SHARED.submit_labeled(label, closure)
}

/// Returns a future that runs a closure on another thread, and waits for its result.
///
/// Like asyncio's `to_thread`, it starts lazily: the job is submitted at the first poll. [`spawn_blocking`] submits it
/// immediately.
///
/// # Errors
///
/// [`BlockingError`](crate::blocking::BlockingError) if the closure panicked or was never called.
///
/// # Cancel safety
///
/// Dropping the future before its first poll drops the closure. After that the job continues, and its result is
/// dropped on its thread.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, blocking};
///
/// let later = blocking::to_thread(|| 6 * 7); // nothing happens yet
/// assert_eq!(block_on(later)?, 42);
/// # Ok::<(), blocking::BlockingError>(())
/// ```
#[track_caller]
#[doc(alias = "lazy")]
pub fn to_thread<F, T>(job: F) -> ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    ToThread { place: Location::caller(), stage: ToThreadStage::Created(job) }
}

/// The future of [`to_thread`].
#[must_use = "a future does nothing until it is awaited"]
pub struct ToThread<F, T> {
    place: &'static Location<'static>,
    stage: ToThreadStage<F, T>,
}

enum ToThreadStage<F, T> {
    Created(F),
    Begun(BlockingHandle<T>),
    /// Only while the closure is being submitted.
    Moving,
}

/// Nothing in it is pinned: the closure is moved into its job.
impl<F, T> Unpin for ToThread<F, T> {}

impl<F, T> Future for ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = <BlockingHandle<T> as Future>::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let ToThreadStage::Created(_) = self.stage {
            let ToThreadStage::Created(job) =
                std::mem::replace(&mut self.stage, ToThreadStage::Moving)
            else {
                unreachable!("the stage was just matched");
            };
            self.stage = ToThreadStage::Begun(spawn_labeled((None, self.place), job));
        }
        match &mut self.stage {
            ToThreadStage::Begun(handle) => Pin::new(handle).poll(cx),
            ToThreadStage::Created(_) | ToThreadStage::Moving => {
                unreachable!("the closure was submitted")
            }
        }
    }
}

impl<F, T> fmt::Debug for ToThread<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_begun = matches!(self.stage, ToThreadStage::Begun(_));
        let mut future = f.debug_struct("ToThread");
        future.field("place", &self.place).field("has_begun", &has_begun).finish_non_exhaustive()
    }
}

//! The pool that is always there: one for the whole program, for whoever needs none of his own.

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

/// Its threads end when they have nothing to do, and it is never dropped.
static SHARED: LazyLock<ThreadPool> =
    LazyLock::new(|| ThreadPool::builder().threads(MOST).name("blocking").build());

/// Jobs mostly sleep, so there may be many more than there are processors.
const MOST: usize = 512;

/// Hands a closure over to another thread, where it may block. It is queued now, whether or not the handle is
/// awaited.
///
/// The threads are shared by all schedulers of the program. There are as many as there are jobs, up to 512; more
/// jobs wait for a thread, first come, first served. A [`ThreadPool`] of your own has a limit of your own.
///
/// It may be called anywhere. While the scheduler on this thread drops all that it has, in destructors of its tasks,
/// nothing new is begun: the handle gives an error at once, for which
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
    spawn_born((None, Location::caller()), job)
}

pub(super) fn spawn_born<F, T>(label: JobLabel, closure: F) -> BlockingHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if is_ending() {
        let job = SHARED.job(label, closure);
        job.refuse(JobRefusal::Closed);
        return BlockingHandle::new(job);
    }
    SHARED.submit_born(label, closure)
}

/// Makes a future that hands a closure over to another thread when it is first polled, and then waits for what that
/// returns.
///
/// As asyncio's `to_thread`, it may be made anywhere, and does nothing by itself; [`spawn_blocking`] does not wait
/// to be polled.
///
/// # Errors
///
/// [`BlockingError`](crate::blocking::BlockingError) if the closure panicked, or was never called.
///
/// # Cancel safety
///
/// Dropping the future before its first poll drops the closure; after that the job goes on, and its result is
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
    ToThread { place: Location::caller(), stage: ToThreadStage::Made(job) }
}

/// The future of [`to_thread`].
#[must_use = "a future does nothing until it is awaited"]
pub struct ToThread<F, T> {
    place: &'static Location<'static>,
    stage: ToThreadStage<F, T>,
}

enum ToThreadStage<F, T> {
    Made(F),
    Begun(BlockingHandle<T>),
    /// Only while the closure is handed over.
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
        if let ToThreadStage::Made(_) = self.stage {
            let ToThreadStage::Made(job) =
                std::mem::replace(&mut self.stage, ToThreadStage::Moving)
            else {
                unreachable!("it has just been looked at");
            };
            self.stage = ToThreadStage::Begun(spawn_born((None, self.place), job));
        }
        match &mut self.stage {
            ToThreadStage::Begun(handle) => Pin::new(handle).poll(cx),
            ToThreadStage::Made(_) | ToThreadStage::Moving => {
                unreachable!("the closure was handed over")
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

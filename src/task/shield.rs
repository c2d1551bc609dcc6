//! Work that continues when its waiter is cancelled.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::kernel::{Kernel, SpawnMeta, current};
use crate::task::{Fallible, JoinError, JoinHandle};

/// Runs a future as a task of its own, and waits for it: if the wait is cancelled, the work continues.
///
/// The task is spawned at the first poll, and dropping this future detaches it. The task itself is not protected from
/// the end of its scheduler: [`Scheduler::shutdown`](crate::Scheduler::shutdown) cancels it like all others.
///
/// To hold requests back until some work has finished, without a task for it, use [`mask`](crate::task::mask).
///
/// # Errors
///
/// A [`JoinError`] if the work panicked, or was cancelled or dropped along with all other tasks of its scheduler.
///
/// # Cancel safety
///
/// Once it has been polled, the work continues whatever happens to this future; if this future is dropped, the output
/// is lost, also an `Err`: see [`try_shield`]. If the work panics then, that is
/// [reported](crate::scheduler::Builder::on_report). A cancel request never reaches the work, only the code that waits for it here.
///
/// # Panics
///
/// If it is first polled outside of a running scheduler.
///
/// # Example
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use turnwise::{Scheduler, sleep, task, timeout};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let done = Rc::new(Cell::new(false));
/// let work = {
///     let done = done.clone();
///     async move {
///         sleep(Duration::from_secs(5)).await;
///         done.set(true);
///     }
/// };
/// scheduler.block_on(async {
///     assert!(timeout(Duration::from_secs(1), task::shield(work)).await.is_err());
///     sleep(Duration::from_secs(5)).await;
/// });
/// assert!(done.get());
/// ```
#[track_caller]
pub fn shield<F: Future + 'static>(future: F) -> Shield<F> {
    Shield::new(future, Location::caller(), |kernel, future, meta| {
        JoinHandle::spawn(kernel, future, meta, None)
    })
}

/// Runs a future that may fail as a task of its own, and waits for it. If it returns an `Err` when nothing waits for it
/// any longer, that error is reported.
///
/// Otherwise like [`shield`]; the task is like that of a [`try_spawn`](crate::task::try_spawn). See
/// [`Builder::on_failure`](crate::scheduler::Builder::on_failure).
///
/// # Errors
///
/// A [`JoinError`] if the work panicked, or was cancelled or dropped along with all other tasks of its scheduler.
///
/// # Cancel safety
///
/// Like [`shield`]; but the `Err` of work whose waiter is gone is reported.
///
/// # Panics
///
/// If it is first polled outside of a running scheduler.
///
/// # Example
///
/// ```
/// use std::{cell::RefCell, rc::Rc, time::Duration};
/// use turnwise::{Scheduler, scheduler::Report, sleep, task, timeout};
///
/// let reports = Rc::new(RefCell::new(Vec::new()));
/// let log = Rc::clone(&reports);
/// let on_report = move |report: &Report| {
///     if let Report::UnreadError { error, .. } = report {
///         log.borrow_mut().push(error.to_string());
///     }
/// };
/// let scheduler = Scheduler::builder().virtual_time().on_report(on_report).build();
/// let save = async {
///     sleep(Duration::from_secs(5)).await;
///     Err::<(), _>("the disk is full")
/// };
/// scheduler.block_on(async {
///     assert!(timeout(Duration::from_secs(1), task::try_shield(save)).await.is_err());
///     sleep(Duration::from_secs(5)).await;
/// });
/// assert_eq!(reports.take(), [r#""the disk is full""#]);
/// ```
#[track_caller]
pub fn try_shield<F, T, E>(future: F) -> Shield<F>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: fmt::Debug + 'static,
{
    Shield::new(future, Location::caller(), |kernel, future, meta| {
        JoinHandle::spawn(kernel, Fallible::new(future), meta, None)
    })
}

/// The future of [`shield`] and [`try_shield`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Shield<F: Future> {
    stage: ShieldStage<F>,
    spawn: Spawn<F>,
}

/// Spawns the task.
type Spawn<F> = fn(Rc<Kernel>, F, SpawnMeta) -> JoinHandle<<F as Future>::Output>;

impl<F: Future> Shield<F> {
    fn new(future: F, place: &'static Location<'static>, spawn: Spawn<F>) -> Self {
        Shield { stage: ShieldStage::Unspawned { future: Some(future), place }, spawn }
    }
}

enum ShieldStage<F: Future> {
    /// The future is moved out at the first poll.
    Unspawned {
        future: Option<F>,
        place: &'static Location<'static>,
    },
    Spawned {
        handle: JoinHandle<F::Output>,
    },
}

/// The wrapped future is not pinned here: it moves into its task.
impl<F: Future> Unpin for Shield<F> {}

impl<F: Future + 'static> Future for Shield<F> {
    type Output = Result<F::Output, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let spawn = self.spawn;
        if let ShieldStage::Unspawned { future, place } = &mut self.stage {
            let Some(kernel) = current() else {
                panic!(
                    "the `shield` at {place} needs a running scheduler: await it inside `block_on`"
                );
            };
            let future = future.take().expect("the future is moved out once");
            let handle = spawn(kernel, future, SpawnMeta::at(place));
            self.stage = ShieldStage::Spawned { handle };
        }
        let ShieldStage::Spawned { handle } = &mut self.stage else {
            unreachable!("it was just spawned");
        };
        Pin::new(handle).poll(cx)
    }
}

impl<F: Future> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = match &self.stage {
            ShieldStage::Unspawned { .. } => None,
            ShieldStage::Spawned { handle } => Some(handle.id()),
        };
        f.debug_struct("Shield").field("task", &task).finish_non_exhaustive()
    }
}

//! Spawning from another thread: a closure creates the future on the scheduler's thread, and the output is sent back.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::kernel::{Failure, Place, SpawnMeta, TaskId, current, drop_quietly, find, run_quietly};
use crate::limits::{Limited, poll_limited};
use crate::report::HandedOver;
use crate::task::remote::Remote;
use crate::task::{JoinError, JoinHandle, RemoteError, id};
use crate::watch::drop_unread;

impl Remote {
    /// Spawns a task on the scheduler's thread.
    ///
    /// The closure is sent there and called in the task's first turn; the future that it returns need not be `Send` and
    /// never leaves that thread. Only the output is sent back. The task is added to the ready queue when the scheduler
    /// next checks its mailbox, behind everything that was woken from other threads before.
    ///
    /// The task runs whether or not its handle is awaited; dropping the handle detaches it. If the scheduler has been
    /// dropped, or is dropped or shut down before the task has finished, the handle returns an error.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{rc::Rc, sync::mpsc, thread};
    /// use turnwise::{Scheduler, yield_now};
    ///
    /// let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    /// let (sender, receiver) = mpsc::channel();
    /// let server = thread::spawn(move || {
    ///     let scheduler = Scheduler::new();
    ///     sender.send(scheduler.remote()).unwrap();
    ///     scheduler.block_on(stopped)
    /// });
    ///
    /// let remote = receiver.recv()?;
    /// let answer = remote.spawn(|| async {
    ///     let local = Rc::new(6); // never leaves the other thread
    ///     yield_now().await;
    ///     *local * 7
    /// });
    /// assert_eq!(answer.wait()?, 42);
    /// stop.send(()).unwrap();
    /// server.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output: Send + 'static> + 'static,
    {
        let answer =
            Arc::new(Reply { state: Mutex::new(ReplyState::Open(None)), given: Condvar::new() });
        let promise = RemotePromise { answer: Some(Arc::clone(&answer)), task: None };
        let place = Location::caller();
        self.call(move |kernel| {
            let task = keep(make, promise, place);
            drop(JoinHandle::spawn(kernel.clone(), task, SpawnMeta::at(place), None));
        });
        RemoteHandle { answer, scheduler: self.scheduler() }
    }
}

/// Creates the future and runs it, and answers the promise however that ends.
async fn keep<M, F>(make: M, mut promise: RemotePromise<F::Output>, place: Place)
where
    M: FnOnce() -> F,
    F: Future,
{
    promise.task = Some(id());
    let outcome = async {
        let mut target = pin!(make());
        poll_fn(|cx| target.as_mut().poll(cx).map(|output| promise.give(Ok(output)))).await;
    };
    let mut outcome = pin!(outcome);
    // A panic's payload goes to the handle, if that still exists. The task panics in any case, so that reports on this
    // thread show it.
    let caught = poll_fn(|cx| {
        let turn = catch_unwind(AssertUnwindSafe(|| outcome.as_mut().poll(cx)));
        turn.map_or_else(|payload| Poll::Ready(Err(payload)), |poll| poll.map(Ok))
    });
    if let Err(payload) = caught.await {
        if promise.is_awaited()
            && let Some(kernel) = current()
        {
            let panic = Failure::Panicked(payload);
            promise.give(Err(RemoteError::of(JoinError::new(id(), panic, &kernel, place))));
            resume_unwind(Box::new(HandedOver));
        }
        resume_unwind(payload);
    }
}

/// The state that both sides share.
struct Reply<T> {
    state: Mutex<ReplyState<T>>,
    given: Condvar,
}

enum ReplyState<T> {
    /// Not answered yet; the waker to wake then, if there is one.
    Open(Option<Waker>),
    Given(Result<T, RemoteError>),
    Taken,
}

impl<T> Reply<T> {
    /// Nothing that runs under the lock can panic, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, ReplyState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that was given too late, or not taken, is dropped by the last of the two sides.
impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        drop_unread(mem::replace(&mut *self.lock(), ReplyState::Taken));
    }
}

/// The answering side. It moves with the task; if it is dropped before it has answered, it answers with an error.
struct RemotePromise<T> {
    /// `None` only while it is being dropped.
    answer: Option<Arc<Reply<T>>>,
    /// The answering task, once it is spawned.
    task: Option<TaskId>,
}

impl<T> RemotePromise<T> {
    /// Returns whether the handle still exists.
    fn is_awaited(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| Arc::strong_count(answer) > 1)
    }

    /// Answers, unless that was done before.
    fn give(&self, result: Result<T, RemoteError>) {
        let Some(answer) = &self.answer else { return };
        let waker = {
            let mut state = answer.lock();
            let ReplyState::Open(waker) = &mut *state else {
                drop(state);
                return drop(result);
            };
            let waker = waker.take();
            *state = ReplyState::Given(result);
            waker
        };
        answer.given.notify_all();
        if let Some(waker) = waker {
            run_quietly(|| waker.wake()); // The panic of a foreign waker must not reach this task.
        }
    }
}

impl<T> Drop for RemotePromise<T> {
    fn drop(&mut self) {
        self.give(Err(match self.task {
            Some(task) => RemoteError::of(JoinError::aborted(task)),
            None => RemoteError::gone(),
        }));
        // If the handle is gone, this drops the answer, perhaps during a panic: another panic must not escape.
        drop_quietly(self.answer.take());
    }
}

/// A handle to a task on another thread; created by [`Remote::spawn`].
///
/// Await it, on any executor, or block on it with [`wait`](RemoteHandle::wait) in code that is not async. Dropping it
/// detaches the task. If the task has panicked, or panics later, its scheduler
/// [reports](crate::scheduler::Builder::on_report) that.
///
/// # Cancel safety
///
/// A wait on `&mut handle` can be dropped, and the handle awaited again later.
///
/// # Panics
///
/// If it is polled again after it has completed.
#[must_use = "dropping it detaches the task: its output is lost"]
pub struct RemoteHandle<T> {
    answer: Arc<Reply<T>>,
    scheduler: NonZeroU32,
}

impl<T> RemoteHandle<T> {
    /// Blocks this thread until the task has finished, and returns its output.
    ///
    /// # Errors
    ///
    /// A [`RemoteError`] if the task panicked, or has no output because its scheduler was dropped or shut down.
    ///
    /// # Panics
    ///
    /// If the task has not finished and its scheduler is on this thread, which would then block forever: await the
    /// handle there.
    #[track_caller]
    #[doc(alias = "result")]
    pub fn wait(self) -> Result<T, RemoteError> {
        let mut state = self.answer.lock();
        loop {
            match mem::replace(&mut *state, ReplyState::Taken) {
                ReplyState::Given(result) => return result,
                open => *state = open,
            }
            if find(self.scheduler).is_some() {
                drop(state);
                panic!(
                    "`RemoteHandle::wait` on the thread of the task's own scheduler would block forever: \
                     await the handle instead"
                );
            }
            state = self.answer.given.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns whether the task has finished, whatever the outcome. Awaiting the handle then does not wait.
    pub fn is_finished(&self) -> bool {
        !matches!(*self.answer.lock(), ReplyState::Open(_))
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, RemoteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_limited(&mut *self, cx)
    }
}

impl<T> Limited for &mut RemoteHandle<T> {
    type Output = Result<T, RemoteError>;

    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output> {
        // Cloning or dropping a foreign waker may run any code, so both are done without the lock.
        let waker = cx.waker().clone();
        let old = {
            let mut state = self.answer.lock();
            match &mut *state {
                ReplyState::Open(place) => place.replace(waker),
                given => match mem::replace(given, ReplyState::Taken) {
                    ReplyState::Given(result) => {
                        drop(state);
                        return Poll::Ready(result);
                    }
                    _ => panic!("a `RemoteHandle` was polled after completion"),
                },
            }
        };
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for RemoteHandle<T> {
    fn drop(&mut self) {
        // The waker may be a foreign one: drop it now instead of when the task has finished.
        let waker = match &mut *self.answer.lock() {
            ReplyState::Open(waker) => waker.take(),
            ReplyState::Given(_) | ReplyState::Taken => None,
        };
        drop(waker);
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut handle = f.debug_struct("RemoteHandle");
        handle.field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

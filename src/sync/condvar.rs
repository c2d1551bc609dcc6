//! A condition variable: waits for a notification with a mutex unlocked.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::kernel::Place;
use crate::limits::{Limited, poll_at_once};
use crate::sync::mutex::{Lock, Mutex, MutexGuard};
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Waiters};

/// A condition variable: tasks wait for a notification, with a [`Mutex`] unlocked while they wait.
///
/// Strictly FIFO and without spurious wakeups: a wait ends only when it is notified, and a notification
/// reaches only waits that started before the call. If a notified wait is dropped before it has the
/// lock again, the notification goes to the next wait. Without a waiter a notification is lost; to be sure
/// not to miss it, check the value under the lock first, as [`wait_while`](Condvar::wait_while) does.
///
/// The notifying task need not hold the lock, and the waits of one condvar may use different mutexes.
///
/// # Example
///
/// ```
/// use std::{collections::VecDeque, rc::Rc};
/// use turnwise::{block_on, spawn, sync::{Condvar, Mutex}};
///
/// block_on(async {
///     let shared = Rc::new((Mutex::new(VecDeque::new()), Condvar::new().named("not empty")));
///     let theirs = Rc::clone(&shared);
///     let consumer = spawn(async move {
///         let (queue, not_empty) = &*theirs;
///         let guard = queue.lock().await;
///         let mut guard = not_empty.wait_while(guard, |queue| queue.is_empty()).await;
///         guard.pop_front()
///     });
///     let (queue, not_empty) = &*shared;
///     queue.lock().await.push_back("bread");
///     not_empty.notify_one();
///     assert_eq!(consumer.await.unwrap(), Some("bread"));
/// });
/// ```
#[doc(alias = "Condition")]
pub struct Condvar {
    /// Each wait records the round in which it joined; each notification starts a new round.
    waiters: Waiters,
}

/// The word of a wait that `notify_one` has notified.
const ONE: u32 = 1;

/// The word of a wait that `notify_all` has notified.
const ALL: u32 = 2;

impl Condvar {
    /// Creates a condvar.
    pub const fn new() -> Self {
        Condvar { waiters: Waiters::new(&"condvar") }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.waiters.set_name(name.into());
        self
    }

    /// Unlocks the mutex, waits for a notification, and locks the mutex again.
    ///
    /// The first poll starts the wait and then unlocks the mutex, so no notification can be missed in
    /// between. Once notified, the wait queues for the lock like any other task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait without locking the mutex, so cleanup code that needs the lock
    /// must lock it again (in asyncio it holds the lock). If [`notify_one`](Condvar::notify_one) has already
    /// notified this wait, even if it is queued for the lock by then, the notification goes to the next wait.
    ///
    /// # Panics
    ///
    /// If it is polled after completion.
    ///
    /// # Example
    ///
    /// ```
    /// use std::rc::Rc;
    /// use turnwise::{block_on, spawn, sync::{Condvar, Mutex}, yield_now};
    ///
    /// block_on(async {
    ///     let shared = Rc::new((Mutex::new(0), Condvar::new()));
    ///     let theirs = Rc::clone(&shared);
    ///     let reader = spawn(async move {
    ///         let guard = theirs.0.lock().await;
    ///         *theirs.1.wait(guard).await
    ///     });
    ///     yield_now().await;
    ///     *shared.0.lock().await = 7;
    ///     shared.1.notify_one();
    ///     assert_eq!(reader.await.unwrap(), 7);
    /// });
    /// ```
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&'a self, guard: MutexGuard<'a, T>) -> CondvarWait<'a, T> {
        CondvarWait { condvar: self, place: Location::caller(), stage: CondvarStage::Locked(guard) }
    }

    /// Waits while `condition` returns `true` for the value. Checks it under the lock, at the first poll and
    /// after each notification.
    ///
    /// # Cancel safety
    ///
    /// As for [`wait`](Condvar::wait).
    ///
    /// # Panics
    ///
    /// If `condition` panics, which unlocks the mutex, or if the future is polled after completion.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, sync::{Condvar, Mutex}};
    ///
    /// block_on(async {
    ///     let (count, changed) = (Mutex::new(3), Condvar::new());
    ///     let guard = count.lock().await;
    ///     let guard = changed.wait_while(guard, |count| *count == 0).await; // does not wait
    ///     assert_eq!(*guard, 3);
    /// });
    /// ```
    #[track_caller]
    #[doc(alias = "wait_for")]
    pub fn wait_while<'a, T, F>(
        &'a self,
        guard: MutexGuard<'a, T>,
        condition: F,
    ) -> CondvarWaitWhile<'a, T, F>
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        let state = While::Looking(guard);
        CondvarWaitWhile { condvar: self, place: Location::caller(), state, condition }
    }

    /// Notifies the task that has waited longest. Does nothing if no task is waiting.
    #[doc(alias = "notify")]
    #[doc(alias = "signal")]
    pub fn notify_one(&self) {
        self.waiters.begin_round();
        self.waiters.wake_first(ONE);
    }

    /// Notifies all tasks that are waiting now, in the order in which they started to wait.
    #[doc(alias = "broadcast")]
    pub fn notify_all(&self) {
        self.waiters.wake_all(ALL);
    }

    /// Passes on the notification of a dropped wait. The next wait gets it only if it joined before the last
    /// call: a notification must not end a wait that started after it.
    fn pass_on(&self) {
        let round = self.waiters.round();
        self.waiters.wake_first_if(ONE, |joined| joined != round);
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl Source for Condvar {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    fn try_take(&self, _: u32, _: Place) -> Result<Grant, u32> {
        Err(self.waiters.round())
    }

    fn give_back(&self, grant: Left) {
        if grant == Left::Woken(ONE) {
            self.pass_on();
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut condvar = f.debug_struct("Condvar");
        self.waiters.debug(&mut condvar);
        condvar.finish()
    }
}

/// A notification in flight to a wait that does not have the lock yet. Its drop passes it on.
struct Notification<'a> {
    condvar: &'a Condvar,
    word: u32,
}

impl Drop for Notification<'_> {
    fn drop(&mut self) {
        self.condvar.give_back(Left::Woken(self.word));
    }
}

/// The future of [`Condvar::wait`].
///
/// ```text
///   Locked ──1──▶ Waiting ──2──▶ Locking ──3──▶ Over      1 first poll        3 lock handed over
///                                                         2 notify_one, notify_all
/// ```
#[must_use = "a future does nothing until it is awaited"]
pub struct CondvarWait<'a, T: ?Sized> {
    condvar: &'a Condvar,
    place: Place,
    stage: CondvarStage<'a, T>,
}

enum CondvarStage<'a, T: ?Sized> {
    Locked(MutexGuard<'a, T>),
    Waiting(Queued<'a, Condvar>, &'a Mutex<T>),
    // Drop order: the place in the lock's queue is given up before another wait is notified and queues for it.
    Locking(Lock<'a, T>, Notification<'a>),
    Over,
}

impl<'a, T: ?Sized> Future for CondvarWait<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.stage, CondvarStage::Locked(_)) {
            self.begin(cx);
            return Poll::Pending;
        }
        if let CondvarStage::Waiting(queued, mutex) = &mut self.stage {
            let mutex = *mutex;
            let Grant::Word(word) = ready!(Pin::new(queued).poll(cx)) else {
                unreachable!("a condvar wakes, but hands nothing over")
            };
            let lock = mutex.lock_from(self.place);
            let notification = Notification { condvar: self.condvar, word };
            self.stage = CondvarStage::Locking(lock, notification);
        }
        let CondvarStage::Locking(lock, _) = &mut self.stage else {
            panic!("`Condvar::wait` was polled after completion")
        };
        let guard = ready!(Pin::new(lock).poll(cx));
        if let CondvarStage::Locking(_, notification) =
            mem::replace(&mut self.stage, CondvarStage::Over)
        {
            mem::forget(notification); // It was delivered.
        }
        Poll::Ready(guard)
    }
}

impl<T: ?Sized> CondvarWait<'_, T> {
    /// Joins the list, then unlocks the mutex.
    fn begin(&mut self, cx: &Context<'_>) {
        let mut queued = Queued::new(self.condvar, 0, self.place);
        // If a foreign waker panics here, the mutex is still locked and the wait has not started.
        let poll = queued.poll_now(cx);
        assert!(poll.is_pending(), "a condvar has nothing that could be taken immediately");
        let CondvarStage::Locked(guard) = mem::replace(&mut self.stage, CondvarStage::Over) else {
            unreachable!("a wait starts once")
        };
        self.stage = CondvarStage::Waiting(queued, guard.mutex());
        drop(guard);
    }
}

impl<T: ?Sized> fmt::Debug for CondvarWait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CondvarWait").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The future of [`Condvar::wait_while`].
#[must_use = "a future does nothing until it is awaited"]
pub struct CondvarWaitWhile<'a, T: ?Sized, F> {
    condvar: &'a Condvar,
    place: Place,
    state: While<'a, T>,
    condition: F,
}

enum While<'a, T: ?Sized> {
    Looking(MutexGuard<'a, T>),
    Waiting(CondvarWait<'a, T>),
    Over,
}

/// The condition is never pinned.
impl<T: ?Sized, F> Unpin for CondvarWaitWhile<'_, T, F> {}

impl<'a, T, F> Future for CondvarWaitWhile<'a, T, F>
where
    T: ?Sized,
    F: FnMut(&mut T) -> bool,
{
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut is_counted = false;
        loop {
            if let While::Waiting(wait) = &mut self.state {
                let guard = ready!(Pin::new(wait).poll(cx));
                self.state = While::Looking(guard);
                is_counted = true;
            }
            let While::Looking(mut guard) = mem::replace(&mut self.state, While::Over) else {
                panic!("`Condvar::wait_while` was polled after completion")
            };
            if !(self.condition)(&mut guard) {
                if !is_counted && poll_at_once(cx).is_pending() {
                    self.state = While::Looking(guard);
                    return Poll::Pending;
                }
                return Poll::Ready(guard);
            }
            let stage = CondvarStage::Locked(guard);
            let wait = CondvarWait { condvar: self.condvar, place: self.place, stage };
            self.state = While::Waiting(wait);
        }
    }
}

impl<T: ?Sized, F> fmt::Debug for CondvarWaitWhile<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CondvarWaitWhile").field("place", &self.place).finish_non_exhaustive()
    }
}

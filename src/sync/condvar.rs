//! Waiting, with a mutex let go meanwhile, until somebody says that something has changed.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::kernel::Place;
use crate::limits::Limited;
use crate::sync::mutex::{Lock, Mutex, MutexGuard};
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Waiters};

/// Tasks wait here, with a [`Mutex`] let go meanwhile, until another one says that something has changed.
///
/// Strictly first come, first served, and without spurious wake-ups: a wait ends only when it was notified,
/// and only waits that are there at the call are. A notification that reached a wait which is dropped before
/// it has the lock again goes to the next one. With nobody waiting it is lost; who must not miss it looks at
/// the value under the lock first, as [`wait_while`](Condvar::wait_while) does.
///
/// A task that notifies need not have the lock; and the waits of one condvar may belong to several mutexes.
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
    /// Each wait notes the round in which it joined, and each notification begins another one.
    waiters: Waiters,
}

/// The word of a wait that `notify_one` has ended.
const ONE: u32 = 1;

/// The word of a wait that `notify_all` has ended.
const ALL: u32 = 2;

impl Condvar {
    /// Makes a condvar.
    pub const fn new() -> Self {
        Condvar { waiters: Waiters::new("condvar") }
    }

    /// Gives it a name, for reports.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.waiters.set_name(name.into());
        self
    }

    /// Unlocks the mutex, waits until it is notified, and locks the mutex again.
    ///
    /// The wait begins and the mutex is let go at the first poll, in this order, so no notification can be
    /// missed in between. Once notified it asks for the lock like anybody else, behind those who have asked
    /// already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait; the mutex is not locked then, so a clean-up that needs it locks it
    /// again (in asyncio it has it). If it had been notified by [`notify_one`](Condvar::notify_one) already,
    /// also if it waits for the lock, the notification goes to the next one.
    ///
    /// # Panics
    ///
    /// If it is polled again after it was ready.
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

    /// Waits as long as the condition is true of the value: looks at it under the lock now, and again each
    /// time that it is notified.
    ///
    /// # Cancel safety
    ///
    /// As for [`wait`](Condvar::wait).
    ///
    /// # Panics
    ///
    /// If the condition panics: then the mutex is unlocked. And if it is polled again after it was ready.
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

    /// Ends the wait of whoever has waited longest. Does nothing if nobody waits.
    #[doc(alias = "notify")]
    #[doc(alias = "signal")]
    pub fn notify_one(&self) {
        self.waiters.begin_round();
        self.waiters.wake_first(ONE);
    }

    /// Ends all waits that there are now, in the order in which they began.
    #[doc(alias = "broadcast")]
    pub fn notify_all(&self) {
        self.waiters.wake_all(ALL);
    }

    /// A notification reached a wait that was dropped. The next one gets it, if it waits since before the
    /// last call: no wait may end by calls that were all made before it began.
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

/// A notification on its way to a wait that does not have the lock yet. Dropped there, it goes to another.
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
///   Locked ──1──▶ Waiting ──2──▶ Locking ──3──▶ Over      1 the first poll    3 the lock is handed over
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
    // In this order: the wait for the lock is given up before another wait is told to ask for it.
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
                unreachable!("a condvar wakes, and hands nothing over")
            };
            let lock = mutex.lock_from(self.place);
            let notification = Notification { condvar: self.condvar, word };
            self.stage = CondvarStage::Locking(lock, notification);
        }
        let CondvarStage::Locking(lock, _) = &mut self.stage else {
            panic!("a wait of a condvar was polled after it had been ready")
        };
        let guard = ready!(Pin::new(lock).poll(cx));
        if let CondvarStage::Locking(_, notification) =
            mem::replace(&mut self.stage, CondvarStage::Over)
        {
            mem::forget(notification); // It has arrived.
        }
        Poll::Ready(guard)
    }
}

impl<T: ?Sized> CondvarWait<'_, T> {
    /// Joins the list, and then lets the mutex go.
    fn begin(&mut self, cx: &Context<'_>) {
        let mut queued = Queued::new(self.condvar, 0, self.place);
        // If a foreign waker panics here, the mutex is still locked and the wait has not begun.
        let poll = queued.poll_now(cx);
        assert!(poll.is_pending(), "a condvar has nothing that could be taken at once");
        let CondvarStage::Locked(guard) = mem::replace(&mut self.stage, CondvarStage::Over) else {
            unreachable!("a wait begins once")
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

/// The condition is called in place, and never pinned.
impl<T: ?Sized, F> Unpin for CondvarWaitWhile<'_, T, F> {}

impl<'a, T, F> Future for CondvarWaitWhile<'a, T, F>
where
    T: ?Sized,
    F: FnMut(&mut T) -> bool,
{
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let While::Waiting(wait) = &mut self.state {
                let guard = ready!(Pin::new(wait).poll(cx));
                self.state = While::Looking(guard);
            }
            let While::Looking(mut guard) = mem::replace(&mut self.state, While::Over) else {
                panic!("a wait of a condvar was polled after it had been ready")
            };
            if !(self.condition)(&mut guard) {
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

//! A mutual exclusion lock.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use thiserror::Error;

use crate::kernel::Place;
use crate::sync::gate::{Gate, HeldPermits};
use crate::sync::queued::{Queued, Source};

/// A mutual exclusion lock whose guard can be held across await points.
///
/// Strictly FIFO: unlocking hands the lock to the task that has waited longest, so no other task can take it
/// first. Reports name the task that holds it and where it was locked. A task that locks it a second time
/// waits for itself, which reports show as well.
///
/// It is `!Send` and uses no atomics. A panic unlocks it like any other drop of the guard: there is no
/// poisoning.
///
/// # Example
///
/// ```
/// use std::rc::Rc;
/// use turnwise::{block_on, spawn, sync::Mutex, yield_now};
///
/// block_on(async {
///     let account = Rc::new(Mutex::new(100).named("account"));
///     let theirs = Rc::clone(&account);
///     let transfer = spawn(async move {
///         let mut balance = theirs.lock().await;
///         let before = *balance;
///         yield_now().await; // others run, and cannot change it
///         *balance = before - 30;
///     });
///     *account.lock().await += 1;
///     transfer.await.unwrap();
///     assert_eq!(*account.lock().await, 71);
/// });
/// ```
///
/// # It is not `Send`
///
/// Another thread reaches the data through a task on this thread, spawned by a [`Remote`](crate::Remote), or sends
/// values through a [`channel::remote`](crate::channel::remote). To share data between threads, use std's `Mutex`.
///
/// ```compile_fail,E0277
/// let mutex = turnwise::sync::Mutex::new(std::cell::Cell::new(0));
/// std::thread::scope(|threads| { threads.spawn(|| drop(&mutex)); });
/// ```
#[doc(alias = "Lock")]
pub struct Mutex<T: ?Sized> {
    gate: Gate,
    value: RefCell<T>,
}

impl<T> Mutex<T> {
    /// Creates an unlocked mutex around a value.
    pub const fn new(value: T) -> Self {
        Mutex { gate: Gate::held(&"mutex", 1), value: RefCell::new(value) }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.gate.waiters().set_name(name.into());
        self
    }

    /// Consumes the mutex and returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks the mutex, waiting until it is free and all earlier callers have had it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue. If the lock was already handed to it, the next
    /// in line gets it.
    ///
    /// Beware of keeping the future without polling it: once the lock is handed to it, all later callers
    /// wait for it.
    #[track_caller]
    #[inline]
    #[doc(alias = "acquire")]
    pub fn lock(&self) -> Lock<'_, T> {
        self.lock_from(Location::caller())
    }

    /// Like [`lock`](Mutex::lock), for a caller at `place`.
    #[inline]
    pub(crate) fn lock_from(&self, place: Place) -> Lock<'_, T> {
        Lock { mutex: self, queued: self.gate.pass(1, place) }
    }

    /// Locks the mutex if it is free and no task is waiting for it.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or is being handed to a waiter.
    ///
    /// # Example
    ///
    /// ```
    /// let mutex = turnwise::sync::Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// drop(guard);
    /// assert!(mutex.try_lock().is_ok());
    /// ```
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let held =
            HeldPermits::try_take(&self.gate, 1, Location::caller()).ok_or(TryLockError(()))?;
        Ok(MutexGuard::new(self, held))
    }

    /// Returns whether the mutex is locked.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.gate.permits() == 0
    }

    /// Returns a mutable reference to the value. `&mut self` is exclusive, so this takes no lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    /// Prints the value, or if it is locked the holder and the waiters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        // Locked while it prints: the value's own `Debug` may try to lock it.
        match self.try_lock() {
            Ok(value) => mutex.field("value", &&*value),
            Err(_) => mutex.field("value", &format_args!("<locked>")),
        };
        self.gate.waiters().debug(&mut mutex);
        mutex.finish()
    }
}

/// The error of [`Mutex::try_lock`]: the mutex is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the mutex is locked")]
pub struct TryLockError(());

/// The future of [`Mutex::lock`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Lock<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    queued: Queued<'a, Gate>,
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mutex = self.mutex;
        let held = ready!(self.queued.poll_held(&mutex.gate, cx));
        Poll::Ready(MutexGuard::new(mutex, held.expect("the gate of a mutex is never closed")))
    }
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// Keeps the mutex locked until it is dropped; dereferences to the value.
///
/// # It is not `Send`
///
/// Nor is its lock. A [`Remote`](crate::Remote) spawns a task here, where the data is; a
/// [`channel::remote`](crate::channel::remote) brings values here.
///
/// ```compile_fail,E0277
/// let mutex = turnwise::sync::Mutex::new(0);
/// let guard = mutex.try_lock().unwrap();
/// std::thread::scope(|threads| { threads.spawn(move || drop(guard)); });
/// ```
#[must_use = "dropping it unlocks the mutex"]
pub struct MutexGuard<'a, T: ?Sized> {
    // Drop order: the borrow of the value ends before the next in line gets the lock.
    value: RefMut<'a, T>,
    held: HeldPermits<&'a Gate>,
    mutex: &'a Mutex<T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    #[inline]
    fn new(mutex: &'a Mutex<T>, held: HeldPermits<&'a Gate>) -> Self {
        MutexGuard { value: mutex.value.borrow_mut(), held, mutex }
    }

    /// Makes the current task the owner of the lock, as reports name it. Call it in the task that a guard was moved to.
    ///
    /// The crate cannot see that a guard moves. Until this is called, the task that locked the mutex is its owner, and
    /// a [deadlock report](crate::DeadlockReport) may show a cycle that does not exist. Outside of all tasks, it leaves
    /// the lock without an owner.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{RunError, Scheduler, spawn, sync::Mutex};
    ///
    /// let error = Scheduler::new().try_block_on(async {
    ///     let door: &Mutex<()> = Box::leak(Box::new(Mutex::new(()).named("door")));
    ///     let guard = door.lock().await;
    ///     let keeper = spawn(async move {
    ///         guard.take_over();
    ///         std::future::pending::<()>().await;
    ///     });
    ///     door.lock().await;
    ///     keeper.await.unwrap();
    /// });
    /// assert!(error.unwrap_err().to_string().contains(", held by #2 (locked at "));
    /// ```
    pub fn take_over(&self) {
        self.held.take_over();
    }

    /// Returns the mutex that it guards.
    pub(crate) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

//! A reader-writer lock.
//!
//! It is a gate with the maximum number of permits: a reader takes one, a writer takes all.

use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use thiserror::Error;

use crate::sync::gate::{Gate, HeldPermits, MAX_PERMITS};
use crate::sync::queued::{Queued, Source};

/// A reader-writer lock whose guards can be held across await points: many readers or one writer at a time.
///
/// Strictly FIFO: a waiting writer holds back later readers, so a stream of readers cannot starve it. When it
/// unlocks, all readers up to the next writer in the queue get the lock together. A task that holds a read
/// guard and reads again behind a waiting writer waits for itself, which reports show.
///
/// It is `!Send` and uses no atomics. A panic unlocks it like any other drop of a guard: there is no
/// poisoning.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, sync::RwLock};
///
/// block_on(async {
///     let prices = RwLock::new(vec![3, 4]).named("prices");
///     {
///         let one = prices.read().await;
///         let other = prices.read().await; // both at a time
///         assert_eq!(one[0] + other[1], 7);
///     }
///     prices.write().await.push(5);
///     assert_eq!(*prices.read().await, [3, 4, 5]);
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    gate: Gate,
    value: RefCell<T>,
}

/// The permits that a reader takes.
const ONE: u32 = 1;

/// The permits that a writer takes.
const ALL: u32 = MAX_PERMITS;

const NEVER_CLOSED: &str = "the gate of a lock is never closed";

impl<T> RwLock<T> {
    /// Creates an unlocked lock around a value.
    pub const fn new(value: T) -> Self {
        RwLock { gate: Gate::held(&"rwlock", ALL), value: RefCell::new(value) }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.gate.waiters().set_name(name.into());
        self
    }

    /// Consumes the lock and returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks it for reading, waiting until no writer holds it and all earlier callers have had it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue. If the lock was already handed to it, that is
    /// given back.
    ///
    /// Beware of keeping the future without polling it: once the lock is handed to it, all later writers
    /// wait for it.
    #[track_caller]
    #[inline]
    pub fn read(&self) -> Read<'_, T> {
        Read { lock: self, queued: self.gate.pass(ONE, Location::caller()) }
    }

    /// Locks it for writing, waiting until it is free and all earlier callers have had it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue; readers behind it get the lock immediately if
    /// only readers hold it. If the lock was already handed to it, the next in line gets it.
    ///
    /// Beware of keeping the future without polling it: once the lock is handed to it, all later callers
    /// wait for it.
    #[track_caller]
    #[inline]
    pub fn write(&self) -> Write<'_, T> {
        Write { lock: self, queued: self.gate.pass(ALL, Location::caller()) }
    }

    /// Locks it for reading, if no writer holds it and no task is waiting for it.
    ///
    /// # Errors
    ///
    /// [`TryReadError`] if a writer holds it or is being handed it, or a task is waiting for it.
    ///
    /// # Example
    ///
    /// ```
    /// let lock = turnwise::sync::RwLock::new(1);
    /// let one = lock.try_read().unwrap();
    /// assert_eq!(*one + *lock.try_read().unwrap(), 2);
    /// assert!(lock.try_write().is_err());
    /// ```
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryReadError> {
        let held =
            HeldPermits::try_take(&self.gate, ONE, Location::caller()).ok_or(TryReadError(()))?;
        Ok(RwLockReadGuard { value: self.value.borrow(), held })
    }

    /// Locks it for writing, if it is free.
    ///
    /// # Errors
    ///
    /// [`TryWriteError`] if it is locked, or is being handed to a waiter.
    ///
    /// # Example
    ///
    /// ```
    /// let lock = turnwise::sync::RwLock::new(1);
    /// *lock.try_write().unwrap() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryWriteError> {
        let held =
            HeldPermits::try_take(&self.gate, ALL, Location::caller()).ok_or(TryWriteError(()))?;
        Ok(RwLockWriteGuard { value: self.value.borrow_mut(), held, lock: self })
    }

    /// Returns a mutable reference to the value. `&mut self` is exclusive, so this takes no lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    /// Prints the value, if it can be read immediately, and the holders and waiters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("RwLock");
        // Locked while it prints: the value's own `Debug` may try to write.
        match self.try_read() {
            Ok(value) => lock.field("value", &&*value),
            Err(_) => lock.field("value", &format_args!("<locked>")),
        };
        self.gate.waiters().debug(&mut lock);
        lock.finish()
    }
}

/// The error of [`RwLock::try_read`]: a writer holds the lock or waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a writer holds the lock or waits for it")]
pub struct TryReadError(());

/// The error of [`RwLock::try_write`]: the lock is held or being handed to a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the lock is held or being handed to a waiter")]
pub struct TryWriteError(());

/// The future of [`RwLock::read`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Read<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    queued: Queued<'a, Gate>,
}

impl<'a, T: ?Sized> Future for Read<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = self.lock;
        let held = ready!(self.queued.poll_held(&lock.gate, cx)).expect(NEVER_CLOSED);
        Poll::Ready(RwLockReadGuard { value: lock.value.borrow(), held })
    }
}

impl<T: ?Sized> fmt::Debug for Read<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// The future of [`RwLock::write`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Write<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    queued: Queued<'a, Gate>,
}

impl<'a, T: ?Sized> Future for Write<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = self.lock;
        let held = ready!(self.queued.poll_held(&lock.gate, cx)).expect(NEVER_CLOSED);
        Poll::Ready(RwLockWriteGuard { value: lock.value.borrow_mut(), held, lock })
    }
}

impl<T: ?Sized> fmt::Debug for Write<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// Keeps the lock locked for reading until it is dropped; dereferences to the value.
///
/// # It is not `Send`
///
/// Nor is its lock. A [`Remote`](crate::Remote) spawns a task here, where the data is; a
/// [`channel::remote`](crate::channel::remote) brings values here.
///
/// ```compile_fail,E0277
/// let lock = turnwise::sync::RwLock::new(0);
/// let guard = lock.try_read().unwrap();
/// std::thread::scope(|threads| { threads.spawn(move || drop(guard)); });
/// ```
#[must_use = "dropping it unlocks the lock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Drop order: the borrow of the value ends before the next in line gets the lock.
    value: Ref<'a, T>,
    held: HeldPermits<&'a Gate>,
}

impl<T: ?Sized> RwLockReadGuard<'_, T> {
    /// Makes the current task an owner of the lock, as reports name it, in place of the task that locked it. See
    /// [`MutexGuard::take_over`](crate::sync::MutexGuard::take_over).
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, spawn, sync::RwLock};
    ///
    /// block_on(async {
    ///     let prices: &RwLock<u32> = Box::leak(Box::new(RwLock::new(3)));
    ///     let guard = prices.read().await;
    ///     let reader = spawn(async move {
    ///         guard.take_over();
    ///         assert!(format!("{prices:?}").contains("held_by: [#2 at "));
    ///     });
    ///     reader.await.unwrap();
    /// });
    /// ```
    pub fn take_over(&self) {
        self.held.take_over();
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// Keeps the lock locked for writing until it is dropped; dereferences to the value.
///
/// # It is not `Send`
///
/// Nor is its lock. A [`Remote`](crate::Remote) spawns a task here, where the data is; a
/// [`channel::remote`](crate::channel::remote) brings values here.
///
/// ```compile_fail,E0277
/// let lock = turnwise::sync::RwLock::new(0);
/// let guard = lock.try_write().unwrap();
/// std::thread::scope(|threads| { threads.spawn(move || drop(guard)); });
/// ```
#[must_use = "dropping it unlocks the lock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // Drop order: the borrow of the value ends before the next in line gets the lock.
    value: RefMut<'a, T>,
    held: HeldPermits<&'a Gate>,
    lock: &'a RwLock<T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Makes the current task the owner of the lock, as reports name it, in place of the task that locked it. See
    /// [`MutexGuard::take_over`](crate::sync::MutexGuard::take_over).
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, spawn, sync::RwLock};
    ///
    /// block_on(async {
    ///     let prices: &RwLock<u32> = Box::leak(Box::new(RwLock::new(3)));
    ///     let guard = prices.write().await;
    ///     let writer = spawn(async move {
    ///         guard.take_over();
    ///         assert!(format!("{prices:?}").contains("held_by: [#2 at "));
    ///     });
    ///     writer.await.unwrap();
    /// });
    /// ```
    pub fn take_over(&self) {
        self.held.take_over();
    }

    /// Turns this into a read guard without letting a writer in between. Readers at the front of the queue
    /// get the lock immediately.
    ///
    /// # Example
    ///
    /// ```
    /// let lock = turnwise::sync::RwLock::new(1);
    /// let mut writer = lock.try_write().unwrap();
    /// *writer = 2;
    /// let reader = writer.downgrade();
    /// assert_eq!((*reader, *lock.try_read().unwrap()), (2, 2));
    /// assert!(lock.try_write().is_err());
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let RwLockWriteGuard { value, held, lock } = self;
        drop(value);
        held.keep(ONE);
        RwLockReadGuard { value: lock.value.borrow(), held }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

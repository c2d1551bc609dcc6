//! A lock that many readers have at a time, or one writer.
//!
//! It is a gate with all the permits there can be: a reader takes one, a writer takes all.

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

/// A lock that many readers have at a time, or one writer, across as many awaits as they like.
///
/// Strictly first come, first served: a writer that waits holds back the readers that come after it, so
/// readers that keep coming cannot starve it; and when it is done, all readers up to the next writer in the
/// line go at once. A task that reads, and reads again while a writer waits in between, waits for itself:
/// the report says so.
///
/// It belongs to its thread and needs no atomics. A panic while it is locked lets it go: there is no
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

/// What a reader takes of the gate.
const ONE: u32 = 1;

/// What a writer takes of the gate.
const ALL: u32 = MAX_PERMITS;

const NEVER_CLOSED: &str = "the gate of a lock is never closed";

impl<T> RwLock<T> {
    /// Makes a lock around a value.
    pub const fn new(value: T) -> Self {
        RwLock { gate: Gate::held("rwlock", ALL), value: RefCell::new(value) }
    }

    /// Gives it a name, for reports.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.gate.waiters().set_name(name.into());
        self
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer has it and all who asked before have had it; then locks it for reading.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the line. If the lock had been handed to it already, it is
    /// given back.
    ///
    /// Beware of a future that is kept but not polled any more: once the lock is handed to it, the writers
    /// that come after wait for it.
    #[track_caller]
    #[inline]
    pub fn read(&self) -> Read<'_, T> {
        Read { lock: self, queued: self.gate.pass(ONE, Location::caller()) }
    }

    /// Waits until nobody has it and all who asked before have had it; then locks it for writing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the line: the readers behind it go at once, if only
    /// readers have the lock. If the lock had been handed to it already, the next in the line gets it.
    ///
    /// Beware of a future that is kept but not polled any more: once the lock is handed to it, all who come
    /// after wait for it.
    #[track_caller]
    #[inline]
    pub fn write(&self) -> Write<'_, T> {
        Write { lock: self, queued: self.gate.pass(ALL, Location::caller()) }
    }

    /// Locks it for reading, if no writer has it and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`TryReadError`] if a writer has it, or somebody waits for it or is being handed it.
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
        Ok(RwLockReadGuard { value: self.value.borrow(), _held: held })
    }

    /// Locks it for writing, if nobody has it.
    ///
    /// # Errors
    ///
    /// [`TryWriteError`] if somebody has it or is being handed it.
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

    /// Returns the value, which nobody else can be using.
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
    /// Prints the value, if it could be read at once, and who has the lock and who waits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("RwLock");
        // Locked meanwhile: the value's own `Debug` may try to write.
        match self.try_read() {
            Ok(value) => lock.field("value", &&*value),
            Err(_) => lock.field("value", &format_args!("<locked>")),
        };
        self.gate.waiters().debug(&mut lock);
        lock.finish()
    }
}

/// The lock cannot be had for reading at once: what [`RwLock::try_read`] answers then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a writer has the lock or waits for it")]
pub struct TryReadError(());

/// The lock cannot be had for writing at once: what [`RwLock::try_write`] answers then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("somebody has the lock")]
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
        Poll::Ready(RwLockReadGuard { value: lock.value.borrow(), _held: held })
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

/// The value can be read, and nobody writes, until this guard is dropped.
#[must_use = "dropping it unlocks the lock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // In this order: the value is let go before the next one gets the lock.
    value: Ref<'a, T>,
    _held: HeldPermits<&'a Gate>,
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

/// The lock is this guard's alone until it is dropped; it leads to the value.
#[must_use = "dropping it unlocks the lock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // In this order: the value is let go before the next one gets the lock.
    value: RefMut<'a, T>,
    held: HeldPermits<&'a Gate>,
    lock: &'a RwLock<T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on as a reader, without letting a writer in between. Readers that are next in the line go at
    /// once.
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
        RwLockReadGuard { value: lock.value.borrow(), _held: held }
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

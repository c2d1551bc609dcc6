//! A counting semaphore. Permits that own their semaphore are in `permits.rs`.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use thiserror::Error;

use crate::kernel::Place;
use crate::sync::gate::{self, Gate, HasGate, HeldPermits};
use crate::sync::queued::{Queued, Source};

/// A counting semaphore: its permits limit how many tasks do something at the same time.
///
/// Strictly FIFO: a wait for many permits holds back later waits for fewer, so it cannot starve. Reports name
/// the tasks that hold permits and where they acquired them.
///
/// A permit is a guard whose drop returns it, so it cannot be returned twice. The semaphore is `!Send` and uses
/// no atomics.
///
/// # Example
///
/// Five requests, at most two at a time:
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use turnwise::{block_on, sleep, spawn, sync::Semaphore};
///
/// block_on(async {
///     let slots = Rc::new(Semaphore::new(2).named("slots"));
///     let running = Rc::new(Cell::new(0));
///     let requests: Vec<_> = (0..5)
///         .map(|_| {
///             let (slots, running) = (slots.clone(), running.clone());
///             spawn(async move {
///                 let _permit = slots.acquire().await.unwrap();
///                 running.set(running.get() + 1);
///                 assert!(running.get() <= 2);
///                 sleep(Duration::from_millis(1)).await;
///                 running.set(running.get() - 1);
///             })
///         })
///         .collect();
///     for request in requests {
///         request.await.unwrap();
///     }
/// });
/// ```
#[doc(alias = "BoundedSemaphore")]
pub struct Semaphore {
    pub(super) gate: Gate,
    /// All permits, held or available; at most [`Semaphore::MAX_PERMITS`].
    total: Cell<u32>,
}

impl Semaphore {
    /// The maximum number of permits of a semaphore, including those that are held.
    pub const MAX_PERMITS: usize = gate::MAX_PERMITS as usize;

    /// Creates a semaphore with this many permits.
    ///
    /// # Panics
    ///
    /// With more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        let Some(total) = up_to_max(permits) else {
            panic!("a semaphore has at most {} permits, not {permits}", Semaphore::MAX_PERMITS)
        };
        Semaphore { gate: Gate::held(&"semaphore", total), total: Cell::new(total) }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.gate.waiters().set_name(name.into());
        self
    }

    /// Acquires a permit, waiting until one is available and all earlier callers have had theirs.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, now or while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the queue. If a permit was already handed to it, the next
    /// in line gets it.
    ///
    /// Beware of keeping the future without polling it: it holds on to a permit that is handed to it.
    #[track_caller]
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Acquires this many permits, all of them together, waiting until they are available.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, now or while this waits.
    ///
    /// # Panics
    ///
    /// If `permits` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS): it would wait forever. More than
    /// the semaphore has now is not an error, since permits may be added.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Semaphore::acquire). Waits behind it are served immediately, as far as the
    /// available permits go.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, sync::Semaphore};
    ///
    /// block_on(async {
    ///     let memory = Semaphore::new(64);
    ///     let pages = memory.acquire_many(48).await.unwrap();
    ///     assert_eq!((pages.num_permits(), memory.available_permits()), (48, 16));
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn acquire_many(&self, permits: u32) -> Acquire<'_> {
        assert_possible(permits);
        Acquire { semaphore: self, queued: self.gate.pass(permits, Location::caller()) }
    }

    /// Acquires a permit if one is available and no task is waiting for it.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if the semaphore is closed or no permit is available.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires this many permits if they are available and no task is waiting for permits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if the semaphore is closed or not enough permits are available.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2).unwrap();
    /// assert_eq!(semaphore.try_acquire_many(2).unwrap_err(), TryAcquireError::NoPermits);
    /// drop(two);
    /// assert!(semaphore.try_acquire_many(2).is_ok());
    /// ```
    #[track_caller]
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Ok(SemaphorePermit { held: try_take(self, permits, Location::caller())? })
    }

    /// Adds new permits, which waiting tasks get first.
    ///
    /// # Errors
    ///
    /// [`AddPermitsError`] if the semaphore would have more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS),
    /// including those that are held; then none is added.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(0);
    /// semaphore.add_permits(2).unwrap();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// assert!(semaphore.add_permits(Semaphore::MAX_PERMITS - 1).is_err());
    /// ```
    #[doc(alias = "release")]
    pub fn add_permits(&self, permits: usize) -> Result<(), AddPermitsError> {
        let total = (self.total.get() as usize).checked_add(permits).and_then(up_to_max);
        let total = total.ok_or(AddPermitsError(()))?;
        let added = total - self.total.get();
        self.total.set(total);
        self.gate.add(added);
        Ok(())
    }

    /// Permanently removes up to this many of the available permits. Returns the number removed.
    pub fn forget_permits(&self, permits: usize) -> usize {
        let forgotten = self.gate.remove(u32::try_from(permits).unwrap_or(u32::MAX));
        self.forgotten(forgotten);
        forgotten as usize
    }

    /// Accounts for permits that were permanently removed.
    pub(super) fn forgotten(&self, permits: u32) {
        self.total.set(self.total.get() - permits);
    }

    /// Returns the number of available permits.
    pub fn available_permits(&self) -> usize {
        self.gate.permits() as usize
    }

    /// Closes the semaphore: all current and future waits fail.
    ///
    /// Permits that are held, or were already handed to a waiter, stay valid.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, sync::Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert!(block_on(semaphore.acquire()).is_err());
    /// ```
    pub fn close(&self) {
        self.gate.close();
    }

    /// Returns whether the semaphore is closed.
    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }
}

/// Converts to the gate's count, if a semaphore can have this many permits.
fn up_to_max(permits: usize) -> Option<u32> {
    u32::try_from(permits).ok().filter(|&permits| permits <= gate::MAX_PERMITS)
}

/// Takes permits for a guard that borrows or owns the semaphore.
pub(super) fn try_take<G: HasGate>(
    semaphore: G,
    permits: u32,
    place: Place,
) -> Result<HeldPermits<G>, TryAcquireError> {
    let grant = semaphore.gate().try_take(permits, place);
    let grant = grant.map_err(|_| TryAcquireError::NoPermits)?;
    HeldPermits::from(semaphore, grant).ok_or(TryAcquireError::Closed)
}

impl HasGate for &Semaphore {
    #[inline]
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// Panics if there can never be this many permits: a bug in the caller.
#[track_caller]
#[inline]
pub(super) fn assert_possible(permits: u32) {
    assert!(
        permits <= gate::MAX_PERMITS,
        "a semaphore has at most {} permits; a wait for {permits} would never end",
        gate::MAX_PERMITS,
    );
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut semaphore = f.debug_struct("Semaphore");
        semaphore
            .field("permits", &format_args!("{} of {}", self.gate.permits(), self.total.get()));
        if self.is_closed() {
            semaphore.field("is_closed", &true);
        }
        self.gate.waiters().debug(&mut semaphore);
        semaphore.finish()
    }
}

/// The error of waiting for permits: the semaphore is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the semaphore is closed")]
pub struct AcquireError(pub(super) ());

/// The error of [`Semaphore::try_acquire`] and its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    #[error("the semaphore is closed")]
    Closed,
    /// Not enough permits are available, or other tasks are waiting for them.
    #[error(
        "the semaphore has too few available permits, or other tasks are already waiting for them"
    )]
    NoPermits,
}

/// The error of [`Semaphore::add_permits`]: the semaphore would have too many permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the semaphore would exceed its maximum of {} permits", Semaphore::MAX_PERMITS)]
pub struct AddPermitsError(());

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    queued: Queued<'a, Gate>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let held = ready!(self.queued.poll_held(semaphore, cx)).ok_or(AcquireError(()))?;
        Poll::Ready(Ok(SemaphorePermit { held }))
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("place", &self.queued.place()).finish_non_exhaustive()
    }
}

/// One or more permits of a semaphore, returned to it when this is dropped.
///
/// # It is not `Send`
///
/// Nor is its semaphore. Another thread spawns with a [`Remote`](crate::Remote), or sends through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let semaphore = turnwise::sync::Semaphore::new(1);
/// let permit = semaphore.try_acquire().unwrap();
/// std::thread::scope(|threads| { threads.spawn(move || drop(permit)); });
/// ```
#[must_use = "dropping it gives the permits back"]
pub struct SemaphorePermit<'a> {
    held: HeldPermits<&'a Semaphore>,
}

impl SemaphorePermit<'_> {
    /// Makes the current task the owner of the permits, as reports name it, in place of the task that acquired them.
    /// See [`MutexGuard::take_over`](crate::sync::MutexGuard::take_over).
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{block_on, spawn, sync::Semaphore};
    ///
    /// block_on(async {
    ///     let slots: &Semaphore = Box::leak(Box::new(Semaphore::new(1)));
    ///     let permit = slots.acquire().await.unwrap();
    ///     let worker = spawn(async move {
    ///         permit.take_over();
    ///         assert!(format!("{slots:?}").contains("held_by: [#2 at "));
    ///     });
    ///     worker.await.unwrap();
    /// });
    /// ```
    pub fn take_over(&self) {
        self.held.take_over();
    }

    /// Returns the number of permits held.
    pub fn num_permits(&self) -> usize {
        self.held.permits() as usize
    }

    /// Drops the permits without returning them: the semaphore has this many fewer from now on.
    ///
    /// # Example
    ///
    /// ```
    /// let semaphore = turnwise::sync::Semaphore::new(2);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(mut self) {
        let forgotten = self.held.forget();
        self.held.owner().forgotten(forgotten);
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.num_permits();
        f.debug_struct("SemaphorePermit").field("permits", &permits).finish_non_exhaustive()
    }
}

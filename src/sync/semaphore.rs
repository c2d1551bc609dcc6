//! So many permits, which tasks take and give back. Those that own their semaphore are in `permits.rs`.

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

/// So many permits, which tasks take and give back: a limit to how many do something at a time.
///
/// Strictly first come, first served: a wait for many permits holds back those behind it that want fewer,
/// so it cannot starve. It is known who has permits and since where, so a report can say so.
///
/// A permit is a guard, and its drop gives it back, so there can never be more of them than were made. It
/// belongs to its thread and needs no atomics.
///
/// # Example
///
/// Five requests, never more than two at a time:
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
    /// The permits there are, whether somebody has them or not; at most [`Semaphore::MAX_PERMITS`].
    total: Cell<u32>,
}

impl Semaphore {
    /// No semaphore has more permits than this, those that somebody has included.
    pub const MAX_PERMITS: usize = gate::MAX_PERMITS as usize;

    /// Makes a semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// With more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        let Some(total) = up_to_max(permits) else {
            panic!("a semaphore has at most {} permits, not {permits}", Semaphore::MAX_PERMITS)
        };
        Semaphore { gate: Gate::held("semaphore", total), total: Cell::new(total) }
    }

    /// Gives it a name, for reports.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.gate.waiters().set_name(name.into());
        self
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the line. If a permit had been handed to it already, the
    /// next in the line gets it.
    ///
    /// Beware of a future that is kept but not polled any more: a permit that is handed to it stays there.
    #[track_caller]
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for so many permits, and takes all of them at once.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is while this waits.
    ///
    /// # Panics
    ///
    /// If it asks for more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), which there can never be. To ask
    /// for more than there are now is no error: permits may be added.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Semaphore::acquire). The waits behind it that want fewer go at once.
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

    /// Takes a permit if there is one and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says whether the semaphore is closed or there is no permit.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes so many permits if they are there and nobody waits for some.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says whether the semaphore is closed or there are not enough permits.
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

    /// Makes new permits, which go to those who wait for some.
    ///
    /// # Errors
    ///
    /// [`AddPermitsError`] if there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS), those that
    /// somebody has included; then none is made.
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

    /// Takes away up to so many of the permits that nobody has, for good. Returns how many there were.
    pub fn forget_permits(&self, permits: usize) -> usize {
        let forgotten = self.gate.remove(u32::try_from(permits).unwrap_or(u32::MAX));
        self.forgotten(forgotten);
        forgotten as usize
    }

    /// So many permits are gone for good.
    pub(super) fn forgotten(&self, permits: u32) {
        self.total.set(self.total.get() - permits);
    }

    /// Returns how many permits nobody has.
    pub fn available_permits(&self) -> usize {
        self.gate.permits() as usize
    }

    /// Lets nobody in any more: every wait, also those to come, ends with an error.
    ///
    /// Permits that somebody has, or was handed already, stay his.
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

    /// Returns whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }
}

/// The number as the gate counts, if there can be so many permits.
fn up_to_max(permits: usize) -> Option<u32> {
    u32::try_from(permits).ok().filter(|&permits| permits <= gate::MAX_PERMITS)
}

/// Takes permits for a guard, by whatever it has of the semaphore.
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

/// A wait for more than there can ever be is a mistake of the caller's.
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

/// The semaphore was closed: what a wait for permits ends with then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the semaphore was closed")]
pub struct AcquireError(pub(super) ());

/// Why there were no permits to be had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    #[error("the semaphore was closed")]
    Closed,
    /// There are fewer than were asked for, or others wait for them.
    #[error("the semaphore has no permits to spare")]
    NoPermits,
}

/// There would be too many permits: what [`Semaphore::add_permits`] answers then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the semaphore would have more than {} permits", Semaphore::MAX_PERMITS)]
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

/// Permits of a semaphore, until this is dropped.
#[must_use = "dropping it gives the permits back"]
pub struct SemaphorePermit<'a> {
    held: HeldPermits<&'a Semaphore>,
}

impl SemaphorePermit<'_> {
    /// Returns how many permits these are.
    pub fn num_permits(&self) -> usize {
        self.held.permits() as usize
    }

    /// Lets the permits go without giving them back: the semaphore has so many fewer from now on.
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

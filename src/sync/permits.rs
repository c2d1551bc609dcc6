//! Permits that own their semaphore instead of borrowing it, so that they can be moved into tasks.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::kernel::Place;
use crate::sync::gate::{Gate, HasGate, HeldPermits};
use crate::sync::queued::Queued;
use crate::sync::semaphore::{AcquireError, Semaphore, TryAcquireError, assert_possible, try_take};
use crate::sync::waiters::Ticket;

impl Semaphore {
    /// Like [`acquire`](Semaphore::acquire), but the permit owns the semaphore instead of borrowing it.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, now or while this waits.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Semaphore::acquire).
    ///
    /// # Example
    ///
    /// ```
    /// use std::rc::Rc;
    /// use turnwise::{block_on, spawn, sync::Semaphore};
    ///
    /// block_on(async {
    ///     let slots = Rc::new(Semaphore::new(1));
    ///     let permit = slots.clone().acquire_owned().await.unwrap();
    ///     spawn(async move {
    ///         let _permit = permit; // it can move into a task
    ///     });
    ///     slots.acquire().await.unwrap();
    /// });
    /// ```
    #[track_caller]
    pub fn acquire_owned(self: Rc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Like [`acquire_many`](Semaphore::acquire_many), but the permits own the semaphore instead of
    /// borrowing it.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, now or while this waits.
    ///
    /// # Panics
    ///
    /// If `permits` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS): it would wait forever.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Semaphore::acquire).
    #[track_caller]
    pub fn acquire_many_owned(self: Rc<Self>, permits: u32) -> AcquireOwned {
        assert_possible(permits);
        AcquireOwned { semaphore: Some(self), permits, place: Location::caller(), ticket: None }
    }

    /// Like [`try_acquire`](Semaphore::try_acquire), but the permit owns the semaphore.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if the semaphore is closed or no permit is available.
    #[track_caller]
    pub fn try_acquire_owned(self: Rc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Like [`try_acquire_many`](Semaphore::try_acquire_many), but the permits own the semaphore.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if the semaphore is closed or not enough permits are available.
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Rc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Ok(OwnedSemaphorePermit { held: try_take(self, permits, Location::caller())? })
    }
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "a future does nothing until it is awaited"]
pub struct AcquireOwned {
    /// `None` after completion.
    semaphore: Option<Rc<Semaphore>>,
    permits: u32,
    place: Place,
    ticket: Option<Ticket>,
}

impl Future for AcquireOwned {
    type Output = Result<OwnedSemaphorePermit, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = self.ticket.take();
        let semaphore =
            self.semaphore.take().expect("`Semaphore::acquire_owned` was polled after completion");
        let mut queued = Queued::resume(&semaphore.gate, self.permits, self.place, ticket);
        let poll = Pin::new(&mut queued).poll(cx);
        self.ticket = queued.suspend();
        match poll {
            Poll::Ready(grant) => {
                let held = HeldPermits::from(semaphore, grant).ok_or(AcquireError(()))?;
                Poll::Ready(Ok(OwnedSemaphorePermit { held }))
            }
            Poll::Pending => {
                self.semaphore = Some(semaphore);
                Poll::Pending
            }
        }
    }
}

impl Drop for AcquireOwned {
    fn drop(&mut self) {
        if let Some(semaphore) = self.semaphore.take() {
            let ticket = self.ticket.take();
            drop(Queued::resume(&semaphore.gate, self.permits, self.place, ticket));
        }
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned").field("place", &self.place).finish_non_exhaustive()
    }
}

/// One or more permits of a semaphore, returned to it when this is dropped.
///
/// Unlike a [`SemaphorePermit`](crate::sync::SemaphorePermit), it keeps the semaphore alive by an `Rc`.
///
/// # It is not `Send`
///
/// Nor is its semaphore. Another thread spawns with a [`Remote`](crate::Remote), or sends through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let semaphore = std::rc::Rc::new(turnwise::sync::Semaphore::new(1));
/// let permit = semaphore.try_acquire_owned().unwrap();
/// std::thread::spawn(move || drop(permit));
/// ```
#[must_use = "dropping it gives the permits back"]
pub struct OwnedSemaphorePermit {
    held: HeldPermits<Rc<Semaphore>>,
}

impl HasGate for Rc<Semaphore> {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl OwnedSemaphorePermit {
    /// Makes the current task the owner of the permits, as reports name it, in place of the task that acquired them.
    /// See [`MutexGuard::take_over`](crate::sync::MutexGuard::take_over).
    ///
    /// # Example
    ///
    /// ```
    /// use std::rc::Rc;
    /// use turnwise::{block_on, spawn, sync::Semaphore};
    ///
    /// block_on(async {
    ///     let slots = Rc::new(Semaphore::new(1));
    ///     let permit = Rc::clone(&slots).acquire_owned().await.unwrap();
    ///     let worker = spawn(async move {
    ///         permit.take_over();
    ///         assert!(format!("{:?}", permit.semaphore()).contains("held_by: [#2 at "));
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

    /// Returns the semaphore that the permits belong to.
    pub fn semaphore(&self) -> &Rc<Semaphore> {
        self.held.owner()
    }

    /// Drops the permits without returning them: the semaphore has this many fewer from now on.
    pub fn forget(mut self) {
        let forgotten = self.held.forget();
        self.held.owner().forgotten(forgotten);
    }
}

impl fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.num_permits();
        f.debug_struct("OwnedSemaphorePermit").field("permits", &permits).finish_non_exhaustive()
    }
}

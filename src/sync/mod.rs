//! Tasks that wait for each other: locks, permits, events.
//!
//! All of them are strictly first in, first out: what is let go is handed to whoever has waited longest.
//! Nothing is lost by dropping a wait; what it had been granted already goes to the next in the line. They
//! belong to their thread, use no atomics, and work on any executor.
//!
//! Each can be given a name, and says in snapshots and [deadlock reports](crate::DeadlockReport) who waits
//! for it, who holds it, and where in the source.

mod record;
pub(crate) mod waiters;
pub(crate) mod queued;
pub(crate) mod gate;
mod mutex;
mod rwlock;
mod semaphore;
mod permits;
mod condvar;
mod event;
mod notify;
mod barrier;
mod once;
mod promise_error;
mod promise_future;
mod promise;

pub use barrier::{Barrier, BarrierWait, BarrierWaitResult, BrokenBarrier};
pub use condvar::{Condvar, CondvarWait, CondvarWaitWhile};
pub use event::{Event, EventWait};
pub use mutex::{Lock, Mutex, MutexGuard, TryLockError};
pub use notify::{Notified, Notify};
pub use once::{GetOrInit, GetOrTryInit, OnceCell, SetError};
pub use permits::{AcquireOwned, OwnedSemaphorePermit};
pub use promise::{AlreadySet, Promise};
pub use promise_error::PromiseError;
pub use promise_future::PromiseFuture;
pub(crate) use record::{WaitStage, cool, warm, with_waits};
pub use rwlock::{
    Read, RwLock, RwLockReadGuard, RwLockWriteGuard, TryReadError, TryWriteError, Write,
};
pub use semaphore::{
    Acquire, AcquireError, AddPermitsError, Semaphore, SemaphorePermit, TryAcquireError,
};

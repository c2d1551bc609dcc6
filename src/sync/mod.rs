//! Locks, permits and events, for tasks of one thread.
//!
//! Use one to share data across an `.await`, to limit concurrency, or to let tasks wait for each other. Data that no
//! task touches across an `.await` needs no lock: an `Rc` and a `Cell` are enough, since tasks of one scheduler take
//! turns.
//!
//! ```
//! use std::rc::Rc;
//! use turnwise::sync::{Event, Mutex};
//! use turnwise::{block_on, spawn, yield_now};
//!
//! block_on(async {
//!     let balance = Rc::new(Mutex::new(100).named("balance"));
//!     let is_paid = Rc::new(Event::new());
//!     let (account, paid) = (Rc::clone(&balance), Rc::clone(&is_paid));
//!     spawn(async move {
//!         let mut balance = account.lock().await;
//!         yield_now().await; // other tasks run, and cannot take the lock
//!         *balance -= 30;
//!         paid.set();
//!     });
//!     is_paid.wait().await;
//!     assert_eq!(*balance.lock().await, 70);
//! });
//! ```
//!
//! | to | use |
//! |---|---|
//! | share data across an `.await` | [`Mutex`], [`RwLock`] |
//! | limit concurrency | [`Semaphore`] |
//! | wait until locked data has changed | [`Condvar`] |
//! | wait for a flag that stays set | [`Event`] |
//! | wake one waiting task, or all of them | [`Notify`] |
//! | rendezvous: wait until a number of tasks have arrived | [`Barrier`] |
//! | compute a value once, by the first task that needs it | [`OnceCell`] |
//! | hand one value, set once, to any number of tasks | [`Promise`] |
//!
//! All of them are strictly FIFO: what is released is handed to the longest waiter. Dropping a wait loses nothing; what
//! it had already been granted goes to the next waiter. They stay on their thread, use no atomics, and work on any
//! executor. Another thread reaches the data through a task on this thread, spawned by a [`Remote`](crate::Remote), or
//! sends values through a [`channel::remote`](crate::channel::remote).
//!
//! Each can be given a name; snapshots and [deadlock reports](crate::DeadlockReport) then say which tasks wait for it,
//! which task holds it, and where in the source. The holder is the task that acquired a guard: a task that receives one
//! from another task calls [`take_over`](MutexGuard::take_over).

mod ends;
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
pub(crate) use ends::{Created, EndRecord, EndedBy};
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

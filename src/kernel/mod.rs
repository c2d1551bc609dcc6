//! The executor.
//!
//! ```text
//!              spawn                        ┌──────────────┐
//!    future ───────────▶ taskmap            │ other thread │
//!                           │ schedule      └──────┬───────┘
//!                           ▼                      ▼ ring
//!                     ┌───────────┐  collect mail ┌─────────┐
//!                     │   ready   │◀──────────────│ mailbox │
//!                     └─────┬─────┘               └─────────┘
//!               next        │        ▲
//!              (policy)     ▼        │ ring (same thread: straight in)
//!                     ┌───────────┐  │
//!                     │   turn    │──┴──▶ wakers of others: join, timers, anything Waited
//!                     └─────┬─────┘
//!              Ready │             │ Pending
//!                    ▼             ▼
//!                  exit         back to the taskmap, waiting for its bell
//!
//!    ready empty:  fire due timers ─▶ none due?  park until the next deadline or a letter
//!                                     virtual clock: jump to the deadline instead
//!                                     no deadline, no waker anywhere: a deadlock, and a report
//! ```
//!
//! Everything here runs on the thread of the scheduler but `Doorbell::wake`, `Mailbox::post` and `Remote`. No code
//! of the user (polls, destructors, wakers, callbacks) ever runs while the `RefCell` of the board is
//! borrowed, so nothing that it does can re-enter a borrow, and there are no rules for it to keep.
//!
//! This module is the one door: the layers above import from here.

/// What threads share: std's, or that of the model checker, which tries every order of events.
mod atomic {
    #[cfg(turnwise_loom)]
    pub(super) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    };
    pub(super) use std::sync::PoisonError;
    #[cfg(not(turnwise_loom))]
    pub(super) use std::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    };
}

// In the order in which to read them.
mod id;
mod task;
mod ready;
mod mailbox;
mod waker;
mod marks;
mod taskmap;
mod boxes;
mod now;
pub(crate) mod thread;
mod scheduler;
mod root;
mod mainloop;
mod ending;
mod heritage;
mod join;
#[cfg(all(test, turnwise_loom))]
mod models;

pub(crate) use ending::wake_safely;
pub(crate) use heritage::{Heritage, Set};
pub(crate) use id::Key;
pub use id::{TaskId, TaskKey};
pub(crate) use mailbox::{Call, Letter, Mailbox};
pub(crate) use mainloop::Turn;
pub(crate) use mainloop::{Run, Turned};
pub(crate) use marks::Marks;
pub(crate) use now::Noted;
pub(crate) use ready::Ready;
pub(crate) use root::Seat;
pub use scheduler::Scheduler;
pub(crate) use scheduler::{Board, Kernel};
pub use task::Ending;
pub(crate) use task::{Boxed, Failure, Target, burn};
pub(crate) use taskmap::{Birth, Doing, Put, Slot, TaskMap};
pub(crate) use thread::{
    Due, Entered, current, find, is_metered, left, schedule, take_end, with_waits,
};
pub(crate) use waker::Bell;

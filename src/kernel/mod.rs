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
mod random;
mod policy;
mod waker;
mod marks;
mod taskmap;
mod vacancies;
mod now;
mod thread;
mod scheduler;
mod root;
mod mainloop;
mod idle;
mod ending;
mod hosting;
mod nested;
mod timers;
mod radix;
mod clock;
mod park;
mod waiting;
mod waits;
mod regions;
mod request;
mod requests;
mod region;
mod cancelling;
mod transition;
mod snapshot;
mod printing;
mod report;
mod heritage;
mod failures;
mod meter;
mod blocking;
mod shutdown;
mod error;
mod builder;
mod drive;
mod story;
mod telling;
mod joining;
mod sleeping;
mod remote;
#[cfg(all(test, turnwise_loom))]
mod models;

// For the layers above.
pub(crate) use blocking::{Record, is_ending};
pub(crate) use clock::nanos;
pub(crate) use failures::{HandedOver, text_of};
pub(crate) use heritage::{Heritage, Set};
pub(crate) use hosting::Host;
pub(crate) use meter::metered;
pub(crate) use nested::Hosted;
pub(crate) use park::wait_here;
#[allow(unused_imports, reason = "for the feature `jobs`")]
pub(crate) use random::SplitMix64;
pub(crate) use region::{CleanUp, Passage, Region};
pub(crate) use regions::Role;
pub(crate) use report::label_of;
pub(crate) use request::{Reason, Request};
pub(crate) use scheduler::Kernel;
pub(crate) use task::{Failure, Target, burn};
pub(crate) use taskmap::Birth;
pub(crate) use thread::{Due, current, find, is_metered, left, schedule, take_end, with_waits};
pub(crate) use timers::{TimerKey, When};
pub(crate) use waits::{NOBODY, Node, Slab, Stage, Waits};

// For everyone.
pub use blocking::BlockingJob;
pub use builder::Builder;
pub use error::{NestedRun, RunError};
pub use failures::{FailurePolicy, Report};
pub use id::{TaskId, TaskKey};
pub use park::{Park, ThreadParker};
pub use policy::Policy;
pub use remote::Remote;
pub use scheduler::Scheduler;
pub use shutdown::{EndedTask, ShutdownReport};
pub use snapshot::{
    Cycle, DeadlockReport, Metrics, Snapshot, StuckTask, TaskInfo, TaskLabel, TaskState, TimerInfo,
    WaitsFor,
};
pub use story::Turn;
pub use task::Ending;
pub use transition::{Cause, Observer, Transition, TurnResult};
pub use waiting::{Registration, Resource, Wait, Waited, Waiter, register};

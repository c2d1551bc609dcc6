//! A cooperative scheduler for one thread, written by hand.
#![forbid(unsafe_code)]

mod kernel;
pub mod task;
pub mod time;

pub mod scheduler {
    //! The scheduler: how it is built, driven and looked at.
    pub use crate::kernel::{
        Builder, Cause, Cycle, DeadlockReport, Ending, Metrics, NestedRun, Observer, Park, Policy,
        RunError, Scheduler, Snapshot, StuckTask, TaskInfo, TaskLabel, TaskState, ThreadParker,
        TimerInfo, Transition, Turn, TurnResult, WaitsFor,
    };
}

pub mod waiting {
    //! Who waits for what.
    pub use crate::kernel::{Registration, Resource, TaskKey, Wait, Waited, Waiter, register};
}

pub use kernel::{
    DeadlockReport, Metrics, Observer, Policy, RunError, Scheduler, Snapshot, TaskId, Transition,
    Turn,
};
pub use task::{AbortOnDrop, JoinError, JoinHandle, spawn, yield_now};
pub use time::{sleep, sleep_until};

/// Runs a future.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    Scheduler::new().block_on(future)
}

//! What is said of a scheduler: plain data, and how it prints itself.

mod wait;
mod failure;
mod snapshot;
mod transition;
mod printing;

pub(crate) use failure::{Explain, HandedOver, Reporter, text_of};
pub use failure::{FailurePolicy, Report};
pub(crate) use snapshot::Place;
pub use snapshot::{
    Cycle, DeadlockReport, Metrics, Snapshot, StuckTask, TaskInfo, TaskLabel, TaskState, TimerInfo,
    WaitsFor,
};
pub use transition::{Cause, Observer, Transition, TurnResult};
pub use wait::{Registration, Resource, Wait, Waited, Waiter, register};

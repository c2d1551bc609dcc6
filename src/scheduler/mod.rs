//! The scheduler: how it is built, watched and looked at.
//!
//! [`Builder`] makes one that is not the default. [`Observer`] is told of every [`Transition`].
//! [`Snapshot`], [`Metrics`] and [`DeadlockReport`] say what there is, as plain data that prints itself.

mod error;
mod park;
mod policy;
mod settings;
mod stall;
mod parts;
mod snapshot;
mod idle;
mod layers;
mod builder;
#[allow(clippy::module_inception, reason = "it is what the folder is named for")]
mod scheduler;
mod spawn;
mod drive;
mod shutdown;

pub use crate::kernel::Ending;
pub use crate::report::{
    BlockingJob, Cause, Cycle, DeadlockReport, FailurePolicy, Metrics, Observer, Report, Snapshot,
    StuckTask, TaskInfo, TaskLabel, TaskState, TimerInfo, Transition, TurnResult, WaitsFor,
};
pub use crate::watch::Turn;
pub use builder::Builder;
pub use error::{NestedRun, RunError};
pub use park::{Park, ThreadParker};
pub use policy::Policy;
pub use scheduler::Scheduler;
pub use shutdown::{EndedTask, ShutdownReport};

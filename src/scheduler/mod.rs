//! The scheduler: how it is built, watched and looked at.
//!
//! [`Builder`] makes one that is not the default. [`Observer`] is told of every [`Transition`].
//! [`Snapshot`], [`Metrics`] and [`DeadlockReport`] say what there is, as plain data that prints itself.

mod park;
mod policy;
mod error;
pub(crate) mod snapshot;
mod idle;
mod builder;
mod drive;
mod shutdown;

pub use crate::blocking::BlockingJob;
pub use crate::kernel::{Ending, Scheduler};
pub use crate::report::{
    Cause, Cycle, DeadlockReport, FailurePolicy, Metrics, Observer, Report, Snapshot, StuckTask,
    TaskInfo, TaskLabel, TaskState, TimerInfo, Transition, TurnResult, WaitsFor,
};
pub use crate::watch::Turn;
pub use builder::Builder;
pub(crate) use builder::{Settings, StallAlarm};
pub use error::{NestedRun, RunError};
pub(crate) use park::wait_here;
pub use park::{Park, ThreadParker};
pub(crate) use policy::Dealer;
pub use policy::Policy;
pub(crate) use shutdown::Ledger;
pub use shutdown::{EndedTask, ShutdownReport};
pub(crate) use snapshot::{label, label_of};

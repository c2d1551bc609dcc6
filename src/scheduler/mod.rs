//! The scheduler: how to configure, observe and inspect one.
//!
//! Use this module when [`Scheduler::new`](crate::Scheduler::new) is not enough: for a virtual clock, another order of
//! turns, an observer, limits, or a report of what every task is doing.
//!
//! ```
//! use std::time::Duration;
//! use turnwise::{Policy, Scheduler, sleep, task};
//!
//! let scheduler = Scheduler::builder().virtual_time().policy(Policy::Random(7)).build();
//! task::Builder::new().name("sleeper").spawn_on(&scheduler, sleep(Duration::from_secs(3600)));
//!
//! scheduler.run_until_stalled();
//! let snapshot = scheduler.snapshot();
//! assert_eq!(snapshot.tasks[0].label.to_string(), "#1 \"sleeper\"");
//! assert_eq!(snapshot.timers[0].left, Some(Duration::from_secs(3600)));
//!
//! scheduler.run()?; // the virtual clock jumps: this takes no real time
//! assert_eq!(scheduler.metrics().alive, 0);
//! # Ok::<(), turnwise::RunError>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | set the clock, the order, limits and callbacks | [`Builder`], made by [`Scheduler::builder`](crate::Scheduler::builder) |
//! | receive every change of state | [`Observer`], and the [`Transition`]s that it receives |
//! | see all tasks, timers and jobs as plain data | [`Snapshot`]; [`Metrics`] for the counts alone |
//! | learn why nothing can run | [`DeadlockReport`], in [`RunError::Deadlock`] |
//! | decide what happens to failures that nothing reads | [`FailurePolicy`], [`Report`] |
//! | learn what was asked to end and has not, and what holds it | [`PendingRequest`] and [`RequestHolder`], in a [`Snapshot`] or a report |
//! | learn what a shutdown ended, and how | [`ShutdownReport`] |
//! | put the thread to sleep in something of your own | [`Park`] |

mod error;
mod park;
mod policy;
mod settings;
mod stall;
mod root_wait;
mod newcomers;
mod dumps;
mod parts;
mod snapshot;
mod reports;
mod verdict;
mod cycle;
mod idle;
mod order_details;
mod layers;
mod builder;
#[allow(clippy::module_inception, reason = "it is what the folder is named for")]
mod scheduler;
mod spawn;
mod drive;
mod shutdown;
mod dump;

pub use crate::kernel::Ending;
pub use crate::report::{
    AwaitTree, Awaited, BlockingJob, Cause, ClockHold, Cycle, DeadlockReport, Detail,
    FailurePolicy, JobId, Metrics, Observer, Owner, PendingRequest, Report, RequestHolder,
    ResourceId, ScopeId, Snapshot, StuckTask, TaskInfo, TaskLabel, TaskState, TimerId, TimerInfo,
    Transition, TurnResult, WaitsFor,
};
pub use crate::watch::Turn;
pub use builder::Builder;
pub use dumps::DumpHandle;
pub use error::{NestedRun, RunError};
pub use park::{Park, ThreadParker};
pub use policy::Policy;
pub use scheduler::Scheduler;
pub use shutdown::{EndedTask, ShutdownReport};

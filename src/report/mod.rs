//! Descriptions of a scheduler: plain data, and how it prints.

mod cut;
mod label;
mod job;
mod hold;
mod owner;
mod wait;
mod waited;
mod listed;
mod failure;
mod request;
mod snapshot;
mod deadlock;
mod digraph;
mod graph;
mod cause;
mod detail;
mod transition;
mod printing;
mod debug;
mod cycle;
mod tree;

pub(crate) use cut::Cut;
pub(crate) use deadlock::Condition;
pub(crate) use digraph::Digraph;
pub(crate) use failure::{HandedOver, text_of};
pub(crate) use graph::{FoundCycle, Holder, HolderList, WaitGraph};
pub(crate) use label::{id_anywhere, id_of, label, label_anywhere, label_of, name_of};
pub(crate) use listed::{ListedOwners, ResourceWait, ResourceWaits};
pub(crate) use owner::{ChannelEnd, How, Ownership};
pub(crate) use printing::{DETAILS, TASKS, and_more, widest};
pub(crate) use waited::waits;

pub use cause::Cause;
pub use deadlock::{Cycle, DeadlockReport, StuckTask};
pub use detail::{Awaited, Detail, JobId, ScopeId, TimerId};
pub use failure::{FailurePolicy, Report};
pub use hold::ClockHold;
pub use job::BlockingJob;
pub use label::TaskLabel;
pub use owner::Owner;
pub use request::{PendingRequest, RequestHolder};
pub use snapshot::{Metrics, Snapshot, TaskInfo, TaskState, TimerInfo};
pub use transition::{Observer, Transition, TurnResult};
pub use tree::AwaitTree;
pub use wait::{Resource, ResourceId, Wait, WaitsFor};
pub use waited::{Registration, Waited, register};

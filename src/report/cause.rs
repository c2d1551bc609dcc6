//! What wakes a task.

use std::fmt;

use crate::kernel::TaskId;

/// What put a task on the ready queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The task is new.
    Spawn,
    /// A task of the same scheduler in its turn, possibly the task itself.
    Task(TaskId),
    /// A timer.
    Timer,
    /// A letter from another thread.
    Mail,
    /// Code on this thread that is not a task of this scheduler.
    Outside,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Spawn => f.write_str("new"),
            Cause::Task(task) => write!(f, "by {task}"),
            Cause::Timer => f.write_str("by a timer"),
            Cause::Mail => f.write_str("from another thread"),
            Cause::Outside => f.write_str("from outside"),
        }
    }
}

//! A hold on a virtual clock, as plain data.

use std::fmt;
use std::panic::Location;

use crate::report::label::TaskLabel;

/// A [hold](crate::time::hold) on a virtual clock, in a [`Snapshot`](crate::Snapshot) or a report.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let hold = scheduler.block_on(async { time::hold() });
/// let holds = scheduler.snapshot().holds;
/// assert!(holds[0].to_string().ends_with(", by #1, which has finished"));
/// drop(hold);
/// assert!(scheduler.snapshot().holds.is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClockHold {
    /// The task that made it; `None` if it was made outside of all turns.
    pub task: Option<TaskLabel>,
    /// Where it was made.
    pub place: &'static Location<'static>,
    /// Whether that task has ended. Then the hold was moved, or leaked.
    pub has_finished: bool,
    /// Whether that task waits for a timer now, which cannot fire while the task keeps the hold.
    pub waits_for_timer: bool,
}

impl fmt::Display for ClockHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the clock is held at {}", self.place)?;
        if let Some(task) = &self.task {
            write!(f, ", by {task}")?;
        }
        if self.has_finished {
            write!(f, ", which has finished")?;
        }
        if self.waits_for_timer {
            write!(f, ", which waits for a timer itself")?;
        }
        Ok(())
    }
}

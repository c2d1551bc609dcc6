//! A span of the crate `tracing` for each task, and an event for each transition. Feature `tracing`.
//!
//! [`TaskSpans`] is an observer. While a task takes its turn, its span is the current one, so whatever the task logs is
//! inside it, and the span of a task that it spawns is a child of it. The example `spans` shows it:
//! `cargo run --features tracing --example spans`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use tracing::Span;
use tracing::span::EnteredSpan;

use crate::kernel::TaskId;
use crate::report::{Observer, Transition};

/// An observer that opens a span for each task, with its id, its name, and where it was spawned, at level `INFO`; each
/// [`Transition`] is an event at level `TRACE`. The target of all is `turnwise`.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, spans::TaskSpans, spawn};
///
/// // With a subscriber installed, as by `tracing_subscriber::fmt::init()`:
/// let scheduler = Scheduler::builder().observer(TaskSpans::new()).build();
/// scheduler.block_on(async {
///     tracing::info!("starting"); // in the span task{id=1 name="main" spawned_at=src/main.rs:4:11}
///     spawn(async { tracing::info!("inside task 2, which is inside task 1") }).await.unwrap();
/// });
/// ```
#[derive(Default)]
pub struct TaskSpans {
    spans: RefCell<HashMap<TaskId, Span>>,
    /// The spans of the turns that are under way, the innermost last: turns nest.
    entered: RefCell<Vec<(TaskId, EnteredSpan)>>,
}

impl TaskSpans {
    /// Creates the observer; see [`Builder::observer`](crate::scheduler::Builder::observer).
    pub fn new() -> Self {
        TaskSpans::default()
    }

    /// Leaves the span of a task, if its turn is the innermost one.
    fn leave(&self, task: TaskId) {
        let left = {
            let mut entered = self.entered.borrow_mut();
            if entered.last().is_some_and(|(last, _)| *last == task) { entered.pop() } else { None }
        };
        drop(left);
    }

    /// Returns the span of a task; a disabled one if it has none, or if no subscriber wants it.
    fn span(&self, task: TaskId) -> Span {
        self.spans.borrow().get(&task).cloned().unwrap_or_else(Span::none)
    }
}

impl Observer for TaskSpans {
    // A subscriber is user code, so nothing is borrowed while a span or an event is created, entered or dropped.
    fn transition(&self, transition: &Transition) {
        let subject = match *transition {
            Transition::Spawned { task, ref name, place } => {
                let (id, name) = (task.as_u64(), name.as_deref());
                let span =
                    tracing::info_span!(target: "turnwise", "task", id, name, spawned_at = %place);
                self.spans.borrow_mut().insert(task, span.clone());
                span
            }
            Transition::Scheduled { task, .. }
            | Transition::TurnBegan { task, .. }
            | Transition::TurnEnded { task, .. }
            | Transition::Asked { task, .. }
            | Transition::Caught { task, .. }
            | Transition::Exited { task, .. } => self.span(task),
            _ => Span::none(),
        };
        if subject.is_none() {
            tracing::trace!(target: "turnwise", "{transition}");
        } else {
            tracing::trace!(target: "turnwise", parent: &subject, "{transition}");
        }
        match *transition {
            Transition::TurnBegan { task, .. } => {
                let entered = subject.entered();
                self.entered.borrow_mut().push((task, entered));
            }
            Transition::TurnEnded { task, .. } => self.leave(task),
            Transition::Exited { task, .. } => {
                self.leave(task); // The turn of a root that panics has no other end.
                let gone = self.spans.borrow_mut().remove(&task);
                drop(gone);
            }
            _ => {}
        }
    }
}

impl fmt::Debug for TaskSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSpans").finish_non_exhaustive()
    }
}

//! The current task: its id and its name.

use std::sync::Arc;

use crate::kernel::{TaskId, TaskKey, find};
use crate::report::id_of;
use crate::report::label_of;

/// Returns the id of the task whose turn it is.
///
/// # Panics
///
/// Outside of a turn; [`try_id`] returns `None` there.
///
/// # Example
///
/// ```
/// use turnwise::{spawn, task};
///
/// turnwise::block_on(async {
///     let child = spawn(async { task::id() });
///     let id = child.id();
///     assert_eq!(child.await.unwrap(), id);
///     assert!(id > task::id());
/// });
/// ```
#[track_caller]
#[doc(alias = "current_task")]
pub fn id() -> TaskId {
    try_id()
        .expect("`task::id` was called outside a task: call it inside one, or use `task::try_id`")
}

/// Returns the id of the task whose turn it is, or `None` outside of a turn.
///
/// # Example
///
/// ```
/// assert_eq!(turnwise::task::try_id(), None);
/// ```
pub fn try_id() -> Option<TaskId> {
    let task = TaskKey::current()?;
    id_of(&*find(task.scheduler)?, task.key)
}

/// Returns the name of the task whose turn it is; `None` if it has no name, or outside of a turn.
///
/// The root of a `block_on` is named "main".
///
/// # Example
///
/// ```
/// let name = turnwise::block_on(async { turnwise::task::name() });
/// assert_eq!(name.as_deref(), Some("main"));
/// ```
pub fn name() -> Option<Arc<str>> {
    label_of(TaskKey::current()?)?.name
}

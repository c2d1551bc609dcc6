//! The program's output, and remarks of its author, in the recording.

use std::panic::Location;

use crate::kernel::{TaskKey, current};
use crate::report::{Detail, id_anywhere};
use crate::watch::{detail, is_observing};

/// Prints a line, as `println!` does, and puts it into the recording of the scheduler that is running on this thread. In
/// an [`Observer`](crate::Observer), it only prints.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, record::{Event, Recorder}, say};
///
/// let recorder = Recorder::new();
/// recorder.attach(Scheduler::builder()).build().block_on(async { say!("I'm {}", "foo") });
/// let recording = recorder.finish();
/// let said = recording.entries().iter().find_map(|entry| match entry.event {
///     Event::Out { text, .. } => Some(recording.text(text)),
///     _ => None,
/// });
/// assert_eq!(said, Some("I'm foo"));
/// ```
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        let line = ::std::format!($($argument)*);
        ::std::println!("{line}");
        $crate::record::__said(&line, false);
    }};
}

/// Puts a remark into the recording of the scheduler that is running on this thread: the sentence of that moment. It
/// prints nothing. In an [`Observer`](crate::Observer), it does nothing.
///
/// # Example
///
/// ```
/// use turnwise::{Scheduler, note, record::{Recorder, Replay}};
///
/// let recorder = Recorder::new();
/// recorder.attach(Scheduler::builder()).build().block_on(async { note!("Here {} things begin.", 2) });
/// let replay = Replay::new(recorder.finish());
/// assert!(replay.steps().any(|step| step.to_string() == "Here 2 things begin."));
/// ```
#[macro_export]
macro_rules! note {
    ($($argument:tt)*) => {
        $crate::record::__said(&::std::format!($($argument)*), true)
    };
}

/// Records a line or a remark, for the macros.
#[doc(hidden)]
#[track_caller]
pub fn __said(text: &str, is_note: bool) {
    let Some(kernel) = current().filter(|_| !is_observing()) else { return };
    let place = Location::caller();
    let task = TaskKey::current().filter(|task| task.scheduler == kernel.id).map(id_anywhere);
    detail(kernel.id, || Detail::Said { task, text: text.into(), is_note, place });
}

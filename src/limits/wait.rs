//! Every wait of this crate is polled here, so that the limits of a turn know of all that are over.
//!
//! Two things are counted, and both need to know that: the results that a task was given in this turn, for the
//! budget; and the time, which is of use only with the place that the task came from. While nothing is counted, a
//! wait costs a look at a flag of the thread's, and that is all.

use std::task::{Context, Poll};

use crate::kernel::{Word, current, word};
use crate::limits::meter::Meter;
use crate::report::WaitsFor;

/// A poll of a wait of this crate, as the limits of a turn see it.
///
/// By value: that of a future is a `&mut` to it, and one that is made up for a single poll can be taken apart by the
/// compiler, and costs nothing.
pub(crate) trait Limited: Sized {
    /// What the wait ends with.
    type Output;

    /// Polls it, whether or not the task's budget is used up.
    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output>;

    /// Says what is waited for, if it has a name in reports. Asked before the poll: after it the wait may be gone.
    fn describe(&self) -> Option<WaitsFor> {
        None
    }
}

/// Polls a wait within the limits of the turn.
#[allow(clippy::inline_always, reason = "it is the poll of every wait")]
#[inline(always)]
pub(crate) fn poll_limited<W: Limited>(wait: W, cx: &Context<'_>) -> Poll<W::Output> {
    if word(Word::Limits) == 0 { wait.poll_now(cx) } else { poll_metered(wait, cx) }
}

/// Gives way, before the wait takes anything, if its task has used up its budget; that task is scheduled again. Or
/// else counts the wait if it is over.
#[cold]
fn poll_metered<W: Limited>(wait: W, cx: &Context<'_>) -> Poll<W::Output> {
    if is_over_budget(cx, || wait.describe()) {
        return Poll::Pending;
    }
    let polled = wait.poll_now(cx);
    if polled.is_ready() {
        count();
    }
    polled
}

fn is_over_budget(cx: &Context<'_>, describe: impl FnOnce() -> Option<WaitsFor>) -> bool {
    let Some(kernel) = current() else { return false };
    let Some(meter) = kernel.part::<Meter>() else { return false };
    let is_over = meter.is_used_up();
    if is_over {
        cx.waker().wake_by_ref(); // A foreign waker too: the poller is to come again.
    } else {
        meter.note(describe);
    }
    is_over
}

fn count() {
    let Some(kernel) = current() else { return };
    let Some(meter) = kernel.part::<Meter>() else { return };
    meter.count();
}

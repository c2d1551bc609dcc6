//! Every wait of this crate is polled here, so that the limits of a turn see each one that completes.
//!
//! Both limits need that: the budget counts the results that the task got in this turn, and the report of a slow
//! turn names the wait that preceded it. While there are no limits, a wait costs one check of a thread-local flag.

use std::task::{Context, Poll};

use crate::kernel::{Word, current, set_word, word};
use crate::limits::meter::Meter;
use crate::report::WaitsFor;
use crate::watch::emit_details;

/// A wait of this crate, as the limits of a turn see it.
///
/// Polled by value: a future implements it for `&mut` to itself, and the compiler optimizes away a wait that is
/// constructed for a single poll.
pub(crate) trait Limited: Sized {
    /// The result of the wait.
    type Output;

    /// Polls the wait, whether or not the task's budget is used up.
    fn poll_now(self, cx: &Context<'_>) -> Poll<Self::Output>;

    /// Describes the wait, if reports can name it. Called before the poll, which consumes the wait.
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

/// If the task has used up its budget, yields before the wait takes anything; the task is scheduled again.
/// Otherwise counts the wait if it completes.
#[cold]
fn poll_metered<W: Limited>(wait: W, cx: &Context<'_>) -> Poll<W::Output> {
    emit_details(); // Nothing is borrowed here, as is not the case where they are recorded.
    if is_over_budget(cx, || wait.describe()) {
        return Poll::Pending;
    }
    let polled = wait.poll_now(cx);
    if polled.is_ready() {
        count();
    }
    polled
}

/// Counts a result that needed no wait, so that a loop of such results yields, too. Pending if the budget is used up.
pub(crate) fn poll_at_once(cx: &Context<'_>) -> Poll<()> {
    poll_limited(AtOnce, cx)
}

/// Polls a group whose results are passed on together: all that are there are collected, in the order in which they came
/// to be, so the group yields only before the first of them. Each counts.
pub(crate) fn poll_together<T>(
    cx: &mut Context<'_>,
    collect: impl FnOnce(&mut Context<'_>) -> Vec<T>,
) -> Poll<Vec<T>> {
    if !is_limited() {
        return Poll::Ready(collect(cx));
    }
    if is_over_budget(cx, || None) {
        return Poll::Pending;
    }
    let results = {
        let _suspended = Suspended(word(Word::Limits));
        set_word(Word::Limits, 0);
        collect(cx)
    };
    results.iter().for_each(|_| count());
    Poll::Ready(results)
}

/// The limits of the turn hold again when this is dropped.
struct Suspended(u32);

impl Drop for Suspended {
    fn drop(&mut self) {
        set_word(Word::Limits, self.0);
    }
}

struct AtOnce;

impl Limited for AtOnce {
    type Output = ();

    fn poll_now(self, _: &Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Returns whether the task has used up its budget for this turn.
#[inline]
pub(crate) fn is_used_up() -> bool {
    is_limited()
        && current()
            .and_then(|kernel| kernel.part::<Meter>())
            .is_some_and(|meter| meter.is_used_up())
}

/// Returns whether this turn has limits.
#[inline]
pub(crate) fn is_limited() -> bool {
    word(Word::Limits) != 0
}

fn is_over_budget(cx: &Context<'_>, describe: impl FnOnce() -> Option<WaitsFor>) -> bool {
    let Some(kernel) = current() else { return false };
    let Some(meter) = kernel.part::<Meter>() else { return false };
    let is_over = meter.is_used_up();
    if is_over {
        cx.waker().wake_by_ref(); // Even a foreign waker: the poller must poll again.
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

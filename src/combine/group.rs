//! Many futures, polled by the task that waits for them.
//!
//! A small group is polled as a whole whenever the task takes its turn, with the task's own waker: whatever a
//! child waits for can store the task's key, which costs nothing, and a deadlock report is certain. For a
//! large group that would be quadratic, so each child gets a bell (`bells.rs`), and only children that were
//! rung are polled.

use std::ops::{ControlFlow, Range};
use std::task::{Context, Poll};

use crate::cancel::GroupRegion;
use crate::combine::bells::BellSet;
use crate::combine::children::ChildFutures;
use crate::combine::rotation::Rotation;
use crate::limits::{is_limited, is_used_up, poll_at_once, poll_together};
use crate::task::take_end;

/// A group of more children than this uses bells.
pub(super) const FEW: usize = 30;

/// Futures in the order in which they were given; the slots of those that have finished are empty.
pub(super) struct FutureGroup<F> {
    // Declared before the children, so dropped first: wakes that come from dropping the children go nowhere.
    bells: Option<BellSet>,
    children: ChildFutures<F>,
    left: usize,
    rotation: Rotation,
    /// A group that is lent moves to where it is polled with all its members, though few of these are polled there.
    region: GroupRegion,
    /// Stays `true` if a child panics.
    is_polling: bool,
}

impl<F: Future> FutureGroup<F> {
    pub(super) fn new<I>(futures: I) -> Self
    where
        I: IntoIterator<Item: IntoFuture<IntoFuture = F>>,
    {
        let children = ChildFutures::new(futures.into_iter().map(IntoFuture::into_future));
        let bells = (children.len() > FEW).then(|| {
            let count = u32::try_from(children.len());
            BellSet::new(count.expect("fewer than 2^32 futures fit into memory"))
        });
        FutureGroup {
            bells,
            left: children.len(),
            children,
            rotation: Rotation::new(),
            region: GroupRegion::new(),
            is_polling: false,
        }
    }

    /// Returns how many futures have not finished.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Polls the futures that can make progress, and calls `ended` with the number and the output of each
    /// that is ready. Ready when `ended` breaks, or when no future is left; until then the waker of `cx` is
    /// woken for further progress.
    ///
    /// # Panics
    ///
    /// If a child panics, and if it is polled again after that.
    pub(super) fn poll<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut ended: impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> Poll<ControlFlow<B>> {
        assert!(!self.is_polling, "a group of futures was polled again after one of them panicked");
        if self.left == 0 {
            return poll_at_once(cx).map(ControlFlow::Continue);
        }
        self.is_polling = true;
        let frame = self.region.begin_poll();
        let flow = match self.bells {
            Some(_) => self.poll_due(cx, &mut ended),
            None => self.poll_all(cx, &mut ended),
        };
        self.region.end_poll(frame, self.left > 0, cx);
        self.is_polling = false;
        if self.left == 0 {
            self.bells = None; // They hold the caller's waker.
        }
        match flow {
            ControlFlow::Continue(()) if self.left > 0 => Poll::Pending,
            flow => Poll::Ready(flow),
        }
    }

    /// Polls the futures, and returns the numbers and outputs of all that are ready, in the order of completion,
    /// whatever is left of the budget after the first. Pending if the budget was used up before.
    pub(super) fn poll_together(&mut self, cx: &mut Context<'_>) -> Poll<Vec<(usize, F::Output)>> {
        if self.left == 0 {
            return poll_at_once(cx).map(|()| Vec::new());
        }
        poll_together(cx, |cx| {
            let mut batch = Batch::new();
            let _ = self.poll(cx, |number, output| {
                batch.push((number, output));
                ControlFlow::<()>::Continue(())
            });
            batch.in_order().collect()
        })
    }

    fn poll_all<B>(
        &mut self,
        cx: &mut Context<'_>,
        ended: &mut impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (start, count) = (self.rotation.start(), self.children.len());
        let flow = match self.poll_part(start..count, cx, ended) {
            ControlFlow::Continue(()) if start > 0 => self.poll_part(0..start, cx, ended),
            flow => flow,
        };
        self.rotation.end(count);
        flow
    }

    fn poll_part<B>(
        &mut self,
        part: Range<usize>,
        cx: &mut Context<'_>,
        ended: &mut impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let is_limited = is_limited();
        for number in part {
            let mut place = self.children.at(number);
            let Some(child) = place.as_mut().as_pin_mut() else { continue };
            let poll = child.poll(cx);
            if is_limited {
                self.rotation.polled(number);
            }
            if let Poll::Ready(output) = poll {
                place.set(None);
                self.left -= 1;
                ended(number, output)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn poll_due<B>(
        &mut self,
        cx: &mut Context<'_>,
        ended: &mut impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some(bells) = &mut self.bells else { return ControlFlow::Continue(()) };
        let is_limited = is_limited();
        bells.collect(cx);
        // A budget that was used up before this poll leaves the children where they are: one that is polled goes to the
        // end of the queue, though it gets nothing.
        let due = if is_limited && is_used_up() { 0 } else { bells.due() };
        // A child that is rung during this poll is polled in the next one, so that the task yields.
        for _ in 0..due {
            let Some(number) = bells.next() else { break };
            let mut place = self.children.at(number as usize);
            let Some(child) = place.as_mut().as_pin_mut() else { continue };
            if let Poll::Ready(output) = bells.poll(number, |cx| child.poll(cx)) {
                place.set(None);
                self.left -= 1;
                ended(number as usize, output)?;
            }
            if is_limited && is_used_up() {
                break; // The next turn goes on with the others, before those that used it up.
            }
        }
        if bells.due() > 0 {
            cx.waker().wake_by_ref();
        }
        ControlFlow::Continue(())
    }
}

impl<F: Unpin> FutureGroup<F> {
    /// Calls `each` with the futures that have not finished, in the order in which they were given.
    pub(super) fn for_each_left(&mut self, mut each: impl FnMut(&mut F)) {
        for number in 0..self.children.len() {
            if let Some(future) = self.children.at(number).get_mut() {
                each(future);
            }
        }
    }

    /// Takes out the futures that have not finished, in the order in which they were given.
    pub(super) fn take_remaining(&mut self) -> Vec<F> {
        self.bells = None;
        self.left = 0;
        let numbers = 0..self.children.len();
        numbers.filter_map(|number| self.children.at(number).get_mut().take()).collect()
    }
}

/// The outputs of one poll of a group, in the order of completion.
///
/// A future completes when it is polled; but a task has completed earlier, and its handle records in which
/// turn.
pub(super) struct Batch<T>(Vec<(u64, T)>);

impl<T> Batch<T> {
    pub(super) fn new() -> Self {
        take_end(); // Discards the record of handles that were joined earlier.
        Batch(Vec::new())
    }

    pub(super) fn push(&mut self, output: T) {
        self.0.push((take_end().unwrap_or(u64::MAX), output));
    }

    pub(super) fn in_order(mut self) -> impl Iterator<Item = T> {
        self.0.sort_by_key(|&(turn, _)| turn);
        self.0.into_iter().map(|(_, output)| output)
    }
}

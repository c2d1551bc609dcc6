//! What a scope does with its children: gives them turns, passes requests on to them, and ends them.

use std::task::{Context, Poll};

use crate::cancel::{Reason, cancel};
use crate::kernel::{Ending, Failure, TaskId, drop_quietly};
use crate::scope::child::BoxedChild;
use crate::scope::error::ChildCause;
use crate::scope::slots::ChildSlot;
use crate::scope::spawning::Scope;

/// None of these methods unwinds.
impl Scope<'_, '_> {
    /// Polls the child with this number. If that is ready, the child has ended and is removed.
    #[inline]
    pub(super) fn turn(&self, number: u32, cx: &mut Context<'_>) -> Poll<Ending> {
        let Some(mut child) = self.slots.borrow_mut()[number].child.take() else {
            unreachable!("only unfinished children have turns")
        };
        let poll = match child.as_mut().turn(cx) {
            Poll::Ready(cause) => Poll::Ready(self.over(number, child, cause)),
            Poll::Pending => {
                self.slots.borrow_mut()[number].child = Some(child);
                Poll::Pending
            }
        };
        self.ask_to_end();
        poll
    }

    /// Drops the child with this number, if it has not ended, and leaves the failure for its handle.
    pub(super) fn end(&self, number: u32, failure: Failure) {
        let child = self.slots.borrow_mut()[number].child.take();
        if let Some(mut child) = child {
            child.as_mut().fail(failure);
            drop_quietly(child);
            self.slots.borrow_mut().remove(number);
        }
    }

    /// Drops a child that has had its last turn. Even if a destructor panics, it counts as returned.
    fn over(&self, number: u32, child: BoxedChild<'_>, cause: Option<Box<ChildCause>>) -> Ending {
        drop_quietly(child);
        let ChildSlot { slot, id, .. } = self.slots.borrow_mut().remove(number);
        match cause {
            Some(cause) => self.members.fail_child(slot, id, *cause),
            None => Ending::Returned,
        }
    }

    /// Passes a new request on to all children, before the next of them takes its turn.
    #[inline]
    pub(super) fn ask_to_end(&self) {
        if let Some(reason) = self.members.child_request.take() {
            self.ask_all(&reason);
        }
    }

    #[cold]
    fn ask_all(&self, reason: &Reason) {
        let Some(host) = self.members.host.get() else { return };
        for (id, slot, _) in self.in_order() {
            cancel(&host.kernel, slot, id, reason);
        }
    }

    /// Returns the children that are in their places, and their numbers, in the order in which they were spawned.
    fn in_order(&self) -> Vec<(TaskId, u32, u32)> {
        let slots = self.slots.borrow();
        let children = slots.iter().filter(|(_, child)| child.child.is_some());
        let mut children: Vec<_> =
            children.map(|(number, child)| (child.id, child.slot, number)).collect();
        children.sort_unstable();
        children
    }

    /// Drops the children that match, in the order in which they were spawned.
    #[cold]
    pub(super) fn end_if(&self, matches: impl Fn(u32, TaskId) -> bool) {
        let Some(host) = self.members.host.get() else { return };
        for (id, slot, number) in self.in_order() {
            if matches(slot, id) {
                host.end(slot, id, || self.end(number, Failure::Aborted));
            }
        }
    }

    /// Drops all children, and those that their destructors spawn.
    #[cold]
    pub(super) fn end_all(&self) {
        while !self.slots.borrow().is_empty() {
            self.end_if(|_, _| true);
        }
    }
}

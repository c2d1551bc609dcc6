//! A region as its combinator has it.
//!
//! Every combinator that cancelling concerns has a [`Region`], and polls what it wraps through it.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::cancel::details;
use crate::cancel::poller::Poller;
use crate::cancel::request::{Reason, Request};
use crate::cancel::root;
use crate::cancel::thread::{change, has_requests, with_regions};
use crate::cancel::top::{FRESH, TASK, replace_top, top};
use crate::cancel::tree::{Record, Role};
use crate::kernel::{Flags, Place, current_task, drop_quietly, find, in_poll, owner_of};
use crate::report::Transition;
use crate::report::id_of;
use crate::slab::NO_ENTRY;
use crate::watch::emit;

/// The region of a combinator. Dropping it takes it out of the tree. It is not `Send`, except as `Region<()>`, for
/// groups.
pub(crate) struct Region<M = *const ()> {
    /// [`FRESH`] until it is needed.
    pub(super) number: u32,
    pub(super) role: Role,
    /// Where the combinator was created, for reports.
    pub(super) place: Place,
    _marker: PhantomData<M>,
}

/// A region is the top of the thread until this goes.
pub(crate) struct Frame {
    number: u32,
    outer: u32,
}

impl Frame {
    /// The poll has returned. Returns the number of the region, which may have been made in it.
    #[inline]
    fn end(self) -> u32 {
        let number = replace_top(self.outer);
        mem::forget(self);
        number
    }
}

impl Drop for Frame {
    /// Runs only if the poll panics. If the region got its number in that poll, its owner never learns the number, so
    /// the region is removed here.
    #[cold]
    fn drop(&mut self) {
        let number = replace_top(self.outer);
        if number != self.number {
            drop_quietly(change(|regions, woken| regions.remove(number, woken)));
        }
    }
}

impl<M> Region<M> {
    /// A region of a combinator that reports never name.
    #[track_caller]
    pub(crate) const fn new(role: Role) -> Self {
        Region::at(role, Location::caller())
    }

    /// The region of a combinator that was created at this place.
    pub(crate) const fn at(role: Role, place: Place) -> Self {
        Region { number: FRESH, role, place, _marker: PhantomData }
    }

    /// Polls what it wraps: regions in there are below this one.
    #[inline]
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let frame = self.begin_poll();
        let poll = poll(cx);
        self.end_poll(frame, poll.is_pending(), cx);
        poll
    }

    /// A poll of what it wraps starts.
    #[inline(always)]
    pub(crate) fn begin_poll(&mut self) -> Frame {
        if self.number != FRESH || has_requests() {
            self.attach();
        }
        // Read after `attach`, which may have made the number of the region around this one.
        let outer = replace_top(self.number);
        Frame { number: self.number, outer }
    }

    /// The poll has ended.
    #[inline(always)]
    pub(crate) fn end_poll(&mut self, frame: Frame, is_pending: bool, cx: &Context<'_>) {
        self.number = frame.end();
        if is_pending {
            if self.number != FRESH || self.role != Role::Passage {
                self.stay(cx);
            }
        } else if self.number != FRESH {
            self.remove_now();
        }
    }

    /// A poll starts: moves the region to where that happens.
    #[inline(never)]
    pub(super) fn attach(&mut self) {
        if self.number == FRESH {
            self.number = create(self.role, self.place);
        }
        let (number, top, task) = (self.number, top(), current_task());
        let is_there = with_regions(|regions| {
            let record = &mut regions[number];
            (record.woken, record.is_abandoned) = (0, false);
            let parent = record.parent;
            let has_offer = record.offered.is_some() || record.moves.is_some();
            let is_below_task = || match parent {
                NO_ENTRY => task.is_none(),
                parent => regions[parent].role == Role::Root && regions[parent].poller.task == task,
            };
            let is_there = parent == top || top == TASK && is_below_task();
            if is_there && has_offer {
                regions.check_move(number);
            }
            is_there
        });
        if !is_there {
            link(number);
            details::begins(number, self.role, self.place);
            with_regions(|regions| regions.check_move(number));
        }
    }

    /// What it wraps is pending: it is in the tree, and whatever polls with `cx` is woken for it.
    #[inline(never)]
    fn stay(&mut self, cx: &Context<'_>) {
        if self.number == FRESH {
            self.number = create(self.role, self.place);
        }
        let is_linked = with_regions(|regions| {
            let record = &mut regions[self.number];
            (record.role, record.place) = (self.role, self.place);
            record.parent != NO_ENTRY
        });
        if !is_linked {
            link(self.number);
            details::begins(self.number, self.role, self.place);
        }
        self.set_poller(cx);
    }

    /// Whatever polls with `cx` is woken for it from now on.
    #[inline]
    pub(super) fn set_poller(&self, cx: &Context<'_>) {
        let (number, waker) = (self.number, cx.waker());
        let own = owner_of(waker);
        if !with_regions(|regions| regions[number].poller.is_for(own, waker)) {
            let poller = own.map_or_else(|| Poller::of_foreign(waker.clone()), Poller::of_task);
            drop_quietly(with_regions(|regions| mem::replace(&mut regions[number].poller, poller)));
        }
    }

    /// Makes a request on it, or counts it if there is one.
    pub(super) fn ask(&mut self, reason: Reason) {
        details::part_asked(self.number, self.place, &reason);
        change(|regions, _| regions.ask(self.number, reason));
    }

    /// Its number, if it is in the tree.
    pub(super) fn number(&self) -> Option<u32> {
        (self.number != FRESH).then_some(self.number)
    }

    /// Looks, after a pending poll of the combinator's own, whether that must act on the request on it.
    pub(super) fn settle(&self) -> bool {
        let Some(number) = self.number() else { return false };
        // Outside of a scheduler's turn, whether there was a rest is not known.
        let is_at_rest = in_poll().is_some_and(|flags| !flags.has(Flags::RUNG));
        change(|regions, woken| regions.settle(number, is_at_rest, woken).is_some())
    }

    /// The open request that it was offered: for a scope, in its poll. (The start of the poll has removed an offer of
    /// an asker that is not around it.)
    pub(crate) fn offer(&self) -> Option<Rc<Request>> {
        if self.number == FRESH {
            None
        } else {
            with_regions(|regions| regions[self.number].offer())
        }
    }

    /// Returns whether this request is not closed, and was made on something around it.
    pub(crate) fn is_asked(&self, request: &Request) -> bool {
        !request.is_closed() && with_regions(|regions| regions.is_in(self.number, request.region))
    }

    /// A scope has ended its tasks: it holds nothing any more.
    pub(super) fn let_go(&self) {
        with_regions(|regions| {
            regions[self.number].is_let_go = true;
            regions.touch(self.number);
        });
    }

    /// In its poll, a catch takes the request that it was offered. From now on, its clean-up has the region.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<Rc<Request>> {
        if self.number == FRESH || !has_requests() { None } else { self.take_offer() }
    }

    fn take_offer(&mut self) -> Option<Rc<Request>> {
        self.attach();
        let request = change(|regions, woken| regions.take(self.number, woken))?;
        emit_caught(&request.reason, self.place);
        Some(request)
    }

    /// Returns the region, in this role, for another owner.
    pub(super) fn hand_over(&mut self, role: Role) -> Region {
        let number = mem::replace(&mut self.number, FRESH);
        Region { number, ..Region::at(role, self.place) }
    }

    /// Takes it out of the tree.
    #[inline]
    pub(super) fn remove(&mut self) {
        if self.number != FRESH {
            self.remove_now();
        }
    }

    #[inline(never)]
    pub(super) fn remove_now(&mut self) {
        let number = mem::replace(&mut self.number, FRESH);
        details::ends(number, self.role);
        let is_unlinked = |record: &Record| record.parent == NO_ENTRY && record.first != NO_ENTRY;
        if with_regions(|regions| is_unlinked(&regions[number])) {
            link(number); // It ends in its first poll. The regions below it must be connected to the task.
        }
        drop_quietly(change(|regions, woken| regions.remove(number, woken)));
    }
}

impl<M> Drop for Region<M> {
    #[inline]
    fn drop(&mut self) {
        self.remove();
    }
}

impl<M> fmt::Debug for Region<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("role", &self.role).finish_non_exhaustive()
    }
}

fn create(role: Role, place: Place) -> u32 {
    with_regions(|regions| regions.create(role, place, Poller::default()))
}

/// Puts a region below the one that is being polled.
fn link(region: u32) {
    let parent = match top() {
        TASK => root::of_current(),
        FRESH => {
            let parent = create(Role::Passage, Location::caller());
            replace_top(parent); // Its owner finds it when its poll returns.
            parent
        }
        top => top,
    };
    change(|regions, woken| regions.link(region, parent, woken));
}

/// Notifies observers that the task whose turn it is has caught a request.
fn emit_caught(reason: &Reason, place: Place) {
    let Some(task) = current_task() else { return };
    let Some(kernel) = find(task.scheduler) else { return };
    if let Some(task) = id_of(&kernel, task.key) {
        emit(&kernel, || Transition::Caught { task, reason: reason.as_str().into(), place });
    }
}

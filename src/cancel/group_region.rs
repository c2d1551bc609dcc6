//! The region of a group of futures, which may be sent to another thread if these may.

use std::task::Context;

use crate::cancel::region::{Frame, Region};
use crate::cancel::thread::{this_thread, with_regions};
use crate::cancel::top::FRESH;
use crate::cancel::tree::Role;
use crate::slab::NO_ENTRY;

/// Between two polls it is in the tree only if other regions are below it; and these are of futures that stay on their
/// thread, and the group with them. (A future that hides such a region from its type, in a thread-local, loses it when
/// it is sent: what is left in the tree then is a passage with nothing to do.)
pub(crate) struct GroupRegion {
    region: Region<()>,
    /// The thread whose tree it is in.
    thread: u32,
}

impl GroupRegion {
    pub(crate) const fn new() -> Self {
        GroupRegion { region: Region::new(Role::Passage), thread: 0 }
    }

    #[inline]
    pub(crate) fn begin_poll(&mut self) -> Frame {
        if self.region.number != FRESH {
            self.check_thread();
        }
        let frame = self.region.begin_poll();
        if self.region.number != FRESH {
            self.thread = this_thread(); // The poll may panic.
        }
        frame
    }

    #[inline]
    pub(crate) fn end_poll(&mut self, frame: Frame, is_pending: bool, cx: &Context<'_>) {
        self.region.end_poll(frame, is_pending, cx);
        if self.region.number != FRESH {
            self.stay_for_others();
        }
    }

    #[inline(never)]
    fn stay_for_others(&mut self) {
        self.thread = this_thread();
        if with_regions(|regions| regions[self.region.number].first == NO_ENTRY) {
            self.region.remove_now();
        }
    }

    #[cold]
    fn check_thread(&mut self) {
        if self.thread != this_thread() {
            self.region.number = FRESH;
        }
    }
}

impl Drop for GroupRegion {
    #[inline]
    fn drop(&mut self) {
        if self.region.number != FRESH {
            self.check_thread();
        }
    }
}

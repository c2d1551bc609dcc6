//! How regions and requests leave the tree.

use std::mem;
use std::rc::Rc;

use crate::cancel::poller::Poller;
use crate::cancel::request::Request;
use crate::cancel::tree::{Regions, Role};
use crate::slab::NO_ENTRY;

impl Regions {
    /// Removes a region; if others are below it, it stays for them, without an owner. Returns what must be dropped with
    /// nothing borrowed.
    #[must_use]
    pub(super) fn remove(
        &mut self,
        region: u32,
        woken: &mut Vec<Poller>,
    ) -> (Poller, Option<Rc<Request>>) {
        if self.requests > 0 {
            self.touch(region);
        }
        self.close(region, woken);
        self.sweep(region, None, woken);
        self.wake_above(self[region].parent, woken);
        let record = &mut self[region];
        let (poller, offered) = (mem::take(&mut record.poller), record.offered.take());
        if record.first == NO_ENTRY {
            self.unlink_and_free(region);
        } else {
            (record.role, record.is_owned) = (Role::Passage, false);
        }
        self.trim();
        (poller, offered)
    }

    /// Closes the request on a region, if there is one. Wakes the scopes that were offered it: if their tasks have
    /// ended, they can complete now. Also wakes whatever has resumed it and was only lent to the asker: its next poll
    /// panics.
    pub(super) fn close(&mut self, region: u32, woken: &mut Vec<Poller>) {
        let Some(request) = self[region].request.take() else { return };
        self.touch(region);
        request.is_closed.set(true);
        self.requests -= 1;
        for waiting in request.waiting.take() {
            woken.extend(self.get(waiting).map(|record| record.poller.clone()));
        }
        self.sweep(region, Some(&request), woken);
    }

    /// Removes resumed leaves without an owner below a region: those of this request, and those of closed ones.
    pub(super) fn sweep(
        &mut self,
        region: u32,
        request: Option<&Rc<Request>>,
        woken: &mut Vec<Poller>,
    ) {
        let mut found = Vec::new();
        let mut next = if self.left_behind > 0 { self[region].first } else { NO_ENTRY };
        while next != NO_ENTRY {
            let record = &self[next];
            let is_done = record.offered.as_ref().is_none_or(|offered| {
                offered.is_closed() || request.is_some_and(|own| Rc::ptr_eq(own, offered))
            });
            if record.role == Role::Resumed && !record.is_owned && is_done {
                found.push(next);
            }
            next = self.after(next, region, true);
        }
        for one in found {
            self.left_behind -= 1;
            woken.push(mem::take(&mut self[one].poller)); // To be dropped with nothing borrowed.
            self.wake_above(self[one].parent, woken);
            if self[one].first == NO_ENTRY {
                self.unlink_and_free(one);
            } else {
                self[one].role = Role::Passage; // What was lent to the catch is still below it.
            }
        }
    }
}

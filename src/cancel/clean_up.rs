//! A clean-up after a cancel request: it starts when a catch takes the request, and ends by dropping or resuming it.

use std::rc::Rc;
use std::task::Context;

use crate::cancel::details;
use crate::cancel::poller::Poller;
use crate::cancel::region::Region;
use crate::cancel::request::Request;
use crate::cancel::thread::change;
use crate::cancel::top::FRESH;
use crate::cancel::tree::{Regions, Role};
use crate::slab::NO_ENTRY;
use crate::watch::is_detailed;

/// The clean-up after a request that was taken, or a place from which a request goes outward; it lasts until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct CleanUp {
    request: Rc<Request>,
    region: Region,
}

impl CleanUp {
    /// In the poll of a catch: takes the request that was offered to its region, if there is one.
    #[inline(always)]
    pub(super) fn begin(catch: &mut Region) -> Option<Self> {
        let request = catch.take()?;
        Some(CleanUp { request, region: catch.hand_over(Role::CleanUp) })
    }

    /// Makes the place of a closed yield, from which a request goes outward although no catch has taken it.
    pub(super) fn resumed(region: Region, request: Rc<Request>) -> Self {
        CleanUp { request, region }
    }

    /// A poll starts.
    pub(super) fn attach(&mut self) {
        self.region.attach();
    }

    /// The request.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Ends by passing the request on; called in every poll until it is dropped.
    ///
    /// # Panics
    ///
    /// If what was asked to end does not poll this, or is gone.
    pub(crate) fn resume(&mut self, cx: &Context<'_>) {
        self.region.attach();
        self.region.set_poller(cx);
        if self.region.role == Role::CleanUp {
            self.region.role = Role::Resumed;
            let number = self.region.number;
            if is_detailed() {
                details::cleaned_up(number, Some(self.request.reason.as_str()));
            }
            change(|regions, woken| regions.resume(number, &self.request, woken));
        }
        assert!(
            self.region.is_asked(&self.request),
            "the request \"{}\", which the `catch_cancel` at {} has taken and resumed, was made on \
             something other than what awaits it now: a future that is lent, shared or kept cannot \
             continue after that; give it a task of its own, as by `task::shield`",
            self.request.reason.as_str(),
            self.region.place
        );
    }
}

impl Drop for CleanUp {
    fn drop(&mut self) {
        let number = self.region.number;
        if self.region.role == Role::CleanUp && is_detailed() {
            details::cleaned_up(number, None);
        }
        let stays = change(|regions, woken| {
            if self.region.role == Role::CleanUp {
                regions.end_clean_up(&self.request, woken);
                return false;
            }
            regions.end_resumed(number, &self.request, woken)
        });
        if stays {
            self.region.number = FRESH; // The leaf has no owner any more.
        }
    }
}

impl Regions {
    /// A catch takes the request that it was offered. From now on it is a clean-up.
    pub(super) fn take(&mut self, catch: u32, woken: &mut Vec<Poller>) -> Option<Rc<Request>> {
        let request = self[catch].offer()?;
        self.touch(catch);
        let mut next = self.after(catch, catch, true);
        while next != NO_ENTRY {
            let record = &mut self[next];
            if record.role == Role::Resumed && record.is_offered(&request) {
                record.offered = None; // What was resumed there is taken.
                request.resumed.set(request.resumed.get() - 1);
            }
            next = self.after(next, catch, true);
        }
        self.sweep(catch, None, woken);
        self.hold_again(catch, &request);
        request.is_taken.set(true);
        request.clean_ups.set(request.clean_ups.get() + 1);
        self.clean_ups += 1;
        let now = self.now();
        (self[catch].role, self[catch].since) = (Role::CleanUp, now);
        Some(request)
    }

    /// A clean-up has ended.
    pub(super) fn end_clean_up(&mut self, request: &Rc<Request>, woken: &mut Vec<Poller>) {
        request.clean_ups.set(request.clean_ups.get() - 1);
        self.clean_ups -= 1;
        if !request.is_closed() {
            self.touch(request.region);
        }
        self.wake_asker(request, woken);
        if !request.is_closed() && request.is_dealt_with() && !self.is_offered_below(request) {
            self.close(request.region, woken);
        }
    }

    /// A catch has taken what was resumed inside it: masks between it and the asker hold again, unless a request was
    /// resumed elsewhere inside them too.
    fn hold_again(&mut self, catch: u32, request: &Rc<Request>) {
        let mut above = self[catch].parent;
        while above != NO_ENTRY && above != request.region {
            if self[above].role == Role::Mask && self[above].is_let_go {
                self[above].is_let_go = self.has_resumed_below(above);
            }
            above = self[above].parent;
        }
    }

    fn has_resumed_below(&self, region: u32) -> bool {
        let mut next = self.after(region, region, true);
        while next != NO_ENTRY {
            let record = &self[next];
            if record.role == Role::Resumed && record.open_offer().is_some() {
                return true;
            }
            next = self.after(next, region, true);
        }
        false
    }

    fn is_offered_below(&self, request: &Rc<Request>) -> bool {
        let mut next = self[request.region].first;
        while next != NO_ENTRY {
            let record = &self[next];
            if record.role == Role::Catch && record.is_offered(request) {
                return true;
            }
            next = self.after(next, request.region, record.role != Role::CleanUp);
        }
        false
    }

    /// A clean-up passes its request on. What is between it and the asker holds nothing any more.
    pub(super) fn resume(&mut self, region: u32, request: &Rc<Request>, woken: &mut Vec<Poller>) {
        let mut above = self[region].parent;
        while above != NO_ENTRY && above != request.region {
            let record = &mut self[above];
            record.is_let_go |= matches!(record.role, Role::Mask | Role::Passage);
            above = record.parent;
        }
        self[region].role = Role::Resumed;
        request.waiting.borrow_mut().push(region);
        request.resumed.set(request.resumed.get() + 1);
        self.end_clean_up(request, woken);
    }

    /// A resumed leaf is dropped. If no catch has taken the request, it stays for one further out, without an owner.
    /// Returns whether it stays.
    pub(super) fn end_resumed(
        &mut self,
        region: u32,
        request: &Request,
        woken: &mut Vec<Poller>,
    ) -> bool {
        if self[region].offered.is_none() {
            return false;
        }
        self.wake_asker(request, woken);
        let stays = !request.is_closed() && self.is_in(region, request.region);
        if stays {
            self[region].is_owned = false;
            self.left_behind += 1;
        } else {
            request.resumed.set(request.resumed.get() - 1);
            request.is_resumed.set(true);
        }
        stays
    }

    fn wake_asker(&self, request: &Request, woken: &mut Vec<Poller>) {
        if !request.is_closed() && !self.is_being_polled(request.region) {
            woken.push(self[request.region].poller.clone());
        }
    }
}

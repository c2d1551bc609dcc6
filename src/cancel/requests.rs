//! Cancel requests: which region takes one, which one holds it up, and how it ends.
//!
//! A request is made on a region, and delivered below it while nothing there is being polled:
//!
//! ```text
//! untaken ──1──▶ taken ──3──▶ closed     1 take: a catch below has it, and cleans up
//!    │             └────4──▶ resumed     2 deliver: nothing below can take it, or holds it
//!    └──2──▶ acts ◀────2────────┘        3 release: all clean-ups after it have ended
//!                                        4 release: the same, and one of them has resumed it
//! ```
//!
//! While it is untaken it goes to every catch that contains no other; a holder (a mask, a clean-up, a scope) makes it
//! wait. A catch is notified (`told`) and woken; it takes the request when it is next polled, so that the wrapped
//! future is dropped there, inside everything that is around it. A region that was notified and is never polled again
//! is found to be deaf, and is passed over. Once a catch has taken the request, no other catch is notified. Each catch
//! that was notified or has taken it has a *share* in it; when the last share is released, the request is closed or
//! continues.

use std::mem;
use std::rc::Rc;

use crate::cancel::regions::{Record, Regions, Ring, Role};
use crate::cancel::request::{Reason, Request};
use crate::slab::NO_ENTRY;

/// The outcome of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A region was notified or holds it, or there is no request.
    Waits,
    /// The region that it was made on must act itself.
    Acts,
}

/// How the poll before a delivery has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// There was no poll.
    No,
    /// The task was woken during its poll, so it may not have polled every region.
    Woken,
    /// The task was not woken during its poll: it came to rest.
    AtRest,
}

/// A region that was notified is given up as deaf if it has not been polled when the region of the request comes to
/// rest for the third time, or after this many polls. One rest would be enough for all futures that obey the contract
/// of `Future`; but the polls of a task that wakes itself prove nothing: `FuturesUnordered` yields before it has polled
/// all its futures.
const PATIENCE: u16 = 1024;

impl Regions {
    /// Makes a request on a region, or counts it if there is one. Returns whether it is new.
    ///
    /// Masks and scopes that already hold it up must prove again that they are still polled.
    pub(crate) fn ask(&mut self, region: u32, reason: Reason, rings: &mut Vec<Ring>) -> bool {
        let Some(request) = self.slab[region].request.clone() else {
            self.slab[region].request = Some(Request::new(region, reason));
            self.requests += 1;
            return true;
        };
        request.count.set(request.count.get().saturating_add(1));
        if !request.is_taken() {
            for one in self.below(region) {
                let one = &mut self.slab[one];
                if one.role.holds() && one.is_told() {
                    one.missed = Some(0);
                    rings.push(one.poller.clone());
                }
            }
            self.ring_if_missed(region, rings);
        }
        false
    }

    /// Makes a request that only holders can delay: no catch takes it.
    pub(crate) fn insist(&mut self, region: u32, reason: Reason) {
        let request = Request::new(region, reason);
        request.is_taken.set(true);
        request.is_resumed.set(true);
        self.slab[region].request = Some(request);
        self.requests += 1;
    }

    /// Finds the regions that can take or must hold the request on a region, and notifies them. The region must not be
    /// in the middle of a poll.
    pub(crate) fn deliver(
        &mut self,
        region: u32,
        polled: Polled,
        rings: &mut Vec<Ring>,
    ) -> Delivery {
        if polled != Polled::No {
            self.count_missed(region, polled, rings);
        }
        let Some(request) = self.slab[region].request.clone() else { return Delivery::Waits };
        // A request on a catch was resumed inside it: other catches have had it already.
        let only_holders = request.has_come_back() || self.slab[region].role == Role::Catch;
        if request.is_taken() && !only_holders {
            self.ring_if_missed(region, rings);
            return Delivery::Waits;
        }
        let found = self.find(region, &request, only_holders);
        if found.is_empty() {
            return Delivery::Acts;
        }
        let is_new = !request.is_known.replace(true);
        for one in found {
            self.tell(one, &request, is_new, rings);
        }
        self.ring_if_missed(region, rings);
        Delivery::Waits
    }

    fn tell(&mut self, region: u32, request: &Rc<Request>, is_new: bool, rings: &mut Vec<Ring>) {
        let record = &mut self.slab[region];
        if record.role == Role::CleanUp {
            return;
        }
        if record.is_told() {
            // Of another request. The region of that one may no longer be polled, and neither may this one, so it must
            // prove that it is. A catch that was notified has to prove it already.
            if is_new && record.role.holds() {
                record.missed = Some(0);
                rings.push(record.poller.clone());
            }
            return;
        }
        if record.role == Role::Catch {
            request.shares.set(request.shares.get() + 1);
        }
        (record.told, record.missed) = (Some(Rc::clone(request)), Some(0));
        rings.push(record.poller.clone());
    }

    /// Keeps a region polled until it is clear whether the regions below it that were notified are still polled.
    fn ring_if_missed(&mut self, region: u32, rings: &mut Vec<Ring>) {
        let is_missed = |one: u32| {
            let one = &self.slab[one];
            one.missed.is_some() && one.is_told()
        };
        if self.below(region).into_iter().any(is_missed) {
            rings.push(self.slab[region].poller.clone());
        }
    }

    /// Adds a missed poll to every region below that was notified and has not been polled since. After too many it is
    /// deaf, and its share is released.
    ///
    /// This includes regions that were notified of another request: the region of that request may have been abandoned
    /// together with them, and then nothing else counts for them. If it was not, it has already counted: once per turn
    /// is enough, however deeply regions with requests are nested.
    fn count_missed(&mut self, region: u32, polled: Polled, rings: &mut Vec<Ring>) {
        if self.slab[region].request.is_none() {
            return;
        }
        self.counts = self.counts.wrapping_add(1);
        let now = self.counts;
        let before = mem::replace(&mut self.slab[region].counted, now);
        let mut for_others = Vec::new();
        for one in self.below(region) {
            let record = &self.slab[one];
            let (Some(missed), Some(told)) = (record.missed, record.told.clone()) else { continue };
            if told.region != region && !told.is_over() {
                if self.slab[told.region].counted.wrapping_sub(before).cast_signed() > 0 {
                    continue;
                }
                for_others.push(told.region);
            }
            self.miss(one, missed, &told, polled, rings);
        }
        for other in for_others {
            self.slab[other].counted = now;
        }
    }

    fn miss(
        &mut self,
        one: u32,
        missed: u16,
        told: &Rc<Request>,
        polled: Polled,
        rings: &mut Vec<Ring>,
    ) {
        let missed = missed + if polled == Polled::AtRest { PATIENCE / 2 } else { 1 };
        let record = &mut self.slab[one];
        record.missed = Some(missed);
        if missed > PATIENCE {
            (record.is_deaf, record.told, record.missed) = (true, None, None);
            if record.role == Role::Catch {
                self.release(told, false, rings);
            }
        }
    }

    /// Returns the targets and holders below a region: each catch that contains no other, unless only holders are
    /// wanted; and every region that holds.
    fn find(&self, region: u32, request: &Rc<Request>, only_holders: bool) -> Vec<u32> {
        let mut found = Vec::new();
        // The regions on the path down, and how many had been found before each.
        let mut path: Vec<(u32, usize)> = Vec::new();
        let mut next = self.slab[region].first;
        loop {
            if next != NO_ENTRY {
                let one = &self.slab[next];
                if one.holds_up(request) {
                    if !one.is_deaf {
                        found.push(next);
                    }
                    next = one.next;
                } else {
                    path.push((next, found.len()));
                    next = one.first;
                }
                continue;
            }
            let Some((one, before)) = path.pop() else { return found };
            let left = &self.slab[one];
            // A catch that was notified of another request is about to clean up.
            let is_wanted = left.is_told() || !only_holders;
            if left.role == Role::Catch && found.len() == before && !left.is_deaf && is_wanted {
                found.push(one);
            }
            next = left.next;
        }
    }

    /// Takes the request that a catch was notified of, if there is one. From then on the region is a clean-up.
    pub(crate) fn take(&mut self, region: u32, rings: &mut Vec<Ring>) -> Option<Rc<Request>> {
        let request = self.slab[region].told.take().filter(|told| !told.is_over())?;
        if let Some(resumed) = self.slab[region].request.take() {
            self.requests -= 1;
            self.release(&resumed, true, rings);
        }
        if !request.is_taken() {
            self.ring_scopes(&request, rings);
        }
        Some(self.begin_clean_up(region, request))
    }

    /// Wakes the scopes that were notified of a request that a catch takes now: they were waiting for this.
    fn ring_scopes(&self, request: &Rc<Request>, rings: &mut Vec<Ring>) {
        for one in self.below(request.region) {
            let one = &self.slab[one];
            if one.role == Role::Scope && one.was_told(request) {
                rings.push(one.poller.clone());
            }
        }
    }

    /// Takes the request that was resumed inside a catch.
    pub(crate) fn take_resumed(&mut self, region: u32) -> Option<Rc<Request>> {
        let request = self.slab[region].request.take()?;
        self.requests -= 1;
        Some(self.begin_clean_up(region, request))
    }

    fn begin_clean_up(&mut self, region: u32, request: Rc<Request>) -> Rc<Request> {
        let record = &mut self.slab[region];
        (record.role, record.missed) = (Role::CleanUp, None);
        request.is_taken.set(true);
        request
    }

    /// Ends a clean-up by passing its request on: the region is left unlinked, for the region around it to find.
    pub(crate) fn resume(&mut self, region: u32, request: Rc<Request>, rings: &mut Vec<Ring>) {
        let record = &mut self.slab[region];
        (record.role, record.passing) = (Role::Passage, Some(request));
        self.leave(region, self.left(), rings);
    }

    /// Handles a request that was resumed below this region and has reached it.
    pub(crate) fn pass_out(&mut self, region: u32, request: Rc<Request>, rings: &mut Vec<Ring>) {
        let record = &mut self.slab[region];
        let is_own = record.request.as_ref().is_some_and(|own| Rc::ptr_eq(own, &request));
        record.is_given_up |= record.role == Role::Mask;
        let place = match record.role {
            Role::Catch if record.request.is_none() => {
                record.request = Some(request);
                self.requests += 1;
                return;
            }
            Role::Root => {
                let reason = request.reason.clone();
                self.release(&request, true, rings);
                if self.slab[region].request.is_none() {
                    self.insist(region, reason);
                }
                return;
            }
            Role::Catch => &mut record.request,
            _ if is_own => return self.release(&request, true, rings),
            _ => &mut record.passing,
        };
        match place {
            None => *place = Some(request),
            // Another branch has resumed the same request: the two continue as one.
            Some(same) if Rc::ptr_eq(same, &request) => {
                request.shares.set(request.shares.get() - 1);
            }
            Some(_) => self.release(&request, true, rings),
        }
    }

    /// Releases a share in a request that was dealt with, was `resumed`, or was never taken.
    pub(crate) fn release(&mut self, request: &Request, resumed: bool, rings: &mut Vec<Ring>) {
        request.shares.set(request.shares.get() - 1);
        request.is_resumed.set(request.is_resumed.get() || resumed);
        if request.shares.get() > 0 || request.is_over() {
            return;
        }
        if request.is_taken() && !request.is_resumed.get() {
            request.is_over.set(true);
            self.slab[request.region].request = None;
            self.requests -= 1;
        } else {
            rings.push(self.slab[request.region].poller.clone());
        }
    }

    /// Releases or closes the requests of a region that was removed.
    pub(crate) fn abandon_requests(&mut self, region: u32, record: &Record, rings: &mut Vec<Ring>) {
        if let Some(request) = &record.request {
            self.requests -= 1;
            if record.role == Role::Catch {
                self.release(request, true, rings);
            } else {
                debug_assert_eq!(request.region, region, "only a catch holds a foreign request");
                request.close();
            }
        }
        if let Some(request) = &record.passing {
            self.release(request, true, rings);
        }
        if let Some(request) = &record.told
            && record.role == Role::Catch
        {
            self.release(request, false, rings);
        }
    }

    /// Wakes every region from here upward that has a request, so that it delivers the request again.
    pub(crate) fn ring_above(&self, region: u32, rings: &mut Vec<Ring>) {
        let mut above = region;
        while above != NO_ENTRY {
            let record = &self.slab[above];
            if record.request.is_some() {
                rings.push(record.poller.clone());
            }
            above = record.parent;
        }
    }
}

impl Role {
    fn holds(self) -> bool {
        matches!(self, Role::Mask | Role::CleanUp | Role::Scope)
    }
}

impl Record {
    /// Returns whether it makes this request wait.
    ///
    /// A scope that has ended its tasks holds nothing up, unless a different request that is still open has ended them:
    /// then the region of that request must act first, before anything around the scope runs.
    fn holds_up(&self, request: &Rc<Request>) -> bool {
        let waits_for_another = self.role == Role::Scope
            && self.told.as_ref().is_some_and(|told| told.is_open() && !Rc::ptr_eq(told, request));
        self.role.holds() && (!self.is_given_up || waits_for_another)
    }

    /// Returns whether it was notified of a request that is not over.
    fn is_told(&self) -> bool {
        self.told.as_ref().is_some_and(|told| !told.is_over())
    }

    fn was_told(&self, request: &Rc<Request>) -> bool {
        self.told.as_ref().is_some_and(|told| Rc::ptr_eq(told, request))
    }
}

//! Requests to cancel: who takes one, who holds it up, and what becomes of it.
//!
//! A request is made on a region, and delivered below it while nobody polls there:
//!
//! ```text
//! untaken ──1──▶ taken ──3──▶ closed     1 take: a catch below has it, and cleans up
//!    │             └────4──▶ resumed     2 deliver: nothing below can have it, or holds it
//!    └──2──▶ acts ◀────2────────┘        3 release: all who had it are done with it
//!                                        4 release: the same, and one of them has resumed it
//! ```
//!
//! While it is untaken it goes to every catch that holds no other; a holder (a mask, a clean-up, a scope) makes
//! it wait. A catch is *told*, and woken; it takes the request when it is next polled, so that what it wraps is
//! dropped there, inside of all that is around it. Told and never polled again, it is found to be deaf, and is
//! passed over. Once somebody has taken the request nobody else is told. Whoever was told or has taken it has a
//! *share* in it; the last one to give up his share closes it, or finds that it goes on.

use std::mem;
use std::rc::Rc;

use crate::cancel::regions::{Record, Regions, Ring, Role};
use crate::cancel::request::{Reason, Request};
use crate::slab::NO_ENTRY;

/// What has come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Somebody was told, or holds it, or there is none.
    Waits,
    /// The region that it was made on must act itself.
    Acts,
}

/// How a poll has ended, before a request is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// There was none.
    No,
    /// The task was woken in it already, so it may not have reached everybody.
    Woken,
    /// The task came to rest.
    AtRest,
}

/// A region that was told is abandoned if it has not been polled when its requested region came to rest for
/// the third time, or for so many polls. One rest would do for all who keep to the rules of `Future`; but the
/// polls of a task that wakes itself prove nothing: `FuturesUnordered` gives way before it has reached all.
const PATIENCE: u16 = 1024;

impl Regions {
    /// Makes a request on a region, or counts it if there is one. Returns whether it is new.
    ///
    /// Masks and scopes that held it up before must show once more that somebody polls them.
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

    /// Makes a request on a region that nothing but holders can keep from acting.
    pub(crate) fn insist(&mut self, region: u32, reason: Reason) {
        let request = Request::new(region, reason);
        request.is_taken.set(true);
        request.is_resumed.set(true);
        self.slab[region].request = Some(request);
        self.requests += 1;
    }

    /// Looks who can take or must hold the request on a region, which nobody is polling now, and tells them.
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
        // A catch that is asked was resumed from inside: others have had the request.
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
            // Of another one. Whoever made that may be polled no more, and so may this: it must show that it
            // is. A catch that was told has that to show already.
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

    /// The owner of a region is polled again as long as it must be seen whether those who were told are.
    fn ring_if_missed(&mut self, region: u32, rings: &mut Vec<Ring>) {
        let is_missed = |one: u32| {
            let one = &self.slab[one];
            one.missed.is_some() && one.is_told()
        };
        if self.below(region).into_iter().any(is_missed) {
            rings.push(self.slab[region].poller.clone());
        }
    }

    /// Whoever was told and has not been polled since has missed a poll. After too many he is deaf, and gives
    /// up his share.
    ///
    /// It is the same if he was told of another request, whose region may have been abandoned together with him, so
    /// that nobody else counts. But if that is not so it has counted already: once in a turn is enough, however many
    /// regions with requests are around each other.
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

    /// The targets and holders below a region: each catch that holds no other, unless only holders are
    /// wanted; and whatever holds.
    fn find(&self, region: u32, request: &Rc<Request>, only_holders: bool) -> Vec<u32> {
        let mut found = Vec::new();
        // Those on the way down, and how many had been found before each.
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
            // One that was told of another request is about to clean up.
            let is_wanted = left.is_told() || !only_holders;
            if left.role == Role::Catch && found.len() == before && !left.is_deaf && is_wanted {
                found.push(one);
            }
            next = left.next;
        }
    }

    /// The request that a catch is to take, if it was told of one. From now on it is a clean-up.
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

    /// Somebody takes a request now. A scope beside him that was told of it too, and only waits for what comes
    /// of it, may go on.
    fn ring_scopes(&self, request: &Rc<Request>, rings: &mut Vec<Ring>) {
        for one in self.below(request.region) {
            let one = &self.slab[one];
            if one.role == Role::Scope && one.was_told(request) {
                rings.push(one.poller.clone());
            }
        }
    }

    /// The request that was resumed inside of a catch, which takes it now.
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

    /// A clean-up ends with passing its request on: it is left unlinked, for the region around it to find.
    pub(crate) fn resume(&mut self, region: u32, request: Rc<Request>, rings: &mut Vec<Ring>) {
        let record = &mut self.slab[region];
        (record.role, record.passing) = (Role::Passage, Some(request));
        self.leave(region, self.left(), rings);
    }

    /// A request that was resumed below this region has come out to it.
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
            // Another branch has resumed the same one: they go on as one.
            Some(same) if Rc::ptr_eq(same, &request) => {
                request.shares.set(request.shares.get() - 1);
            }
            Some(_) => self.release(&request, true, rings),
        }
    }

    /// Somebody gives up his share in a request: he is done with it, or has `resumed` it, or never took it.
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

    /// What becomes of the requests of a region that is gone.
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

    /// Every region from here up that has a request looks at it again.
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
    /// A scope that has ended its tasks holds nothing up; but if another request than this one has ended them,
    /// it is for the region of that to act, and nothing around the scope may run before.
    fn holds_up(&self, request: &Rc<Request>) -> bool {
        let waits_for_another = self.role == Role::Scope
            && self.told.as_ref().is_some_and(|told| told.is_open() && !Rc::ptr_eq(told, request));
        self.role.holds() && (!self.is_given_up || waits_for_another)
    }

    /// Returns whether it was told of a request that is not over.
    fn is_told(&self) -> bool {
        self.told.as_ref().is_some_and(|told| !told.is_over())
    }

    fn was_told(&self, request: &Rc<Request>) -> bool {
        self.told.as_ref().is_some_and(|told| Rc::ptr_eq(told, request))
    }
}

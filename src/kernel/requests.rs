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

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::regions::{Record, Regions, Ring, Role};
use crate::kernel::waits::NOBODY;

/// Why something should end.
#[derive(Clone, Debug)]
pub(crate) enum Reason {
    /// Nobody said.
    Unsaid,
    /// A deadline has passed.
    Deadline,
    Said(Arc<str>),
}

impl Reason {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Reason::Unsaid => "cancelled",
            Reason::Deadline => "the deadline has passed",
            Reason::Said(reason) => reason,
        }
    }
}

/// A wish that something should end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) reason: Reason,
    /// How often it was made.
    pub(crate) count: Cell<u32>,
    /// The region that it was made on; not to be used once it is over.
    region: u32,
    /// It is closed, or its region is gone.
    is_over: Cell<bool>,
    /// How many have been told and not taken it yet, or have taken it and are not done with it.
    shares: Cell<u32>,
    is_taken: Cell<bool>,
    /// Somebody who had taken it passed it on.
    is_resumed: Cell<bool>,
}

impl Request {
    fn new(region: u32, reason: Reason) -> Rc<Self> {
        Rc::new(Request {
            reason,
            count: Cell::new(1),
            region,
            is_over: Cell::new(false),
            shares: Cell::new(0),
            is_taken: Cell::new(false),
            is_resumed: Cell::new(false),
        })
    }

    /// It is over, since its region is gone.
    pub(crate) fn close(&self) {
        self.is_over.set(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Somebody has taken it.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }

    /// Everybody who had taken it is done with it, and somebody resumed: the region acts as soon as nothing
    /// holds it up, and no catch is told any more.
    fn has_come_back(&self) -> bool {
        self.is_resumed.get() && self.shares.get() == 0
    }
}

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
    /// Masks that held it up before must show once more that somebody polls them.
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
                if one.role.holds() && one.was_told(&request) {
                    one.missed = Some(0);
                    rings.push(one.poller.clone());
                }
            }
            self.ring_if_missed(region, &request, rings);
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
            self.ring_if_missed(region, &request, rings);
            return Delivery::Waits;
        }
        let found = self.find(region, only_holders);
        if found.is_empty() {
            return Delivery::Acts;
        }
        for one in found {
            self.tell(one, &request, rings);
        }
        self.ring_if_missed(region, &request, rings);
        Delivery::Waits
    }

    fn tell(&mut self, region: u32, request: &Rc<Request>, rings: &mut Vec<Ring>) {
        let record = &mut self.slab[region];
        let is_busy = record.told.as_ref().is_some_and(|told| !told.is_over());
        if is_busy || record.role == Role::CleanUp {
            return;
        }
        if record.role == Role::Catch {
            request.shares.set(request.shares.get() + 1);
        }
        (record.told, record.missed) = (Some(Rc::clone(request)), Some(0));
        rings.push(record.poller.clone());
    }

    /// The owner of a region is polled again as long as it must be seen whether those who were told are.
    fn ring_if_missed(&mut self, region: u32, request: &Rc<Request>, rings: &mut Vec<Ring>) {
        let is_open = |one: u32| {
            let one = &self.slab[one];
            one.missed.is_some() && one.was_told(request)
        };
        if self.below(region).into_iter().any(is_open) {
            rings.push(self.slab[region].poller.clone());
        }
    }

    /// Whoever was told and has not been polled since has missed a poll. After too many he is deaf, and gives
    /// up his share.
    fn count_missed(&mut self, region: u32, polled: Polled, rings: &mut Vec<Ring>) {
        let Some(request) = self.slab[region].request.clone() else { return };
        for one in self.below(region) {
            let record = &mut self.slab[one];
            if !record.was_told(&request) {
                continue;
            }
            let Some(missed) = &mut record.missed else { continue };
            *missed += if polled == Polled::AtRest { PATIENCE / 2 } else { 1 };
            if *missed > PATIENCE {
                (record.is_deaf, record.told, record.missed) = (true, None, None);
                if record.role == Role::Catch {
                    self.release(&request, false, rings);
                }
            }
        }
    }

    /// The targets and holders below a region: each catch that holds no other, unless only holders are
    /// wanted; and whatever holds.
    fn find(&self, region: u32, only_holders: bool) -> Vec<u32> {
        let mut found = Vec::new();
        // Those on the way down, and how many had been found before each.
        let mut path: Vec<(u32, usize)> = Vec::new();
        let mut next = self.slab[region].first;
        loop {
            if next != NOBODY {
                let one = &self.slab[next];
                if one.role.holds() && !one.is_given_up {
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
            let is_told = left.told.as_ref().is_some_and(|told| !told.is_over());
            let is_wanted = is_told || !only_holders;
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

    /// A clean-up ends with passing its request on: it is left unhung, for whoever is around it to find.
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
                debug_assert_eq!(request.region, region, "only a catch has a request of others");
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
        while above != NOBODY {
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
    fn was_told(&self, request: &Rc<Request>) -> bool {
        self.told.as_ref().is_some_and(|told| Rc::ptr_eq(told, request))
    }
}
